//! The tables `credentials` and `credential_routes`: API keys and applications of a tenant, and the
//! way from a credential to its tenant.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Database, DbError, PgConnection, TenantTransaction};
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
    /// Days that it is made for; `None`: until it is revoked.
    pub days: Option<u32>,
    /// When those are over.
    pub expires_at: Option<OffsetDateTime>,
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
    /// It has come to its end.
    Expired,
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
    /// When it ends, and its tokens with it; `None`: never.
    pub expires_at: Option<OffsetDateTime>,
    /// When a use was last noted ([`note_use`]).
    pub last_used_at: Option<OffsetDateTime>,
}

/// A credential that another one takes the place of.
#[derive(Debug)]
pub struct ReplacedCredential {
    /// A name for people.
    pub name: String,
    /// The most that its tokens may do.
    pub scopes: Scopes,
    /// Lifetime of an application's long-lived tokens, in seconds.
    pub token_ttl_seconds: u32,
    /// Days that it was made for; `None`: until it is revoked.
    pub days: Option<u32>,
    /// When it ends now.
    pub expires_at: OffsetDateTime,
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
    /// When it was revoked; `None` if it was not.
    pub revoked_at: Option<OffsetDateTime>,
    /// When it ends by itself, or has ended; `None`: never.
    pub expires_at: Option<OffsetDateTime>,
    /// When a use was last noted ([`note_use`]).
    pub last_used_at: Option<OffsetDateTime>,
}

/// Adds a credential. The database adds the route to its tenant, which is found by an API key's
/// SHA-256 or by an application's id.
pub async fn insert(tx: &mut TenantTransaction, new: &NewCredential<'_>) -> Result<(), DbError> {
    let (db, tenant) = tx.parts();
    sqlx::query!(
        "insert into credentials (tenant_id, credential_id, kind, name, key_hash, secret_hash, scope,
                                  token_ttl_seconds, created_at, sealed_tenant, lifetime_days, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        tenant,
        new.id.as_uuid(),
        new.kind.as_str(),
        new.name,
        new.key_hash.as_slice(),
        new.secret_hash.map(<[u8; 32]>::as_slice),
        new.scopes.to_string(),
        i32::try_from(new.token_ttl_seconds).unwrap_or(i32::MAX),
        new.created_at,
        new.sealed_tenant,
        new.days.map(|days| i32::try_from(days).unwrap_or(i32::MAX)),
        new.expires_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A tenant's name, sealed, and where it stands.
#[derive(Debug)]
pub struct SealedRoute {
    /// The key of its row.
    pub lookup: Vec<u8>,
    /// The name.
    pub sealed_tenant: Vec<u8>,
}

/// The ways from all credentials to their tenants, as the owner of the tables sees them.
pub async fn routes(db: &mut PgConnection) -> Result<Vec<SealedRoute>, DbError> {
    let rows = sqlx::query_as!(
        SealedRoute,
        "select lookup, sealed_tenant from credential_routes order by lookup"
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Replaces the sealed name of a way.
pub async fn reseal_route(
    db: &mut PgConnection,
    lookup: &[u8],
    sealed_tenant: &[u8],
) -> Result<(), DbError> {
    sqlx::query!(
        "update credential_routes set sealed_tenant = $2 where lookup = $1",
        lookup,
        sealed_tenant
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The sealed names in the credentials of the transaction's tenant, from which the ways were made.
pub async fn sealed_tenants(tx: &mut TenantTransaction) -> Result<Vec<(Uuid, Vec<u8>)>, DbError> {
    let (db, tenant) = tx.parts();
    let rows = sqlx::query!(
        r#"select credential_id, sealed_tenant as "sealed_tenant!" from credentials
           where tenant_id = $1 and sealed_tenant is not null"#,
        tenant
    )
    .fetch_all(db)
    .await?;
    let rows = rows.into_iter();
    Ok(rows
        .map(|row| (row.credential_id, row.sealed_tenant))
        .collect())
}

/// Replaces the sealed name in a credential.
pub async fn reseal(
    tx: &mut TenantTransaction,
    credential_id: Uuid,
    sealed_tenant: &[u8],
) -> Result<(), DbError> {
    let (db, tenant) = tx.parts();
    sqlx::query!(
        "update credentials set sealed_tenant = $3 where tenant_id = $1 and credential_id = $2",
        tenant,
        credential_id,
        sealed_tenant
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
    expires_at: Option<OffsetDateTime>,
    last_used_at: Option<OffsetDateTime>,
    tenant_status: String,
}

impl LoginRow {
    fn read(self, now: OffsetDateTime) -> Result<LoginCredential, DbError> {
        let corrupt = || DbError::Corrupt("credentials");
        let tenant = TenantStatus::parse(&self.tenant_status).ok_or_else(corrupt)?;
        Ok(LoginCredential {
            state: match (tenant, self.revoked_at) {
                (TenantStatus::Suspended, _) => CredentialState::TenantSuspended,
                (TenantStatus::Active, Some(_)) => CredentialState::Revoked,
                (TenantStatus::Active, None) if self.expires_at.is_some_and(|at| at <= now) => {
                    CredentialState::Expired
                }
                (TenantStatus::Active, None) => CredentialState::Live,
            },
            id: self.credential_id.into(),
            key_hash: self.key_hash,
            secret_hash: self.secret_hash,
            scopes: Scopes::parse(&self.scope).ok_or_else(corrupt)?,
            token_ttl_seconds: u32::try_from(self.token_ttl_seconds).map_err(|_| corrupt())?,
            expires_at: self.expires_at,
            last_used_at: self.last_used_at,
        })
    }
}

/// Finds an API key by its SHA-256, in its state at `now`.
pub async fn find_api_key(
    tx: &mut TenantTransaction,
    key_hash: &[u8; 32],
    now: OffsetDateTime,
) -> Result<Option<LoginCredential>, DbError> {
    let (db, tenant) = tx.parts();
    let row = sqlx::query_as!(
        LoginRow,
        "select credential_id, key_hash, secret_hash, scope, token_ttl_seconds, revoked_at,
                expires_at, last_used_at, tenants.status as tenant_status
         from credentials join tenants using (tenant_id)
         where tenant_id = $1 and kind = 'api_key' and key_hash = $2",
        tenant,
        key_hash.as_slice()
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| row.read(now)).transpose()
}

/// Finds an application, in its state at `now`.
pub async fn find_application(
    tx: &mut TenantTransaction,
    id: CredentialId,
    now: OffsetDateTime,
) -> Result<Option<LoginCredential>, DbError> {
    let (db, tenant) = tx.parts();
    let row = sqlx::query_as!(
        LoginRow,
        "select credential_id, key_hash, secret_hash, scope, token_ttl_seconds, revoked_at,
                expires_at, last_used_at, tenants.status as tenant_status
         from credentials join tenants using (tenant_id)
         where tenant_id = $1 and kind = 'application' and credential_id = $2",
        tenant,
        id.as_uuid()
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| row.read(now)).transpose()
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
        "select credential_id, name, scope, created_at, revoked_at, expires_at, last_used_at from credentials
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
                expires_at: row.expires_at,
                last_used_at: row.last_used_at,
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

/// Lets a credential that was not revoked end at `latest`, or when it would have if that is sooner;
/// its tokens end with it. `None` when there is none of that id and kind.
pub async fn end_by(
    tx: &mut TenantTransaction,
    kind: CredentialKind,
    id: CredentialId,
    latest: OffsetDateTime,
) -> Result<Option<ReplacedCredential>, DbError> {
    let corrupt = || DbError::Corrupt("credentials");
    let (db, tenant) = tx.parts();
    let row = sqlx::query!(
        r#"update credentials set expires_at = least(expires_at, $4)
           where tenant_id = $1 and kind = $2 and credential_id = $3 and revoked_at is null
           returning name, scope, token_ttl_seconds, lifetime_days, expires_at as "expires_at!""#,
        tenant,
        kind.as_str(),
        id.as_uuid(),
        latest
    )
    .fetch_optional(db)
    .await?;
    let whole = |number: i32| u32::try_from(number).map_err(|_| corrupt());
    row.map(|row| {
        Ok(ReplacedCredential {
            name: row.name,
            scopes: Scopes::parse(&row.scope).ok_or_else(corrupt)?,
            token_ttl_seconds: whole(row.token_ttl_seconds)?,
            days: row.lifetime_days.map(whole).transpose()?,
            expires_at: row.expires_at,
        })
    })
    .transpose()
}

/// Notes that a credential was used at `now`, unless a use after `before` was noted already.
pub async fn note_use(
    tx: &mut TenantTransaction,
    id: CredentialId,
    before: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<(), DbError> {
    let (db, tenant) = tx.parts();
    sqlx::query!(
        "update credentials set last_used_at = $4
         where tenant_id = $1 and credential_id = $2 and (last_used_at is null or last_used_at <= $3)",
        tenant,
        id.as_uuid(),
        before,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}
