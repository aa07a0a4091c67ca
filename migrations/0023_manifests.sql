-- The content credentials of protected photos. A stored manifest holds no picture (src/credentials/redaction.rs) and goes with its
-- photo.
create table manifests (
    tenant_id text not null,
    photo_id uuid not null,
    -- The URN by which other manifests name it.
    manifest_id text not null,
    -- SHA-256 of the certificate that it was signed with.
    certificate_sha256 bytea not null,
    -- JUMBF; null where the tenant keeps none.
    store bytea,
    constraint manifests_pkey primary key (tenant_id, photo_id),
    constraint manifests_photo_id_fkey foreign key (tenant_id, photo_id) references photos on delete cascade,
    constraint manifests_manifest_id_key unique (tenant_id, manifest_id),
    constraint manifests_certificate_sha256_check check (octet_length(certificate_sha256) = 32)
);

-- Signatures do not compress.
alter table manifests alter column store set storage external;

alter table manifests enable row level security;
alter table manifests force row level security;
create policy manifests_tenant on manifests
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());

grant select, insert, delete on manifests to lumatrace_app;

-- Whether a tenant's manifests are kept, so that they are found again when they were stripped from the file.
alter table tenants
    add column manifest_policy text not null default 'keep',
    add constraint tenants_manifest_policy_check check (manifest_policy in ('keep', 'none'));
