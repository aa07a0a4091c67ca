-- How often strangers have checked pictures of a tenant, in windows that end by themselves (docs/check.md). What is counted is told by its
-- length: nothing is the tenant, one byte the place of the check that is under way, 16 bytes a photo by its id, 32 a network of
-- addresses, as HMAC-SHA256 under a key of the master key, so that the table shows no address.
-- Unlogged, as tenant_rates is: after a crash of PostgreSQL the counts begin anew.
create unlogged table check_tallies (
    tenant_id text not null,
    counted bytea not null,
    until timestamptz not null,
    used integer not null,
    constraint check_tallies_pkey primary key (tenant_id, counted),
    constraint check_tallies_tenant_id_fkey foreign key (tenant_id) references tenants on delete cascade,
    constraint check_tallies_counted_check check (octet_length(counted) in (0, 1, 16, 32))
);

create index check_tallies_until_idx on check_tallies (tenant_id, until);

alter table check_tallies enable row level security;
alter table check_tallies force row level security;
create policy check_tallies_tenant on check_tallies
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());

grant select, insert, update, delete on check_tallies to lumatrace_app;
