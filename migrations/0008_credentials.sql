-- API keys and applications of a tenant. Their secrets are 256 random bits each, of which only SHA-256 is kept.
create table credentials (
    tenant_id text not null,
    credential_id uuid not null,
    kind text not null,
    name text not null,
    -- Of an API key: the key itself. Of an application: its token.
    key_hash bytea not null,
    -- Of an application: its secret.
    secret_hash bytea,
    -- Scopes that its tokens may have, separated by spaces.
    scope text not null,
    -- How long an application's token lasts.
    token_ttl_seconds integer not null,
    created_at timestamptz not null,
    revoked_at timestamptz,
    constraint credentials_pkey primary key (tenant_id, credential_id),
    constraint credentials_tenant_id_fkey foreign key (tenant_id) references tenants on delete cascade,
    constraint credentials_kind_check check (kind in ('api_key', 'application')),
    constraint credentials_secret_check check ((kind = 'application') = (secret_hash is not null)),
    constraint credentials_token_ttl_check check (token_ttl_seconds > 0)
);

create unique index credentials_key_hash_idx on credentials (tenant_id, key_hash);

alter table credentials enable row level security;
alter table credentials force row level security;
create policy credentials_tenant on credentials
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());

grant select, insert, update (revoked_at) on credentials to lumatrace_app;

-- Whose a credential is must be found before there is a tenant to ask as. `lookup` is SHA-256 of an API key or of an
-- application's id, and the tenant's name is sealed under the master key: who reads the table alone learns nothing.
create table credential_routes (
    lookup bytea not null,
    sealed_tenant bytea not null,
    constraint credential_routes_pkey primary key (lookup)
);

grant select, insert on credential_routes to lumatrace_app;

-- What ends tokens before their time. A token carries a number for its id, its account, its credential and its tenant; it is
-- refused where this table has a larger one under SHA-256 of that name, or none for its account, credential or tenant. Every server keeps the table in memory. It names
-- nobody, so that it can be read without a tenant.
create table access_states (
    access_key bytea not null,
    least bigint not null,
    changed_at timestamptz not null,
    -- Null: for as long as what it speaks of is there.
    expires_at timestamptz,
    constraint access_states_pkey primary key (access_key)
);

create index access_states_changed_at_idx on access_states (changed_at);
create index access_states_expires_at_idx on access_states (expires_at);

grant select, insert, update, delete on access_states to lumatrace_app;

create function access_key(kind text, tenant text, subject text) returns bytea
    language sql immutable parallel safe
    set search_path = pg_catalog
    return sha256(convert_to(kind || E'\n' || tenant || E'\n' || subject, 'UTF8'));

create function set_access(key bytea, least_number bigint, expiry timestamptz) returns void
    language plpgsql
    set search_path = pg_catalog
as $$
begin
    insert into public.access_states values (key, least_number, clock_timestamp(), expiry)
        on conflict on constraint access_states_pkey
        do update set least = excluded.least, changed_at = excluded.changed_at, expires_at = excluded.expires_at;
    -- Delivered when the transaction commits: who is told can read the row.
    perform pg_notify('lumatrace_access', '');
end
$$;

-- An account's tokens carry its generation: a clock in milliseconds, so that an account that is deleted and made again under
-- its old name does not revive old tokens.
alter table accounts
    add column generation bigint not null default floor(extract(epoch from clock_timestamp()) * 1000),
    drop column tokens_valid_from;

grant insert, update (password_hash, status, generation) on accounts to lumatrace_app;

create function account_access() returns trigger
    language plpgsql
    set search_path = pg_catalog
as $$
begin
    if tg_op = 'DELETE' then
        perform public.set_access(public.access_key('account', old.tenant_id, old.username), 9223372036854775807, null);
        return null;
    end if;
    if tg_op = 'INSERT' or new.generation <> old.generation then
        perform public.set_access(public.access_key('account', new.tenant_id, new.username), new.generation, null);
    end if;
    return null;
end
$$;

create trigger account_access after insert or update or delete on accounts
    for each row execute function account_access();

create function credential_access() returns trigger
    language plpgsql
    set search_path = pg_catalog
as $$
begin
    if tg_op = 'DELETE' then
        -- An application is looked up by its id, an API key by itself.
        delete from public.credential_routes
            where lookup = case old.kind when 'api_key' then old.key_hash
                else public.access_key('application', '', old.credential_id::text) end;
        perform public.set_access(public.access_key('credential', old.tenant_id, old.credential_id::text), 1, null);
        return null;
    end if;
    perform public.set_access(
        public.access_key('credential', new.tenant_id, new.credential_id::text), (new.revoked_at is not null)::int, null);
    return null;
end
$$;

create trigger credential_access after insert or update or delete on credentials
    for each row execute function credential_access();

create function tenant_access() returns trigger
    language plpgsql
    set search_path = pg_catalog
as $$
begin
    if tg_op = 'DELETE' then
        perform public.set_access(public.access_key('tenant', old.tenant_id, ''), 1, null);
        return null;
    end if;
    if tg_op = 'INSERT' or new.status <> old.status then
        perform public.set_access(public.access_key('tenant', new.tenant_id, ''), (new.status <> 'active')::int, null);
    end if;
    return null;
end
$$;

create trigger tenant_access after insert or update or delete on tenants
    for each row execute function tenant_access();

create function token_access() returns trigger
    language plpgsql
    set search_path = pg_catalog
as $$
begin
    perform public.set_access(public.access_key('token', new.tenant_id, new.token_id::text), 1, new.expires_at);
    return null;
end
$$;

create trigger token_access after insert on revoked_tokens
    for each row execute function token_access();

-- What was there before.
select set_access(access_key('account', tenant_id, username), generation, null) from accounts;
select set_access(access_key('tenant', tenant_id, ''), (status <> 'active')::int, null) from tenants;
select set_access(access_key('token', tenant_id, token_id::text), 1, expires_at) from revoked_tokens;
