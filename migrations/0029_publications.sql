-- The manifests that tenants publish: anybody may find them by their photos (docs/soft-bindings.md).

-- Whether what a tenant protects from now on is published, unless the client says otherwise.
alter table tenants
    add column publication_policy text not null default 'off',
    add constraint tenants_publication_policy_check check (publication_policy in ('off', 'on'));

-- The words that a photo is found by, sealed as its record is, so that it can be published later. Null for what older programs protected.
alter table photo_words add column sealed_words bytea;

create table publications (
    tenant_id text not null,
    photo_id uuid not null,
    manifest_id text not null,
    slot bigint generated always as identity,
    constraint publications_pkey primary key (tenant_id, photo_id),
    constraint publications_slot_key unique (slot),
    constraint publications_photo_id_fkey foreign key (tenant_id, photo_id) references manifests on delete cascade
);

-- Several tenants could have a manifest of that id only if they had the same random number.
create index publications_manifest_id_idx on publications (manifest_id);
create index publications_photo_id_idx on publications (photo_id);

alter table publications enable row level security;
alter table publications force row level security;
create policy publications_tenant on publications
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());
-- Whether what a tenant published is public at this moment. With the rights of the owner, who sees all tenants.
create function is_publishing(wanted text) returns boolean
    language sql stable
    security definer
    set search_path = pg_catalog, pg_temp
    return (select exists (select from public.tenants
                where tenant_id = wanted and status = 'active' and publication_policy = 'on'));
revoke execute on function is_publishing(text) from public;
grant execute on function is_publishing(text) to lumatrace_app;

-- What is published is read by transactions of nobody's, which say so, and by no others.
create policy publications_anybody on publications for select
    using (current_setting('lumatrace.public', true) = 'on' and is_publishing(tenant_id));

grant select, insert, delete on publications to lumatrace_app;

-- The tokens of published photos, by slot: as `word_sets`, and for the same reason without a policy. They are under no tenant's key, so that
-- one look finds the photos of all tenants; the way from a slot to a photo is `publications`.
create table publication_words (
    slot bigint not null,
    tokens integer[] not null,
    constraint publication_words_pkey primary key (slot),
    constraint publication_words_slot_fkey foreign key (slot) references publications (slot) on delete cascade
);

create index publication_words_tokens_idx on publication_words using gin (tokens) with (fastupdate = off);
alter table publication_words alter column tokens set statistics 0;

grant select, insert on publication_words to lumatrace_app;

-- How often strangers have asked for manifests by their content, in windows that end by themselves. What is counted is a keyed hash of a
-- network of addresses, alone or with a photo. Unlogged, as check_tallies is.
create unlogged table resolution_tallies (
    counted bytea not null,
    until timestamptz not null,
    used integer not null,
    constraint resolution_tallies_pkey primary key (counted),
    constraint resolution_tallies_counted_check check (octet_length(counted) = 32)
);

create index resolution_tallies_until_idx on resolution_tallies (until);

-- Transactions of tenants have nothing to do here.
alter table resolution_tallies enable row level security;
alter table resolution_tallies force row level security;
create policy resolution_tallies_anybody on resolution_tallies
    using (current_setting('lumatrace.public', true) = 'on') with check (current_setting('lumatrace.public', true) = 'on');
create policy resolution_tallies_operator on resolution_tallies to current_user using (true) with check (true);

grant select, insert, update, delete on resolution_tallies to lumatrace_app;
