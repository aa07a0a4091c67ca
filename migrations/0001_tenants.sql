-- Who the current transaction works for. Null when nobody said: then no policy below matches any row.
create function current_tenant() returns text
    language sql stable parallel safe
    set search_path = pg_catalog
    return nullif(current_setting('lumatrace.tenant', true), '');

create table tenants (
    tenant_id text not null,
    status text not null default 'active',
    -- 256 random bits from which the tenant's watermark and record keys are derived; sealed under the master key.
    sealed_secret bytea not null,
    created_at timestamptz not null,
    constraint tenants_pkey primary key (tenant_id),
    constraint tenants_tenant_id_check check (tenant_id ~ '^[a-z0-9][a-z0-9_-]{1,62}$'),
    constraint tenants_status_check check (status in ('active', 'suspended'))
);

alter table tenants enable row level security;
alter table tenants force row level security;
create policy tenants_tenant on tenants
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());
-- The operator's commands run as the owner, who works on all tenants; the serving role never is the owner.
create policy tenants_operator on tenants to current_user using (true) with check (true);

grant select on tenants to lumatrace_app;
