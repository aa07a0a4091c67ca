-- An end is never missed, however late its transaction commits, and an older reading never undoes a newer one.
--
-- Servers used to read what had changed in the last five minutes. A clock does not say what has been seen: a change that is
-- written now may be committed in an hour. So each row has the transaction that wrote it, and a server asks for the rows of the
-- transactions that its last snapshot did not see.

-- What no server could read; nothing is named by such a key.
delete from access_states where octet_length(access_key) <> 32;
update access_states set least = greatest(least, 0), expires_at = case when isfinite(expires_at) then expires_at end;
update access_states set least = 1 where expires_at is not null;

drop index access_states_changed_at_idx;

alter table access_states
    drop column changed_at,
    -- The transaction that wrote the row. 64 bits: it does not wrap around.
    add column changed_in xid8 not null default pg_current_xact_id(),
    -- Grows by one with each change of the row.
    add column version bigint not null default 1,
    add constraint access_states_access_key_check check (octet_length(access_key) = 32),
    add constraint access_states_least_check check (least >= 0),
    add constraint access_states_version_check check (version > 0),
    -- What expires is the end of one token; it is refused whatever it carries.
    add constraint access_states_expires_at_check check (expires_at is null or (isfinite(expires_at) and least = 1));

alter table access_states alter column changed_in drop default, alter column version drop default;

create index access_states_changed_in_idx on access_states (changed_in);

create or replace function set_access(key bytea, least_number bigint, expiry timestamptz) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    told integer := coalesce(nullif(current_setting('lumatrace.told', true), ''), '0')::integer;
begin
    insert into public.access_states as state (access_key, least, changed_in, version, expires_at)
        values (key, least_number, pg_current_xact_id(), 1, expiry)
        on conflict on constraint access_states_pkey
        do update set least = excluded.least, changed_in = excluded.changed_in, version = state.version + 1,
                      expires_at = excluded.expires_at;
    -- Delivered when the transaction commits: who is told can read the row. Until it has, a server lets nothing pass under this
    -- name. A transaction that changes many things says so once, for it would fill the queue of notifications.
    if told < 32 then
        perform pg_notify('lumatrace_access', encode(key, 'base64'));
        perform set_config('lumatrace.told', (told + 1)::text, true);
    else
        perform pg_notify('lumatrace_access', 'many');
    end if;
end
$$;

-- After a restore into another cluster, whose transactions are numbered anew, rows may be of transactions that are still to come.
-- They would be read again and again: the transaction that calls this takes them over. What has expired is dropped here, too, an
-- hour later, so that each server has heard of it.
create function tidy_access_states() returns void
    language sql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
    -- As many at once as fit into the time of a statement; the rest is for the next time.
    delete from public.access_states where access_key in (
        select access_key from public.access_states where expires_at < now() - interval '1 hour' limit 200000);
    update public.access_states set changed_in = pg_current_xact_id() where access_key in (
        select access_key from public.access_states
        where changed_in >= pg_snapshot_xmax(pg_current_snapshot()) limit 200000);
$$;

revoke execute on function tidy_access_states() from public;
grant execute on function tidy_access_states() to lumatrace_app;
