-- A key is published before it signs (activated_at null), signs until it is retired, and is published until the last token
-- that it signed has expired.
alter table signing_keys
    add column activated_at timestamptz,
    add column retired_at timestamptz,
    -- When the longest-lived token that it signed expires, rounded up: a server raises it before it hands such a token out.
    add column tokens_until timestamptz;

update signing_keys set activated_at = created_at, tokens_until = created_at + interval '366 days';

grant update (tokens_until) on signing_keys to lumatrace_app;

create function signing_keys_changed() returns trigger
    language plpgsql
    set search_path = pg_catalog
as $$
begin
    perform pg_notify('lumatrace_access', 'keys');
    return null;
end
$$;

create trigger signing_keys_changed after insert or delete or update of activated_at, retired_at on signing_keys
    for each statement execute function signing_keys_changed();
