//! The role that serves requests: no superuser, no owner, no BYPASSRLS, so that it is subject to
//! row-level security.

use sqlx::{PgConnection, PgExecutor};

use super::DbError;

/// The name of the serving role.
pub const SERVING_ROLE: &str = "lumatrace_app";

/// Follows the `begin` of a transaction whose connection has a stronger role.
pub(super) const SWITCH: &str = "; set local role lumatrace_app";

/// Creates the serving role if the cluster has none. It may log in, which the private PostgreSQL
/// uses; elsewhere it has no password and is switched to.
pub(super) async fn ensure_serving_role(connection: &mut PgConnection) -> Result<(), DbError> {
    let exists = sqlx::query_scalar!("select true from pg_roles where rolname = $1", SERVING_ROLE)
        .fetch_optional(&mut *connection)
        .await?;
    if exists.is_some() {
        return Ok(());
    }
    // Roles belong to the whole cluster: servers of two databases may race here.
    sqlx::raw_sql(
        "do $$ begin
             create role lumatrace_app login nosuperuser nocreatedb nocreaterole noinherit nobypassrls;
             if not (select rolsuper from pg_roles where rolname = current_user) then
                 execute format('grant lumatrace_app to %I', current_user);
             end if;
         exception when duplicate_object or unique_violation then null;
         end $$",
    )
    .execute(connection)
    .await
    .map_err(|_| DbError::UnsafeRole)?;
    Ok(())
}

/// Whether the connected role may create tables here.
pub(super) async fn may_create(connection: &mut PgConnection) -> Result<bool, DbError> {
    let may = sqlx::query_scalar!("select has_schema_privilege(current_schema(), 'create')")
        .fetch_one(connection)
        .await?;
    Ok(may == Some(true))
}

/// Whether transactions must switch to the serving role: not when the connected role is itself
/// subject to row-level security.
pub(super) async fn must_switch(connection: impl PgExecutor<'_>) -> Result<bool, DbError> {
    let own = sqlx::query!(
        r#"select
               (rolsuper or rolbypassrls or exists (
                   select from pg_class
                   where relnamespace = current_schema()::regnamespace
                     and relkind = 'r'
                     and pg_has_role(relowner, 'usage')
               )) as "can_bypass!",
               coalesce(pg_has_role(to_regrole('lumatrace_app'), 'member'), false) as "may_switch!"
           from pg_roles where rolname = current_user"#
    )
    .fetch_one(connection)
    .await?;
    match (own.can_bypass, own.may_switch) {
        (false, _) => Ok(false),
        (true, true) => Ok(true),
        (true, false) => Err(DbError::UnsafeRole),
    }
}

/// Takes from the serving role what it never needs and every role has unless it is taken: temporary
/// tables, and large objects, which belong to no tenant. Returns what it still may do, because only
/// the database's owner can take the first and only a superuser the second.
///
/// At each start, since a database that was restored or copied has its rights anew. One that is
/// read-only stays as it is.
pub(super) async fn restrict_serving_role(
    connection: &mut PgConnection,
) -> Result<Excess, DbError> {
    sqlx::raw_sql(
        "do $$
         declare
             one regprocedure;
         begin
             if current_setting('transaction_read_only') = 'on' then
                 return;
             end if;
             if has_database_privilege('lumatrace_app', current_database(), 'temporary')
                 and pg_has_role((select datdba from pg_database where datname = current_database()), 'usage') then
                 execute format('revoke temporary on database %I from public, lumatrace_app', current_database());
             end if;
             if (select rolsuper from pg_roles where rolname = current_user) then
                 for one in select oid from pg_proc
                     where pronamespace = 'pg_catalog'::regnamespace
                         and (starts_with(proname, 'lo_') or proname in ('loread', 'lowrite'))
                         and has_function_privilege('lumatrace_app', oid, 'execute')
                 loop
                     execute format('revoke execute on function %s from public', one);
                 end loop;
             end if;
         end $$",
    )
    .execute(&mut *connection)
    .await?;
    let left = sqlx::query!(
        r#"select has_database_privilege('lumatrace_app', current_database(), 'temporary') as "temporary!",
                  has_function_privilege('lumatrace_app', 'pg_catalog.lo_create(oid)', 'execute') as "large_objects!""#
    )
    .fetch_one(connection)
    .await?;
    Ok(Excess {
        temporary_tables: left.temporary,
        large_objects: left.large_objects,
    })
}

/// What [`restrict_serving_role`] with this role would leave; changes nothing.
pub(super) async fn lasting_excess(connection: &mut PgConnection) -> Result<Excess, DbError> {
    let left = sqlx::query!(
        r#"with own as (
               select current_setting('transaction_read_only') = 'on' as read_only,
                      (select rolsuper from pg_roles where rolname = current_user) as is_superuser,
                      pg_has_role((select datdba from pg_database where datname = current_database()), 'usage')
                          as has_database
           )
           select has_database_privilege('lumatrace_app', current_database(), 'temporary')
                      and (read_only or not has_database) as "temporary!",
                  has_function_privilege('lumatrace_app', 'pg_catalog.lo_create(oid)', 'execute')
                      and (read_only or not is_superuser) as "large_objects!"
           from own"#
    )
    .fetch_one(connection)
    .await?;
    Ok(Excess {
        temporary_tables: left.temporary,
        large_objects: left.large_objects,
    })
}

/// What the serving role may do and never needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excess {
    /// Make temporary tables.
    pub temporary_tables: bool,
    /// Make and read large objects.
    pub large_objects: bool,
}
