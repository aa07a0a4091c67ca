-- How large the pictures of a tenant may be, in millions of pixels. Null is the default.
alter table tenants
    add column max_megapixels integer,
    add constraint tenants_max_megapixels_check check (max_megapixels between 1 and 64);
