-- Which words a photo is found by. A word is a number about the picture, kept as a token: the word under a key of its tenant's
-- (src/watermark/words). Photos that were protected before this migration have none and are found by their id alone.
create table photo_words (
    tenant_id text not null,
    photo_id uuid not null,
    slot bigint generated always as identity,
    constraint photo_words_pkey primary key (tenant_id, photo_id),
    constraint photo_words_slot_key unique (slot),
    constraint photo_words_photo_id_fkey foreign key (tenant_id, photo_id) references photos on delete cascade
);

alter table photo_words enable row level security;
alter table photo_words force row level security;
create policy photo_words_tenant on photo_words
    using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());

grant select, insert on photo_words to lumatrace_app;

-- The tokens, by slot. They name no tenant and no photo: who reads them without `photo_words`, which row-level security holds,
-- reads random numbers. The table has no policy of its own because PostgreSQL asks a GIN index only after all policies of a table
-- (its operators are not leakproof), that is, never.
create table word_sets (
    slot bigint not null,
    tokens integer[] not null,
    constraint word_sets_pkey primary key (slot),
    constraint word_sets_slot_fkey foreign key (slot) references photo_words (slot) on delete cascade
);

-- Without a pending list: each of thousands of look-ups a query would read through it.
create index word_sets_tokens_idx on word_sets using gin (tokens) with (fastupdate = off);
-- Tokens are evenly spread by their making; statistics of 200 a row would take minutes to gather.
alter table word_sets alter column tokens set statistics 0;

grant select, insert on word_sets to lumatrace_app;

-- The very file that `protect` returned is found whatever it shows.
create index photos_protected_sha256_idx on photos (tenant_id, protected_sha256);
