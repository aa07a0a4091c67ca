-- What the Soft Binding Resolution API keeps (docs/soft-bindings.md): manifests that clients stored, and values by which manifests are
-- found again.

-- Bytes of strangers, which take part in no verdict.
create table stored_manifests (
    tenant_id text not null,
    -- The URN of the active manifest; one that was drawn for bytes that are no manifest store.
    manifest_id text not null,
    sha256 bytea not null,
    bytes bytea not null,
    -- Whether the bytes are a manifest store (JUMBF), as far as its boxes go.
    parsed boolean not null,
    stored_at timestamptz not null,
    constraint stored_manifests_pkey primary key (tenant_id, manifest_id),
    constraint stored_manifests_tenant_id_fkey foreign key (tenant_id) references tenants on delete cascade,
    constraint stored_manifests_sha256_check check (octet_length(sha256) = 32)
);

-- Signatures do not compress.
alter table stored_manifests alter column bytes set storage external;

-- The earliest of an id, over all tenants.
create index stored_manifests_manifest_id_idx on stored_manifests (manifest_id, stored_at);

alter table stored_manifests enable row level security;
alter table stored_manifests force row level security;
create policy stored_manifests_tenant on stored_manifests
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());
create policy stored_manifests_public on stored_manifests for select
    using (current_setting('lumatrace.public', true) = 'on' and is_publishing(tenant_id));

grant select, insert, delete on stored_manifests to lumatrace_app;

-- Values that lead to a manifest of the tenant's: one that it stored, or that of a photo.
create table bindings (
    tenant_id text not null,
    -- SHA-256 of the value, which is compared and never shown.
    value_sha256 bytea not null,
    manifest_id text not null,
    -- The name of the algorithm that the value is of; empty for any.
    alg text not null,
    -- Where the manifest is: the same id in one of the two, so that the binding goes with it.
    stored_manifest text,
    photo_manifest text,
    bound_at timestamptz not null,
    constraint bindings_pkey primary key (tenant_id, value_sha256, manifest_id, alg),
    constraint bindings_stored_manifest_fkey foreign key (tenant_id, stored_manifest)
        references stored_manifests (tenant_id, manifest_id) on delete cascade,
    constraint bindings_photo_manifest_fkey foreign key (tenant_id, photo_manifest)
        references manifests (tenant_id, manifest_id) on delete cascade,
    constraint bindings_value_sha256_check check (octet_length(value_sha256) = 32),
    constraint bindings_manifest_check
        check (num_nonnulls(stored_manifest, photo_manifest) = 1 and manifest_id = coalesce(stored_manifest, photo_manifest))
);

create index bindings_stored_manifest_idx on bindings (tenant_id, stored_manifest) where stored_manifest is not null;
create index bindings_photo_manifest_idx on bindings (tenant_id, photo_manifest) where photo_manifest is not null;
-- The earliest of a value, over all tenants.
create index bindings_value_sha256_idx on bindings (value_sha256, bound_at);

alter table bindings enable row level security;
alter table bindings force row level security;
create policy bindings_tenant on bindings
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());
-- Not those of a photo's manifest: whether that is public, `publications` says.
create policy bindings_public on bindings for select
    using (stored_manifest is not null and current_setting('lumatrace.public', true) = 'on' and is_publishing(tenant_id));

grant select, insert, delete on bindings to lumatrace_app;

-- How much a tenant keeps of both: one row, moved by triggers, so that what goes with a photo or a manifest is counted off, too. It is
-- locked until the end of the transaction that moved it, so that limits hold exactly.
create table soft_binding_tallies (
    tenant_id text not null,
    manifests bigint not null default 0,
    manifest_bytes bigint not null default 0,
    bindings bigint not null default 0,
    constraint soft_binding_tallies_pkey primary key (tenant_id),
    constraint soft_binding_tallies_tenant_id_fkey foreign key (tenant_id) references tenants on delete cascade
) with (fillfactor = 50);

alter table soft_binding_tallies enable row level security;
alter table soft_binding_tallies force row level security;
create policy soft_binding_tallies_tenant on soft_binding_tallies
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());

grant select, insert, update on soft_binding_tallies to lumatrace_app;

-- A statement at a time: of a tenant that is deleted, one that counted row by row would write the same row 100,000 times.
create function tally_stored_manifests() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
    as $$
begin
    if tg_op = 'INSERT' then
        insert into public.soft_binding_tallies as tally (tenant_id, manifests, manifest_bytes)
            select tenant_id, count(*), sum(octet_length(bytes)) from changed group by tenant_id
            on conflict (tenant_id) do update set
                manifests = tally.manifests + excluded.manifests,
                manifest_bytes = tally.manifest_bytes + excluded.manifest_bytes;
    else
        -- Of a tenant that is being deleted, the row may be gone.
        update public.soft_binding_tallies tally
            set manifests = tally.manifests - gone.manifests, manifest_bytes = tally.manifest_bytes - gone.bytes
            from (select tenant_id, count(*) as manifests, sum(octet_length(bytes)) as bytes from changed group by tenant_id) gone
            where tally.tenant_id = gone.tenant_id;
    end if;
    return null;
end $$;

create function tally_bindings() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
    as $$
begin
    if tg_op = 'INSERT' then
        insert into public.soft_binding_tallies as tally (tenant_id, bindings)
            select tenant_id, count(*) from changed group by tenant_id
            on conflict (tenant_id) do update set bindings = tally.bindings + excluded.bindings;
    else
        update public.soft_binding_tallies tally set bindings = tally.bindings - gone.bindings
            from (select tenant_id, count(*) as bindings from changed group by tenant_id) gone
            where tally.tenant_id = gone.tenant_id;
    end if;
    return null;
end $$;

revoke execute on function tally_stored_manifests(), tally_bindings() from public;

-- They fire behind the checks of foreign keys: a manifest is locked before the tally, by who binds to it as by who deletes it.
create trigger tally_added after insert on stored_manifests
    referencing new table as changed for each statement execute function tally_stored_manifests();
create trigger tally_removed after delete on stored_manifests
    referencing old table as changed for each statement execute function tally_stored_manifests();
create trigger tally_added after insert on bindings
    referencing new table as changed for each statement execute function tally_bindings();
create trigger tally_removed after delete on bindings
    referencing old table as changed for each statement execute function tally_bindings();
