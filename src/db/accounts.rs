//! The table `accounts`: service accounts of a tenant.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, TenantTransaction};
use crate::domain::{Role, TokenId, Username};

/// What a login needs to know of an account that may log in.
#[derive(Debug)]
pub struct LoginAccount {
    /// The PHC string.
    pub password_hash: String,
    /// What it may do.
    pub role: Role,
}

/// An account as the operator sees it.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name.
    pub username: String,
    /// `ROLE_USER` or `ROLE_ADMIN`.
    pub role: String,
    /// `enabled` or `disabled`.
    pub status: String,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

/// Adds an account; false when one of that name is there already.
pub async fn insert(
    tx: &mut TenantTransaction,
    username: &Username,
    password_hash: &str,
    role: Role,
    now: OffsetDateTime,
) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let done = sqlx::query!(
        "insert into accounts (tenant_id, username, password_hash, role, tokens_valid_from, created_at)
         values ($1, $2, $3, $4, $5, $5)
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

/// All accounts of the tenant by name.
pub async fn list(tx: &mut TenantTransaction) -> Result<Vec<Account>, DbError> {
    let (db, tenant) = tx.parts();
    let rows = sqlx::query_as!(
        Account,
        "select username, role, status, created_at from accounts where tenant_id = $1 order by username",
        tenant
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// The account, if it is enabled and its tenant is active.
pub async fn find_for_login(
    tx: &mut TenantTransaction,
    username: &Username,
) -> Result<Option<LoginAccount>, DbError> {
    let (db, tenant) = tx.parts();
    let row = sqlx::query!(
        "select password_hash, role
         from accounts join tenants using (tenant_id)
         where tenant_id = $1 and username = $2 and accounts.status = 'enabled' and tenants.status = 'active'",
        tenant,
        username.as_str()
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        let role = Role::parse(&row.role).ok_or(DbError::Corrupt("accounts"))?;
        Ok(LoginAccount {
            password_hash: row.password_hash,
            role,
        })
    })
    .transpose()
}

/// Whether a token that was issued to `username` at `issued_at` (seconds since 1970) is still good: not on the blocklist, its
/// account enabled and unchanged since, its tenant active. One query, asked on every authenticated call.
pub async fn token_is_live(
    tx: &mut TenantTransaction,
    username: &Username,
    token: TokenId,
    issued_at: i64,
) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let token: Uuid = token.as_uuid();
    // `iat` has whole seconds: a token of the same second as the change counts as issued after it.
    let live = sqlx::query_scalar!(
        r#"select exists (
               select from accounts join tenants using (tenant_id)
               where tenant_id = $1 and username = $2
                 and accounts.status = 'enabled' and tenants.status = 'active'
                 and floor(extract(epoch from tokens_valid_from)) <= $4::bigint
           ) and not exists (
               select from revoked_tokens where tenant_id = $1 and token_id = $3
           ) as "live!""#,
        tenant,
        username.as_str(),
        token,
        issued_at
    )
    .fetch_one(db)
    .await?;
    Ok(live)
}

/// Enables or disables an account and ends its tokens; false when there is none of that name.
pub async fn set_status(
    tx: &mut TenantTransaction,
    username: &Username,
    status: &str,
    now: OffsetDateTime,
) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let done = sqlx::query!(
        "update accounts set status = $3, tokens_valid_from = $4 where tenant_id = $1 and username = $2",
        tenant,
        username.as_str(),
        status,
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Sets a new password and ends the account's tokens; false when there is none of that name.
pub async fn set_password(
    tx: &mut TenantTransaction,
    username: &Username,
    password_hash: &str,
    now: OffsetDateTime,
) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let done = sqlx::query!(
        "update accounts set password_hash = $3, tokens_valid_from = $4 where tenant_id = $1 and username = $2",
        tenant,
        username.as_str(),
        password_hash,
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
