-- A credential may end by itself, and overlaps with the one that takes its place: a renewal brings its end forward. When it was last used
-- is known to the hour, so that a sign-in seldom writes.
alter table credentials
    -- How long it was made for, which a renewal repeats. Null: until it is revoked.
    add column lifetime_days integer,
    -- From then on it signs nobody in, and its tokens are refused. Null: never.
    add column expires_at timestamptz,
    -- A sign-in, at most an hour before the latest. Null: none since this column is there.
    add column last_used_at timestamptz,
    add constraint credentials_lifetime_days_check check (lifetime_days > 0),
    add constraint credentials_expires_at_check check (isfinite(expires_at)),
    add constraint credentials_last_used_at_check check (isfinite(last_used_at));

-- An end is brought forward by the operator alone.
grant update (last_used_at) on credentials to lumatrace_app;

-- The end is a state of its own, `not_after`, in seconds since 1970: servers hear of it when it is set, and need not when it comes.
create or replace function credential_access() returns trigger
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    -- An application is looked up by its id, an API key by itself.
    route bytea := case coalesce(new.kind, old.kind) when 'api_key' then coalesce(new.key_hash, old.key_hash)
        else public.access_key('application', '', coalesce(new.credential_id, old.credential_id)::text) end;
begin
    if tg_op = 'DELETE' then
        delete from public.credential_routes where lookup = route;
        perform public.set_access(public.access_key('credential', old.tenant_id, old.credential_id::text), 1, null);
        if old.expires_at is not null then
            -- Servers forget what expired long ago.
            perform public.set_access(public.access_key('not_after', old.tenant_id, old.credential_id::text), 1, 'epoch');
        end if;
        return null;
    end if;
    if tg_op = 'INSERT' then
        insert into public.credential_routes (lookup, sealed_tenant) values (route, new.sealed_tenant);
    end if;
    perform public.set_access(
        public.access_key('credential', new.tenant_id, new.credential_id::text), (new.revoked_at is not null)::int, null);
    if new.expires_at is not null then
        perform public.set_access(public.access_key('not_after', new.tenant_id, new.credential_id::text),
            floor(extract(epoch from new.expires_at))::bigint, null);
    end if;
    return null;
end
$$;

-- A use ends no token: it is told to no server.
drop trigger credential_access on credentials;
create trigger credential_access after insert or delete or update of revoked_at, expires_at on credentials
    for each row execute function credential_access();
