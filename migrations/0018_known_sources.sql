-- The networks that an account has signed in from. While others guess at its password from many addresses, these are let in
-- (docs/authentication.md, "Guessing"). A network is kept as HMAC-SHA256 under a key of the master key, so the table shows no address.
-- At most 32 an account: the oldest gives way. Written only by a sign-in from a network that is not here.
create table known_sources (
    tenant_id text not null,
    username text not null,
    source_hash bytea not null,
    first_seen_at timestamptz not null,
    constraint known_sources_pkey primary key (tenant_id, username, source_hash),
    constraint known_sources_account_fkey foreign key (tenant_id, username) references accounts on delete cascade,
    constraint known_sources_source_hash_check check (octet_length(source_hash) = 32)
);

alter table known_sources enable row level security;
alter table known_sources force row level security;
create policy known_sources_tenant on known_sources
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());

grant select, insert, delete on known_sources to lumatrace_app;
