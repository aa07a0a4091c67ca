-- What was asked for under an `Idempotency-Key` in the last 24 hours (docs/idempotency.md). No image, no place.
create table idempotency_keys (
    tenant_id text not null,
    operation text not null,
    key text not null,
    -- SHA-256 over what the body means.
    fingerprint bytea not null,
    -- The photo that the work makes: the same one however often the work is begun.
    photo_id uuid not null,
    -- Who works on it, and until when the others wait. A server that dies leaves this behind.
    claim_id uuid not null,
    claimed_until timestamptz not null,
    expires_at timestamptz not null,
    -- What an answer holds that the photo does not tell. Null while the work is not done; set by the transaction that writes
    -- the photo.
    outcome jsonb,
    constraint idempotency_keys_pkey primary key (tenant_id, operation, key),
    constraint idempotency_keys_tenant_id_fkey foreign key (tenant_id) references tenants on delete cascade,
    constraint idempotency_keys_operation_check check (operation in ('register', 'protect')),
    constraint idempotency_keys_key_check check (length(key) between 1 and 64),
    constraint idempotency_keys_fingerprint_check check (octet_length(fingerprint) = 32)
);

create index idempotency_keys_expires_at_idx on idempotency_keys (tenant_id, expires_at);

alter table idempotency_keys enable row level security;
alter table idempotency_keys force row level security;
create policy idempotency_keys_tenant on idempotency_keys
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());

grant select, insert, update, delete on idempotency_keys to lumatrace_app;
