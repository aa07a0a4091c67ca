create table photos (
    tenant_id text not null,
    photo_id uuid not null,
    created_at timestamptz not null,
    content_hash text,
    device_model text,
    latitude double precision,
    longitude double precision,
    publish_location boolean not null default false,
    -- Set together by `protect`, null while the photo is only registered.
    protected_at timestamptz,
    protected_sha256 bytea,
    format text,
    width integer,
    height integer,
    protection_level text,
    -- The engine's descriptor record, AES-256-GCM under a key derived from the tenant's secret and this salt:
    -- without the salt the record cannot be read, so deleting the row destroys the key with it.
    sealed_record bytea,
    record_salt bytea,
    constraint photos_pkey primary key (tenant_id, photo_id),
    constraint photos_tenant_id_fkey foreign key (tenant_id) references tenants on delete cascade,
    constraint photos_content_hash_check check (content_hash ~ '^[0-9a-f]{64}$'),
    constraint photos_place_check check ((latitude is null) = (longitude is null)),
    constraint photos_protected_check check (
        num_nulls(protected_at, protected_sha256, format, width, height, protection_level, sealed_record, record_salt)
            in (0, 8)),
    constraint photos_protection_level_check check (protection_level in ('FULL', 'LIMITED'))
);

create index photos_newest_idx on photos (tenant_id, created_at desc, photo_id desc);
create index photos_content_hash_idx on photos (tenant_id, content_hash, created_at desc, photo_id desc);

alter table photos enable row level security;
alter table photos force row level security;
create policy photos_tenant on photos
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());

grant select, insert, update, delete on photos to lumatrace_app;
