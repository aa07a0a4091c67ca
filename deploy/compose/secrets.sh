#!/bin/sh
# Makes the secrets that compose.yaml names, once: deploy/compose/secrets.sh. As root, each file belongs to the user that reads it;
# otherwise the folder alone keeps others out.
# Keep a copy of secrets/master-key in another place: without it no photo can be verified again.
set -eu
umask 077
cd -- "$(dirname -- "$0")"
mkdir secrets || { echo "secrets.sh: there are secrets already, and the database knows no others" >&2; exit 1; }
cd secrets

# secret NAME UID VALUE
secret() {
    printf '%s\n' "$3" >"$1"
    if [ "$(id -u)" -eq 0 ]; then
        chown "$2:$2" "$1"
        chmod 0400 "$1"
    else
        chmod 0444 "$1"
    fi
}

password() {
    head -c 24 /dev/urandom | od -An -vtx1 | tr -d ' \n'
}

server=10001 postgres=999 grafana=472
owner=$(password)
serve=$(password)
secret master-key "$server" "$(head -c 32 /dev/urandom | base64)"
secret database-url "$server" "postgres://lumatrace_serve:$serve@postgres/lumatrace"
secret database-owner-url "$server" "postgres://lumatrace:$owner@postgres/lumatrace"
secret postgres-password "$postgres" "$(password)"
secret owner-password "$postgres" "$owner"
secret serve-password "$postgres" "$serve"
secret grafana-password "$grafana" "$(password)"
echo "made $PWD"
