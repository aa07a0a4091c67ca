-- Content credentials: the server's own certificate authority, who signs manifests, and whose signatures are trusted. Private keys
-- are sealed under the master key.
--
-- No table of a tenant: servers copy the last two, for all tenants at once. They name nobody, but for what a certificate says, which
-- stands in every file that its key has signed. The owner of the tables alone writes them.

-- One row. Of it, a server reads the root; what its keys sign, the owner makes.
create table certificate_authority (
    authority_id uuid not null,
    only_one boolean not null default true,
    root bytea not null,
    sealed_root_key bytea not null,
    issuing bytea not null,
    sealed_issuing_key bytea not null,
    -- The kind of its leaves.
    algorithm text not null,
    created_at timestamptz not null,
    constraint certificate_authority_pkey primary key (authority_id),
    constraint certificate_authority_only_one_key unique (only_one),
    constraint certificate_authority_only_one_check check (only_one),
    constraint certificate_authority_algorithm_check check (algorithm in ('ps256', 'es256', 'ed25519'))
);

create table signers (
    signer_id uuid not null,
    -- The tenant under its hashed name, access_key('tenant', name, ''); null for the server's.
    tenant_key bytea,
    origin text not null,
    algorithm text not null,
    -- Certificates in DER, the leaf first, without the root.
    chain bytea[] not null,
    -- Null when it was removed: the key is gone then.
    sealed_key bytea,
    not_after timestamptz not null,
    created_at timestamptz not null,
    removed_at timestamptz,
    constraint signers_pkey primary key (signer_id),
    constraint signers_tenant_key_check check (octet_length(tenant_key) = 32),
    constraint signers_origin_check check (origin = 'imported' or (origin = 'self-made' and tenant_key is null)),
    constraint signers_algorithm_check check (algorithm in ('ps256', 'es256', 'ed25519')),
    constraint signers_chain_check check (cardinality(chain) > 0),
    constraint signers_removed_at_check check ((removed_at is null) = (sealed_key is not null))
);

create table trust_lists (
    name text not null,
    -- Another with each import under that name.
    list_id uuid not null,
    kind text not null,
    -- Certificates in DER.
    anchors bytea[] not null,
    -- When its publisher will have replaced it; null where it does not say.
    next_update timestamptz,
    imported_at timestamptz not null,
    constraint trust_lists_pkey primary key (name),
    constraint trust_lists_kind_check check (kind in ('manifest', 'tsa')),
    constraint trust_lists_anchors_check check (cardinality(anchors) > 0)
);

grant select (root) on certificate_authority to lumatrace_app;
grant select on signers, trust_lists to lumatrace_app;

-- A tenant's signers go with it.
create function tenant_signers() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    delete from public.signers where tenant_key = public.access_key('tenant', old.tenant_id, '');
    return null;
end
$$;

create trigger tenant_signers after delete on tenants for each row execute function tenant_signers();

create function signers_changed() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_notify('lumatrace_access', 'signers');
    return null;
end
$$;

create trigger signers_changed after insert or update or delete on certificate_authority
    for each statement execute function signers_changed();
create trigger signers_changed after insert or update or delete on signers
    for each statement execute function signers_changed();
create trigger signers_changed after insert or update or delete on trust_lists
    for each statement execute function signers_changed();

revoke execute on function tenant_signers(), signers_changed() from public;
