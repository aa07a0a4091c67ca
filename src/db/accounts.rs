//! The table `accounts`: service accounts of a tenant.

use time::OffsetDateTime;

use super::{DbError, TenantTransaction};
use crate::domain::{AccountStatus, Role, SourceHash, TenantStatus, Username};

/// A tenant that exists, and its account, as far as a login needs them.
#[derive(Debug)]
pub struct LoginLookup {
    /// Whether the tenant is served.
    pub tenant: TenantStatus,
    /// The account; `None` if there is none of that name.
    pub account: Option<LoginAccount>,
}

/// An account, as far as a login needs it.
#[derive(Debug)]
pub struct LoginAccount {
    /// The Argon2id hash, as a PHC string.
    pub password_hash: String,
    /// Decides which scopes the login is granted.
    pub role: Role,
    /// A number that its tokens carry; raising it ends them.
    pub generation: i64,
    /// Whether it may log in.
    pub status: AccountStatus,
    /// Whether it has signed in from the source before.
    pub knows_source: bool,
}

/// An account as it is listed.
#[derive(Debug, Clone)]
pub struct Account {
    /// Unique in the tenant.
    pub username: String,
    /// Decides which scopes its logins are granted.
    pub role: Role,
    /// Whether it may log in.
    pub status: AccountStatus,
    /// When it was created.
    pub created_at: OffsetDateTime,
}

/// Adds an account; false when the tenant has one of that name.
pub async fn insert(
    tx: &mut TenantTransaction,
    username: &Username,
    password_hash: &str,
    role: Role,
    now: OffsetDateTime,
) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let done = sqlx::query!(
        "insert into accounts (tenant_id, username, password_hash, role, created_at)
         values ($1, $2, $3, $4, $5)
         on conflict on constraint accounts_pkey do nothing",
        tenant,
        username.as_str(),
        password_hash,
        role.as_str(),
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether the tenant has an account of that name.
pub async fn exists(tx: &mut TenantTransaction, username: &Username) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let found = sqlx::query_scalar!(
        "select true from accounts where tenant_id = $1 and username = $2",
        tenant,
        username.as_str()
    )
    .fetch_optional(db)
    .await?;
    Ok(found.is_some())
}

/// Lists at most `limit` accounts of the tenant by name, from after the name `after` on.
pub async fn list(
    tx: &mut TenantTransaction,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Account>, DbError> {
    let (db, tenant) = tx.parts();
    let rows = sqlx::query!(
        "select username, role, status, created_at from accounts
         where tenant_id = $1 and ($2::text is null or username > $2)
         order by username
         limit $3",
        tenant,
        after,
        limit
    )
    .fetch_all(db)
    .await?;
    let corrupt = || DbError::Corrupt("accounts");
    rows.into_iter()
        .map(|row| {
            Ok(Account {
                username: row.username,
                role: Role::parse(&row.role).ok_or_else(corrupt)?,
                status: AccountStatus::parse(&row.status).ok_or_else(corrupt)?,
                created_at: row.created_at,
            })
        })
        .collect()
}

/// Finds the transaction's tenant and its account of a name, for a login from `source`; `None` if
/// there is no such tenant.
pub async fn find_for_login(
    tx: &mut TenantTransaction,
    username: &Username,
    source: &SourceHash,
) -> Result<Option<LoginLookup>, DbError> {
    let (db, tenant) = tx.parts();
    let row = sqlx::query!(
        r#"select tenants.status as tenant_status, found.password_hash as "password_hash?", found.role as "role?",
                  found.generation as "generation?", found.status as "status?",
                  exists (
                      select from known_sources known
                      where known.tenant_id = $1 and known.username = $2 and known.source_hash = $3
                  ) as "knows_source!"
           from tenants left join accounts found on found.tenant_id = tenants.tenant_id and found.username = $2
           where tenants.tenant_id = $1"#,
        tenant,
        username.as_str(),
        source.as_slice()
    )
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let corrupt = || DbError::Corrupt("accounts");
    let account = match (row.password_hash, row.role, row.generation, row.status) {
        (Some(password_hash), Some(role), Some(generation), Some(status)) => Some(LoginAccount {
            password_hash,
            role: Role::parse(&role).ok_or_else(corrupt)?,
            generation,
            status: AccountStatus::parse(&status).ok_or_else(corrupt)?,
            knows_source: row.knows_source,
        }),
        _ => None,
    };
    let tenant = TenantStatus::parse(&row.tenant_status).ok_or(DbError::Corrupt("tenants"))?;
    Ok(Some(LoginLookup { tenant, account }))
}

/// Enables or disables an account and ends its tokens. Returns whether that changed anything, or
/// `None` when there is no account of that name.
pub async fn set_status(
    tx: &mut TenantTransaction,
    username: &Username,
    status: AccountStatus,
) -> Result<Option<bool>, DbError> {
    let (db, tenant) = tx.parts();
    let changed = sqlx::query_scalar!(
        r#"with before as (
             select status from accounts where tenant_id = $1 and username = $2 for update
         ), changed as (
             update accounts
             set status = $3, generation = greatest(generation + 1, floor(extract(epoch from clock_timestamp()) * 1000))
             from before
             where tenant_id = $1 and username = $2 and before.status <> $3
             returning accounts.username
         )
         select exists (select from changed) as "changed!" from before"#,
        tenant,
        username.as_str(),
        status.as_str()
    )
    .fetch_optional(db)
    .await?;
    Ok(changed)
}

/// Gives an account another role and ends its tokens. Returns whether that changed anything, or
/// `None` when there is no account of that name.
pub async fn set_role(
    tx: &mut TenantTransaction,
    username: &Username,
    role: Role,
) -> Result<Option<bool>, DbError> {
    let (db, tenant) = tx.parts();
    let changed = sqlx::query_scalar!(
        r#"with before as (
             select role from accounts where tenant_id = $1 and username = $2 for update
         ), changed as (
             update accounts
             set role = $3, generation = greatest(generation + 1, floor(extract(epoch from clock_timestamp()) * 1000))
             from before
             where tenant_id = $1 and username = $2 and before.role <> $3
             returning accounts.username
         )
         select exists (select from changed) as "changed!" from before"#,
        tenant,
        username.as_str(),
        role.as_str()
    )
    .fetch_optional(db)
    .await?;
    Ok(changed)
}

/// Deletes an account, which ends its tokens; false when there is none of that name.
pub async fn delete(tx: &mut TenantTransaction, username: &Username) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let done = sqlx::query!(
        "delete from accounts where tenant_id = $1 and username = $2",
        tenant,
        username.as_str()
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends an account's tokens; false when there is none of that name.
pub async fn end_sessions(
    tx: &mut TenantTransaction,
    username: &Username,
) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let done = sqlx::query!(
        "update accounts
         set generation = greatest(generation + 1, floor(extract(epoch from clock_timestamp()) * 1000))
         where tenant_id = $1 and username = $2",
        tenant,
        username.as_str()
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Sets a new password and ends the account's tokens. Returns the generation of those that come
/// after, or `None` when there is no account of that name.
pub async fn set_password(
    tx: &mut TenantTransaction,
    username: &Username,
    password_hash: &str,
) -> Result<Option<i64>, DbError> {
    let (db, tenant) = tx.parts();
    let generation = sqlx::query_scalar!(
        "update accounts
         set password_hash = $3,
             generation = greatest(generation + 1, floor(extract(epoch from clock_timestamp()) * 1000))
         where tenant_id = $1 and username = $2
         returning generation",
        tenant,
        username.as_str(),
        password_hash
    )
    .fetch_optional(db)
    .await?;
    Ok(generation)
}
