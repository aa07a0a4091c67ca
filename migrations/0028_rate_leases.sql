-- A server takes the calls of a moment at once, and counts a tenant's copies of a picture without opening their records.

alter table tenant_rates
    -- How many calls the latest statement took; what a server did not use of them, it gives back.
    add column taken bigint not null default 0,
    -- Tokens of the bucket that servers took in this round and may still hold, and those of the round before, so that what a killed
    -- server held is forgotten: the bucket fills up to the burst less both.
    add column leased bigint not null default 0,
    add column leased_before bigint not null default 0,
    add column lease_round bigint not null default 0,
    add column lease_round_began timestamptz;

-- A hash of the tokens of the photo's look (see `photo_words`): photos with the same one have the same fingerprint. Null for a record of
-- strict privacy, which has none, and for what older programs protected: its record is opened, as it was before.
alter table photos
    add column look_token bytea,
    add constraint photos_look_token_check check (octet_length(look_token) = 16);

create index photos_look_token_idx on photos (tenant_id, look_token) where look_token is not null;
