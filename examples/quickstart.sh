#!/usr/bin/env bash
# Walks the whole API once, as a client would: login, register, protect, verify, list, get, delete, logout.
# Prints one line a step. Stops with one sentence and exit code 1 at the first answer that is not as it should be.
#
#   examples/quickstart.sh [PHOTO]
#   examples/quickstart.sh --picture FILE    only writes the made-up picture, a PNG
#
# PHOTO is any JPEG, PNG or WebP photograph; without it a picture is made up. The photo that the walk registers is deleted
# again at its end. Needs curl and python3. Reads:
#   LUMATRACE_URL        where the server is (default http://127.0.0.1:8081)
#   LUMATRACE_TENANT, LUMATRACE_USERNAME, LUMATRACE_PASSWORD   whom to log in as; or, without them,
#   LUMATRACE_DATA_DIR   the server's data folder, which has demo-credentials.json (default data in this checkout)
set -euo pipefail

url=${LUMATRACE_URL:-http://127.0.0.1:8081}
data_dir=${LUMATRACE_DATA_DIR:-$(dirname -- "$0")/../data}
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

fail() {
    echo "quickstart: $*" >&2
    exit 1
}

step() {
    printf '%-28s %s\n' "$1" "$2"
}

# call NAME STATUS CURL-ARGUMENTS... PATH: sends a request, keeps body and headers, and insists on the status.
call() {
    local name=$1 wanted=$2 path=${*: -1} got
    shift 2
    set -- "${@:1:$#-1}"
    got=$(curl -sS --max-time 120 -o "$work/body" -D "$work/headers" -w '%{http_code}' "$@" "$url$path") ||
        fail "$name: no answer from $url"
    [ "$got" = "$wanted" ] || fail "$name: expected $wanted, got $got: $(head -c 400 "$work/body")"
}

# As call, with the token. It is in a file so that it does not show in the list of processes.
call_with_token() {
    local name=$1 wanted=$2
    shift 2
    call "$name" "$wanted" -H "@$work/authorization" "$@"
}

# member NAME: a member of the last JSON answer, as Python sees it (True, False, None); a.b goes into objects.
member() {
    python3 -c '
import functools, json, sys
with open(sys.argv[1]) as file:
    step = lambda value, name: value[int(name) if isinstance(value, list) else name]
    print(functools.reduce(step, sys.argv[2].split("."), json.load(file)))
' "$work/body" "$1"
}

# expect NAME MEMBER VALUE: insists on a member of the last JSON answer.
expect() {
    local got
    got=$(member "$2") || fail "$1: the answer has no $2"
    [ "$got" = "$3" ] || fail "$1: expected $2 to be $3, got $got"
}

# header NAME: a header of the last answer; NAME in lower case.
header() {
    awk -v name="$1:" 'tolower($1) == name { sub(/^[^:]*: */, ""); sub(/\r$/, ""); value = $0 } END { print value }' \
        "$work/headers"
}

sha256() {
    python3 -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$1"
}

# 768 x 512 pixels of waves, edges and grain, always the same: enough texture to carry a mark.
make_picture() {
    python3 - "$1" <<'PYTHON'
import math, struct, sys, zlib

WIDTH, HEIGHT = 768, 512
grain = 1
rows = bytearray()
for y in range(HEIGHT):
    rows.append(0)
    for x in range(WIDTH):
        wave = (math.sin(x * 0.013 + y * 0.007) * 40 + math.sin(x * 0.11 - y * 0.05) * 18
                + math.sin((x * x + y * y) * 0.00011) * 22 + math.sin(x * 0.41) * math.cos(y * 0.37) * 12)
        edge = 25 if (x // 96 + y // 64) % 2 else -10
        grain = (grain * 1103515245 + 12345) & 0x7FFFFFFF
        noise = (grain >> 16) % 17 - 8
        for level in (128 + wave + edge, 120 + wave * 0.8 - edge * 0.5, 110 - wave * 0.6 + edge):
            rows.append(min(max(int(level + noise), 0), 255))

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

with open(sys.argv[1], "wb") as file:
    file.write(b"\x89PNG\r\n\x1a\n"
               + chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0))
               + chunk(b"IDAT", zlib.compress(bytes(rows), 6)) + chunk(b"IEND", b""))
PYTHON
}

for program in curl python3; do
    command -v "$program" >/dev/null || fail "this script needs $program"
done
if [ "${1:-}" = --picture ]; then
    make_picture "${2:?the file to write}"
    exit
fi
curl -sS --max-time 10 -o /dev/null "$url/livez" 2>/dev/null ||
    fail "no server answers at $url: start one with script/server, or set LUMATRACE_URL"

# Whom to log in as.
if [ -n "${LUMATRACE_TENANT:-}${LUMATRACE_USERNAME:-}${LUMATRACE_PASSWORD:-}" ]; then
    for name in LUMATRACE_TENANT LUMATRACE_USERNAME LUMATRACE_PASSWORD; do
        [ -n "${!name:-}" ] || fail "LUMATRACE_TENANT, LUMATRACE_USERNAME and LUMATRACE_PASSWORD go together: set $name too"
    done
    export LUMATRACE_TENANT LUMATRACE_USERNAME LUMATRACE_PASSWORD
    python3 -c '
import json, os
print(json.dumps({"tenantId": os.environ["LUMATRACE_TENANT"], "username": os.environ["LUMATRACE_USERNAME"],
                  "password": os.environ["LUMATRACE_PASSWORD"]}))' >"$work/credentials.json"
elif [ -r "$data_dir/demo-credentials.json" ]; then
    cp -- "$data_dir/demo-credentials.json" "$work/credentials.json"
else
    fail "there is no $data_dir/demo-credentials.json: set LUMATRACE_DATA_DIR, or LUMATRACE_TENANT, _USERNAME and _PASSWORD"
fi

# The photograph.
if [ $# -gt 0 ]; then
    [ -r "$1" ] || fail "cannot read the photograph $1"
    cp -- "$1" "$work/original"
else
    make_picture "$work/original"
fi

call login 200 -H 'Content-Type: application/json' --data-binary "@$work/credentials.json" /api/v1/auth/login
expect login token_type Bearer
echo "Authorization: Bearer $(member access_token)" >"$work/authorization"
step login "token for $(member expires_in) seconds"

hash=$(sha256 "$work/original")
call_with_token register 200 -H 'Content-Type: application/json' \
    -d "{\"contentHash\":\"$hash\",\"deviceModel\":\"quickstart\"}" /api/v1/photos/register
photo=$(member photoId)
step register "photo $photo"

call_with_token protect 200 -F "image=@$work/original" \
    -F "request={\"photoId\":\"$photo\",\"contentHash\":\"$hash\"};type=application/json" /api/v1/photos/protect
mv -- "$work/body" "$work/protected"
[ "$(header x-photo-id)" = "$photo" ] || fail "protect: X-Photo-Id is not the registered photo"
[ "$(header x-content-sha256)" = "$(sha256 "$work/protected")" ] || fail "protect: X-Content-SHA256 is not the file's"
[ "$(header x-c2pa-status)" = SIGNED ] || fail "protect: the file carries no content credentials"
step protect "level $(header x-protection-level), PSNR $(header x-watermark-psnr) dB, $(header content-type)"

name="verify as returned"
call_with_token "$name" 200 -F "image=@$work/protected" -F "photoId=$photo" /api/v1/photos/verify
expect "$name" authentic True
expect "$name" exactMatch True
expect "$name" verdict INTACT
expect "$name" c2paStatus VALID
expect "$name" alteration NONE_FOUND
step "$name" "authentic, confidence $(member confidenceScore), z $(member watermark.zScore)"

name="verify the original"
call_with_token "$name" 200 -F "image=@$work/original" -F "photoId=$photo" /api/v1/photos/verify
expect "$name" authentic False
expect "$name" exactMatch False
expect "$name" alteration NOT_EXAMINED
step "$name" "not authentic, z $(member watermark.zScore)"

name="identify as returned"
call_with_token "$name" 200 -F "image=@$work/protected" /api/v1/photos/identify
expect "$name" matches.0.photoId "$photo"
expect "$name" matches.0.authentic True
step "$name" "found, confidence $(member matches.0.confidenceScore)"

name="identify the original"
call_with_token "$name" 200 -F "image=@$work/original" /api/v1/photos/identify
expect "$name" matches "[]"
step "$name" "no match without the mark"

call_with_token list 200 "/api/v1/photos?contentHash=$hash"
python3 -c '
import json, sys
with open(sys.argv[1]) as file:
    sys.exit(sys.argv[2] not in [item["photoId"] for item in json.load(file)["items"]])
' "$work/body" "$photo" || fail "list: the photo is not in the list"
step list "the photo is there"

call_with_token get 200 "/api/v1/photos/$photo"
expect get protectedSha256 "$(sha256 "$work/protected")"
step get "protected at $(member protectedAt)"

call_with_token delete 204 -X DELETE "/api/v1/photos/$photo"
step delete "done"

name="verify a deleted photo"
call_with_token "$name" 404 -F "image=@$work/protected" -F "photoId=$photo" /api/v1/photos/verify
expect "$name" code NOT_FOUND
step "$name" "refused: $(member code)"

call_with_token logout 200 -X POST /api/v1/auth/logout
step logout "$(member message)"

name="verify after logout"
call_with_token "$name" 401 -F "image=@$work/protected" -F "photoId=$photo" /api/v1/photos/verify
expect "$name" code AUTH_REVOKED
step "$name" "refused: $(member code)"

echo "quickstart: all steps are as they should be"
