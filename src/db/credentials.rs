//! The tables `credentials` and `credential_routes`: API keys and applications of a tenant, and the
//! way from a credential to its tenant.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Database, DbError, TenantTransaction};
use crate::domain::{CredentialId, CredentialKind, Scopes, TenantStatus};

/// A credential to be stored.
#[derive(Debug)]
pub struct NewCredential<'a> {
    /// Random; part of an application's public name.
    pub id: CredentialId,
    /// Whether it is an API key or an application.
    pub kind: CredentialKind,
    /// A name for people; need not be unique.
    pub name: &'a str,
    /// SHA-256 of an API key, or of an application's token.
    pub key_hash: &'a [u8; 32],
    /// SHA-256 of an application's secret; `None` for an API key.
    pub secret_hash: Option<&'a [u8; 32]>,
    /// The most that its tokens may do.
    pub scopes: Scopes,
    /// Lifetime of an application's long-lived tokens, in seconds.
    pub token_ttl_seconds: u32,
    /// The tenant's name, sealed, as [`Database::api_key_route`] and
    /// [`Database::application_route`] return it.
    pub sealed_tenant: &'a [u8],
    /// When it is created.
    pub created_at: OffsetDateTime,
}

/// Whether a credential may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialState {
    /// It may.
    Live,
    /// It was revoked.
    Revoked,
    /// Its tenant is suspended.
    TenantSuspended,
}

/// A credential, as far as a login needs it.
#[derive(Debug)]
pub struct LoginCredential {
    /// Whether it may be used.
    pub state: CredentialState,
    /// Random; part of an application's public name.
    pub id: CredentialId,
    /// SHA-256 of an API key, or of an application's token.
    pub key_hash: Vec<u8>,
    /// SHA-256 of an application's secret; `None` for an API key.
    pub secret_hash: Option<Vec<u8>>,
    /// The most that its tokens may do.
    pub scopes: Scopes,
    /// Lifetime of an application's long-lived tokens, in seconds.
    pub token_ttl_seconds: u32,
}

/// A credential as it is listed; nothing of it is secret.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Random; part of an application's public name.
    pub id: CredentialId,
    /// A name for people; need not be unique.
    pub name: String,
    /// The most that its tokens may do.
    pub scopes: Scopes,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// When it was revoked; `None` while it is valid.
    pub revoked_at: Option<OffsetDateTime>,
}

/// Adds a credential. The database adds the route to its tenant, which is found by an API key's
/// SHA-256 or by an application's id.
pub async fn insert(tx: &mut TenantTransaction, new: &NewCredential<'_>) -> Result<(), DbError> {
    let (db, tenant) = tx.parts();
    sqlx::query!(
        "insert into credentials (tenant_id, credential_id, kind, name, key_hash, secret_hash, scope,
                                  token_ttl_seconds, created_at, sealed_tenant)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        tenant,
        new.id.as_uuid(),
        new.kind.as_str(),
        new.name,
        new.key_hash.as_slice(),
        new.secret_hash.map(<[u8; 32]>::as_slice),
        new.scopes.to_string(),
        i32::try_from(new.token_ttl_seconds).unwrap_or(i32::MAX),
        new.created_at,
        new.sealed_tenant
    )
    .execute(db)
    .await?;
    Ok(())
}

impl Database {
    /// Finds the sealed name of the tenant that an API key belongs to, by the key's SHA-256.
    pub async fn api_key_route(&self, key_hash: &[u8; 32]) -> Result<Option<Vec<u8>>, DbError> {
        let mut tx = self.begin_shared("").await?;
        let sealed = sqlx::query_scalar!("select credential_route($1)", key_hash.as_slice())
            .fetch_one(&mut tx)
            .await?;
        tx.commit().await?;
        Ok(sealed)
    }

    /// Finds the sealed name of the tenant that an application belongs to.
    pub async fn application_route(&self, id: CredentialId) -> Result<Option<Vec<u8>>, DbError> {
        let mut tx = self.begin_shared("").await?;
        let sealed = sqlx::query_scalar!(
            "select credential_route(access_key('application', '', $1::uuid::text))",
            id.as_uuid()
        )
        .fetch_one(&mut tx)
        .await?;
        tx.commit().await?;
        Ok(sealed)
    }
}

/// A row as PostgreSQL gives it.
struct LoginRow {
    credential_id: Uuid,
    key_hash: Vec<u8>,
    secret_hash: Option<Vec<u8>>,
    scope: String,
    token_ttl_seconds: i32,
    revoked_at: Option<OffsetDateTime>,
    tenant_status: String,
}

impl LoginRow {
    fn read(self) -> Result<LoginCredential, DbError> {
        let corrupt = || DbError::Corrupt("credentials");
        let tenant = TenantStatus::parse(&self.tenant_status).ok_or_else(corrupt)?;
        Ok(LoginCredential {
            state: match (tenant, self.revoked_at) {
                (TenantStatus::Suspended, _) => CredentialState::TenantSuspended,
                (TenantStatus::Active, Some(_)) => CredentialState::Revoked,
                (TenantStatus::Active, None) => CredentialState::Live,
            },
            id: self.credential_id.into(),
            key_hash: self.key_hash,
            secret_hash: self.secret_hash,
            scopes: Scopes::parse(&self.scope).ok_or_else(corrupt)?,
            token_ttl_seconds: u32::try_from(self.token_ttl_seconds).map_err(|_| corrupt())?,
        })
    }
}

/// Finds an API key by its SHA-256.
pub async fn find_api_key(
    tx: &mut TenantTransaction,
    key_hash: &[u8; 32],
) -> Result<Option<LoginCredential>, DbError> {
    let (db, tenant) = tx.parts();
    let row = sqlx::query_as!(
        LoginRow,
        "select credential_id, key_hash, secret_hash, scope, token_ttl_seconds, revoked_at,
                tenants.status as tenant_status
         from credentials join tenants using (tenant_id)
         where tenant_id = $1 and kind = 'api_key' and key_hash = $2",
        tenant,
        key_hash.as_slice()
    )
    .fetch_optional(db)
    .await?;
    row.map(LoginRow::read).transpose()
}

/// Finds an application.
pub async fn find_application(
    tx: &mut TenantTransaction,
    id: CredentialId,
) -> Result<Option<LoginCredential>, DbError> {
    let (db, tenant) = tx.parts();
    let row = sqlx::query_as!(
        LoginRow,
        "select credential_id, key_hash, secret_hash, scope, token_ttl_seconds, revoked_at,
                tenants.status as tenant_status
         from credentials join tenants using (tenant_id)
         where tenant_id = $1 and kind = 'application' and credential_id = $2",
        tenant,
        id.as_uuid()
    )
    .fetch_optional(db)
    .await?;
    row.map(LoginRow::read).transpose()
}

/// Where a page of credentials ends: its last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CredentialCursor {
    /// When it was made, in microseconds since 1970.
    pub created_at_us: i64,
    /// Its id.
    pub id: CredentialId,
}

/// Lists at most `limit` of the tenant's credentials of a kind after `cursor`, newest first.
pub async fn list(
    tx: &mut TenantTransaction,
    kind: CredentialKind,
    cursor: Option<CredentialCursor>,
    limit: i64,
) -> Result<Vec<Credential>, DbError> {
    let (db, tenant) = tx.parts();
    let rows = sqlx::query!(
        "select credential_id, name, scope, created_at, revoked_at from credentials
         where tenant_id = $1 and kind = $2
           and ($3::bigint is null
                or (created_at, credential_id) < (timestamptz 'epoch' + $3::bigint * interval '1 microsecond', $4::uuid))
         order by created_at desc, credential_id desc
         limit $5",
        tenant,
        kind.as_str(),
        cursor.map(|cursor| cursor.created_at_us),
        cursor.map(|cursor| cursor.id.as_uuid()),
        limit
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Credential {
                id: row.credential_id.into(),
                name: row.name,
                scopes: Scopes::parse(&row.scope).ok_or(DbError::Corrupt("credentials"))?,
                created_at: row.created_at,
                revoked_at: row.revoked_at,
            })
        })
        .collect()
}

/// Revokes a credential and ends its tokens; false when there is none of that id and kind. Revoking
/// it again keeps the first time.
pub async fn revoke(
    tx: &mut TenantTransaction,
    kind: CredentialKind,
    id: CredentialId,
    now: OffsetDateTime,
) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let done = sqlx::query!(
        "update credentials set revoked_at = coalesce(revoked_at, $4)
         where tenant_id = $1 and kind = $2 and credential_id = $3",
        tenant,
        kind.as_str(),
        id.as_uuid(),
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
