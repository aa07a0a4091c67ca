-- How often a tenant may call. Null is the server's setting, 0 no limit.
alter table tenants
    add column rate_per_second integer,
    add column rate_burst integer,
    add column rate_per_hour integer,
    add constraint tenants_rate_per_second_check check (rate_per_second >= 0),
    add constraint tenants_rate_burst_check check (rate_burst >= 0),
    add constraint tenants_rate_per_hour_check check (rate_per_hour >= 0);

-- How much a tenant has called; one row, written by every call, read by all servers.
-- Unlogged: a row that is written by every call must not cost the log of transactions. What a crash of PostgreSQL costs is known
-- and small: buckets are full again, and the hour's count starts anew (docs/limits.md). The fill factor leaves room beside each row
-- for its next version, so that no index is written and the table does not grow.
create unlogged table tenant_rates (
    tenant_id text not null,
    -- The bucket, as it was at that moment.
    tokens double precision not null,
    filled_at timestamptz not null,
    -- The hour that is counted, in hours since 1970, and its calls.
    hour bigint not null,
    used bigint not null,
    -- Whether the latest call was let through.
    allowed boolean not null,
    constraint tenant_rates_pkey primary key (tenant_id),
    constraint tenant_rates_tenant_id_fkey foreign key (tenant_id) references tenants on delete cascade
) with (fillfactor = 20);

alter table tenant_rates enable row level security;
alter table tenant_rates force row level security;
create policy tenant_rates_tenant on tenant_rates
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());

grant select, insert, update on tenant_rates to lumatrace_app;

-- What a tenant used: calls that were answered with success, by the hour in which they ended.
create table usage_hours (
    tenant_id text not null,
    hour timestamptz not null,
    operation text not null,
    calls bigint not null,
    constraint usage_hours_pkey primary key (tenant_id, hour, operation),
    constraint usage_hours_tenant_id_fkey foreign key (tenant_id) references tenants on delete cascade,
    constraint usage_hours_operation_check check (operation in ('register', 'protect', 'verify', 'identify'))
);

alter table usage_hours enable row level security;
alter table usage_hours force row level security;
create policy usage_hours_tenant on usage_hours
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());

grant select, insert, update on usage_hours to lumatrace_app;
