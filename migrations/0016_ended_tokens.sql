-- Tokens are ended one by one up to a number for each holder; beyond it, all that were issued to that holder before a moment.
-- So what servers keep in memory does not grow with what one holder mints and ends.
alter table revoked_tokens
    -- The user name that the token was issued to; empty for tokens that were ended before this column was there.
    add column holder text not null default '',
    -- Null as well.
    add column issued_at timestamptz;

alter table revoked_tokens alter column holder drop default;

create index revoked_tokens_holder_idx on revoked_tokens (tenant_id, holder, issued_at);

-- Of the tenant of the transaction. Returns the moment, or null where no more than `most` were ended one by one.
create function fold_ended_tokens(of_holder text, most integer) returns timestamptz
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    tenant text := public.current_tenant();
    not_before timestamptz;
begin
    -- The newest half stays as it is, so that few tokens that nobody ended end with the rest, and this is not done each time.
    select date_trunc('second', issued_at) + interval '1 second' into not_before
        from public.revoked_tokens
        where tenant_id = tenant and holder = of_holder and issued_at is not null
            and (select count(*) from public.revoked_tokens where tenant_id = tenant and holder = of_holder) > most
        order by issued_at desc offset most / 2 limit 1;
    if not_before is null then
        return null;
    end if;
    perform public.set_access(public.access_key('not_before', tenant, of_holder),
        extract(epoch from not_before)::bigint, null);
    -- Servers forget what expired long ago.
    perform public.set_access(public.access_key('token', tenant, token_id::text), 1, 'epoch')
        from public.revoked_tokens where tenant_id = tenant and holder = of_holder and issued_at < not_before;
    delete from public.revoked_tokens where tenant_id = tenant and holder = of_holder and issued_at < not_before;
    return not_before;
end
$$;
