-- The head of each chain is sealed: HMAC-SHA256 of tenant, sequence and hash, under a key of the master key (docs/audit.md). Who may
-- write these tables, and has not that key, cannot write the chain anew unseen. Null: the head was written before there were seals. A
-- chain whose first event comes after this has one from then on; an older one gets it by `lumatrace audit seal`, and not by
-- itself, since a seal that somebody took away looks the same.
alter table audit_heads
    add column seal bytea,
    add constraint audit_heads_seal_check check (octet_length(seal) = 32);

grant update (seal) on audit_heads to lumatrace_app;
