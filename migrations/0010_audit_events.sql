-- The audit log: append-only, one chain of hashes a tenant (docs/audit.md, src/domain/audit.rs).
--
-- audit_heads    how far each chain goes; its row is locked by who appends, which gives sequences without gap
-- audit_events   the chain; it hangs on the head, not on the tenant, so that appending locks one row only
-- deleted_tenants   what is left of the chain of a tenant that was deleted
create table audit_heads (
    tenant_id text not null,
    sequence bigint not null,
    hash bytea not null,
    constraint audit_heads_pkey primary key (tenant_id),
    constraint audit_heads_tenant_id_fkey foreign key (tenant_id) references tenants on delete cascade,
    constraint audit_heads_hash_check check (octet_length(hash) = 32)
);

-- Tenants that are there begin with an empty chain. Before row-level security, which holds the owner too.
insert into audit_heads (tenant_id, sequence, hash) select tenant_id, 0, decode(repeat('00', 32), 'hex') from tenants;

create table audit_events (
    tenant_id text not null,
    sequence bigint not null,
    event_id uuid not null,
    at timestamptz not null,
    actor text not null,
    action text not null,
    subject text not null,
    -- Text by name. No secret, token, place or image.
    detail jsonb not null,
    previous_hash bytea not null,
    hash bytea not null,
    constraint audit_events_pkey primary key (tenant_id, sequence),
    constraint audit_events_tenant_id_fkey foreign key (tenant_id) references audit_heads on delete cascade
);

create table deleted_tenants (
    tenant_id text not null,
    deleted_at timestamptz not null,
    events bigint not null,
    last_hash bytea not null,
    constraint deleted_tenants_pkey primary key (tenant_id, deleted_at)
);

alter table audit_heads enable row level security;
alter table audit_heads force row level security;
create policy audit_heads_tenant on audit_heads
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());
-- The operator, who makes tenants outside of any.
create policy audit_heads_operator on audit_heads to current_user using (true) with check (true);

alter table audit_events enable row level security;
alter table audit_events force row level security;
create policy audit_events_tenant on audit_events
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());

-- The operator's alone: the serving role has no grant.
alter table deleted_tenants enable row level security;
alter table deleted_tenants force row level security;
create policy deleted_tenants_operator on deleted_tenants to current_user using (true) with check (true);

grant select on audit_heads to lumatrace_app;
grant update (sequence, hash) on audit_heads to lumatrace_app;
grant select, insert on audit_events to lumatrace_app;

-- Each tenant has a head from the first. Nothing else makes one: a chain that lost its head is damaged, and is not begun again.
create function begin_audit() returns trigger
    language plpgsql
    set search_path from current
    as $$
begin
    insert into audit_heads (tenant_id, sequence, hash) values (new.tenant_id, 0, decode(repeat('00', 32), 'hex'));
    return null;
end $$;

create trigger tenants_begin_audit after insert on tenants
    for each row execute function begin_audit();

-- Events are not altered, by the owner of the tables neither. They go only with their tenant: its row is gone by the time that
-- the foreign keys delete them.
create function keep_audit_event() returns trigger
    language plpgsql
    set search_path from current
    as $$
begin
    if tg_op = 'DELETE' then
        perform from tenants where tenant_id = old.tenant_id;
        if not found then
            return old;
        end if;
    end if;
    raise exception 'audit events are append-only' using errcode = 'restrict_violation';
end $$;

create trigger audit_events_keep before update or delete on audit_events
    for each row execute function keep_audit_event();
create trigger audit_events_keep_all before truncate on audit_events
    for each statement execute function keep_audit_event();

-- A head moves on by one event at a time. When its tenant is deleted, a tombstone stays, in the deleting transaction.
create function keep_audit_head() returns trigger
    language plpgsql
    set search_path from current
    as $$
begin
    if tg_op = 'UPDATE' and new.tenant_id = old.tenant_id and new.sequence = old.sequence + 1 then
        return new;
    end if;
    if tg_op = 'DELETE' then
        perform from tenants where tenant_id = old.tenant_id;
        if not found then
            insert into deleted_tenants (tenant_id, deleted_at, events, last_hash)
                values (old.tenant_id, clock_timestamp(), old.sequence, old.hash);
            return old;
        end if;
    end if;
    raise exception 'the head of an audit chain only moves on' using errcode = 'restrict_violation';
end $$;

create trigger audit_heads_keep before update or delete on audit_heads
    for each row execute function keep_audit_head();
create trigger audit_heads_keep_all before truncate on audit_heads
    for each statement execute function keep_audit_head();
