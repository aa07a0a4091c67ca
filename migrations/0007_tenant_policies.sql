-- What the operator sets about the photos of a tenant.
alter table tenants
    -- How much the records of photos protected from now on may show to someone who holds them and their keys.
    add column privacy text not null default 'full',
    -- How many photos of the same picture may be protected; null for any number.
    add column max_copies integer,
    add constraint tenants_privacy_check check (privacy in ('full', 'strict')),
    add constraint tenants_max_copies_check check (max_copies > 0);
