//! The role that serves requests: no superuser, no owner, no BYPASSRLS, so that it is subject to
//! row-level security.

use sqlx::PgConnection;

use super::DbError;

/// The name of the serving role.
pub const SERVING_ROLE: &str = "lumatrace_app";

/// The first statement of a connection whose own role is stronger.
pub(super) const SWITCH: &str = "set role lumatrace_app";

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

/// The role to switch to; `None` when the connected role is itself subject to row-level security.
pub(super) async fn serving_role(
    connection: &mut PgConnection,
) -> Result<Option<&'static str>, DbError> {
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
        (false, _) => Ok(None),
        (true, true) => Ok(Some(SERVING_ROLE)),
        (true, false) => Err(DbError::UnsafeRole),
    }
}
