-- What becomes of a contentHash that is well-formed and not the image's: refused, or passed over for clients that send a wrong one.
alter table tenants
    add column content_hash_policy text not null default 'strict',
    add constraint tenants_content_hash_policy_check check (content_hash_policy in ('strict', 'format'));
