#!/bin/sh
# Makes the database and its roles (docs/operations.md, "A PostgreSQL of your own"). The PostgreSQL image runs it once, when its
# volume is new.
set -eu
psql -v ON_ERROR_STOP=1 --no-psqlrc --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    -v owner="$(cat "${SECRETS:-/run/secrets}/owner-password")" -v serve="$(cat "${SECRETS:-/run/secrets}/serve-password")" <<'SQL'
create role lumatrace_app nologin;
create role lumatrace login password :'owner';
grant lumatrace_app to lumatrace;
create role lumatrace_serve login password :'serve' in role lumatrace_app;
create database lumatrace owner lumatrace;
revoke temporary on database lumatrace from public;
\connect lumatrace
do $$ declare one regprocedure; begin
    for one in select oid from pg_proc where pronamespace = 'pg_catalog'::regnamespace
        and (starts_with(proname, 'lo_') or proname in ('loread', 'lowrite'))
    loop execute format('revoke execute on function %s from public', one); end loop;
end $$;
SQL
