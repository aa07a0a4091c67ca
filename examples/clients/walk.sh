#!/usr/bin/env bash
# The walk of a client with curl: login, protect, verify, logout.
#
#   examples/clients/walk.sh PHOTO
#
# Needs curl 7.76 and python3, which reads JSON. LUMATRACE_URL, LUMATRACE_TENANT, LUMATRACE_USERNAME and LUMATRACE_PASSWORD say where
# and whom. Protects under an Idempotency-Key, so that sending again after a broken connection cannot protect twice.
set -euo pipefail

photo=${1:?usage: walk.sh PHOTO}
url=${LUMATRACE_URL:-http://127.0.0.1:8081}
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

# send CURL-ARGUMENTS... PATH: the body goes to $work/body, the headers to $work/headers. Sends again after a lost connection, 409 in
# progress, 429 or 503, when the server says so.
send() {
    local path=${*: -1} status try wait
    for try in 1 2 3 4 5; do
        status=$(curl -sS --max-time 120 -X POST -o "$work/body" -D "$work/headers" -w '%{http_code}' \
            "${@:1:$#-1}" "$url$path") || status=000
        wait=$(header retry-after)
        case $status in
            200) return ;;
            000) sleep "$try" ;;
            409 | 429 | 503) [ -n "$wait" ] || break; sleep "$wait" ;;
            *) break ;;
        esac
    done
    echo "$path: $status $(member code): $(member message) ($(member action)) traceId $(member traceId)" >&2
    exit 1
}

header() {
    sed -n "s/^$1: \(.*\)\r$/\1/Ip" "$work/headers" 2>/dev/null | tail -n 1
}

member() {
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1])).get(sys.argv[2], ""))' "$work/body" "$1" 2>/dev/null
}

python3 - >"$work/account" <<'PYTHON'
import json, os
names = {"tenantId": "TENANT", "username": "USERNAME", "password": "PASSWORD"}
print(json.dumps({member: os.environ["LUMATRACE_" + name] for member, name in names.items()}))
PYTHON
# The password and the token are in files, so that they do not show in the list of processes.
send -H 'Content-Type: application/json' --data-binary "@$work/account" /api/v1/auth/login
echo "Authorization: Bearer $(member token)" >"$work/token"

key=$(python3 -c 'import uuid; print(uuid.uuid4())')
send -H "@$work/token" -H "Idempotency-Key: $key" -F "image=@$photo" -F 'request={"deviceModel":"walk.sh"}' \
    /api/v1/photos/protect
id=$(header x-photo-id)
mv -- "$work/body" "$work/protected"
echo "protected $id, $(header x-watermark-psnr) dB, $(wc -c <"$work/protected") bytes"

send -H "@$work/token" -F "image=@$work/protected" -F "photoId=$id" /api/v1/photos/verify
verdict="$(member authentic) $(member verdict)"
echo "verify: authentic $verdict, $(member message)"
echo "content credentials: $(member c2paStatus)"
send -H "@$work/token" /api/v1/auth/logout
[ "$verdict" = "True INTACT" ] || { echo "the protected file should be authentic and intact" >&2; exit 1; }
