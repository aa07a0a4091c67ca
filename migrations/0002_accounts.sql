create table accounts (
    tenant_id text not null,
    username text not null,
    password_hash text not null,
    role text not null,
    status text not null default 'enabled',
    -- Tokens issued before this moment are refused: set by a new password, a new role, disabling.
    tokens_valid_from timestamptz not null,
    created_at timestamptz not null,
    constraint accounts_pkey primary key (tenant_id, username),
    constraint accounts_tenant_id_fkey foreign key (tenant_id) references tenants on delete cascade,
    constraint accounts_role_check check (role in ('ROLE_USER', 'ROLE_ADMIN')),
    constraint accounts_status_check check (status in ('enabled', 'disabled'))
);

alter table accounts enable row level security;
alter table accounts force row level security;
create policy accounts_tenant on accounts
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());

grant select on accounts to lumatrace_app;
