-- What a client calls a photo, and its id in the client's own system.
alter table photos
    add column label text,
    -- The label without case, by which it is found. The program makes it: what the database knows of case depends on its locale.
    add column label_folded text,
    add column external_id text,
    add constraint photos_label_check check (char_length(label) <= 256),
    add constraint photos_label_folded_check check ((label_folded is null) = (label is null)),
    add constraint photos_external_id_check check (char_length(external_id) <= 256);

-- Each question that a list is asked has an index in the order of the list, so that a page costs what it holds, however many photos
-- there are. A part of a label has no index of its own: PostgreSQL asks one for parts of text only after all policies of a table, that
-- is, never. It is sought in this index alone, in a bounded number of labels a page.
create index photos_label_idx on photos (tenant_id, created_at desc, photo_id desc) include (label_folded)
    where label_folded is not null;
create index photos_external_id_idx on photos (tenant_id, external_id, created_at desc, photo_id desc)
    where external_id is not null;
create index photos_limited_idx on photos (tenant_id, created_at desc, photo_id desc) where protection_level = 'LIMITED';
