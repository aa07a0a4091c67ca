-- Whether anybody may ask about a picture of the tenant's (docs/check.md).
alter table tenants
    add column check_policy text not null default 'off',
    add constraint tenants_check_policy_check check (check_policy in ('off', 'on'));
