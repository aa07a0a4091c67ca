-- The service's own signing keys; no tenant's data. The private half is sealed under the master key.
create table signing_keys (
    key_id text not null,
    sealed_private_key bytea not null,
    created_at timestamptz not null,
    constraint signing_keys_pkey primary key (key_id)
);

grant select on signing_keys to lumatrace_app;

-- The blocklist: a token named here is refused until it would have expired anyway, then the row is swept.
create table revoked_tokens (
    tenant_id text not null,
    token_id uuid not null,
    expires_at timestamptz not null,
    constraint revoked_tokens_pkey primary key (tenant_id, token_id),
    constraint revoked_tokens_tenant_id_fkey foreign key (tenant_id) references tenants on delete cascade
);

create index revoked_tokens_expires_at_idx on revoked_tokens (tenant_id, expires_at);

alter table revoked_tokens enable row level security;
alter table revoked_tokens force row level security;
create policy revoked_tokens_tenant on revoked_tokens
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());

grant select, insert, delete on revoked_tokens to lumatrace_app;
