-- What tenants share, the serving role changes through functions alone, each of which can do one thing.
--
-- They run with the rights of the owner (security definer), so that each pins its search path, with pg_temp last: nothing that a
-- caller makes can stand in for what they name. Nobody but the serving role may call them.

-- The table that ends tokens. Triggers write it for what a tenant does to its own accounts, credentials and tokens.
revoke insert, update, delete on access_states from lumatrace_app;

alter function account_access() security definer;
alter function account_access() set search_path = pg_catalog, pg_temp;
alter function tenant_access() security definer;
alter function tenant_access() set search_path = pg_catalog, pg_temp;
alter function token_access() security definer;
alter function token_access() set search_path = pg_catalog, pg_temp;
alter function fold_ended_tokens(text, integer) security definer;

-- The way from a credential to its tenant is made with the credential, and asked for one at a time.
alter table credentials
    -- What the trigger below puts into `credential_routes`.
    add column sealed_tenant bytea;

revoke select, insert on credential_routes from lumatrace_app;

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
        return null;
    end if;
    if tg_op = 'INSERT' then
        insert into public.credential_routes (lookup, sealed_tenant) values (route, new.sealed_tenant);
    end if;
    perform public.set_access(
        public.access_key('credential', new.tenant_id, new.credential_id::text), (new.revoked_at is not null)::int, null);
    return null;
end
$$;

create function credential_route(wanted bytea) returns bytea
    language sql stable
    security definer
    set search_path = pg_catalog, pg_temp
    return (select sealed_tenant from public.credential_routes where lookup = wanted);

-- A signing key is needed until the tokens that it signed have expired. That is put off, and never brought forward; ten years is
-- the longest that a token lasts.
revoke update (tokens_until) on signing_keys from lumatrace_app;

create function keep_signing_key(of_key text, until timestamptz) returns void
    language sql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
    update public.signing_keys
        set tokens_until = greatest(tokens_until, least(until, now() + interval '4000 days'))
        where key_id = of_key;
$$;

-- Functions that keep the audit log: a temporary table of the same name is not what they ask.
create or replace function begin_audit() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
    as $$
begin
    insert into public.audit_heads (tenant_id, sequence, hash) values (new.tenant_id, 0, decode(repeat('00', 32), 'hex'));
    return null;
end $$;

create or replace function keep_audit_event() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
    as $$
begin
    if tg_op = 'DELETE' then
        perform from public.tenants where tenant_id = old.tenant_id;
        if not found then
            return old;
        end if;
    end if;
    raise exception 'audit events are append-only' using errcode = 'restrict_violation';
end $$;

create or replace function keep_audit_head() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
    as $$
begin
    if tg_op = 'UPDATE' and new.tenant_id = old.tenant_id and new.sequence = old.sequence + 1 then
        return new;
    end if;
    if tg_op = 'DELETE' then
        perform from public.tenants where tenant_id = old.tenant_id;
        if not found then
            insert into public.deleted_tenants (tenant_id, deleted_at, events, last_hash)
                values (old.tenant_id, clock_timestamp(), old.sequence, old.hash);
            return old;
        end if;
    end if;
    raise exception 'the head of an audit chain only moves on' using errcode = 'restrict_violation';
end $$;

alter function current_tenant() set search_path = pg_catalog, pg_temp;
alter function access_key(text, text, text) set search_path = pg_catalog, pg_temp;
alter function signing_keys_changed() set search_path = pg_catalog, pg_temp;

revoke execute on function
    current_tenant(), access_key(text, text, text), set_access(bytea, bigint, timestamptz), tidy_access_states(),
    fold_ended_tokens(text, integer), credential_route(bytea), keep_signing_key(text, timestamptz),
    account_access(), credential_access(), tenant_access(), token_access(), signing_keys_changed(),
    begin_audit(), keep_audit_event(), keep_audit_head()
    from public;
grant execute on function
    current_tenant(), access_key(text, text, text), tidy_access_states(), fold_ended_tokens(text, integer),
    credential_route(bytea), keep_signing_key(text, timestamptz)
    to lumatrace_app;
