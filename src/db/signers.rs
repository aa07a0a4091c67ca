//! The table `signers`: certificate chains that sign manifests, of the server and of tenants.

use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Database, DbError, TenantTransaction};
use crate::domain::{AccessKey, access_key};

/// A signer as it is stored.
#[derive(Debug)]
pub struct SealedSigner {
    /// What its key is sealed for.
    pub signer_id: Uuid,
    /// The tenant under its hashed name; `None` for the server's.
    pub tenant_key: Option<Vec<u8>>,
    /// `self-made` or `imported`.
    pub origin: String,
    /// The name of the kind of its signatures.
    pub algorithm: String,
    /// Its certificates in DER, the leaf first.
    pub chain: Vec<Vec<u8>>,
    /// The key of its leaf, sealed under the master key; `None` when it was removed.
    pub sealed_key: Option<Vec<u8>>,
    /// When its leaf ends.
    pub not_after: OffsetDateTime,
    /// When it was made or imported.
    pub created_at: OffsetDateTime,
    /// When it was removed.
    pub removed_at: Option<OffsetDateTime>,
}

/// Where a signer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The server's own authority issued it.
    SelfMade,
    /// The operator imported it.
    Imported,
}

impl Origin {
    /// Its name in the database and in lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SelfMade => "self-made",
            Self::Imported => "imported",
        }
    }
}

/// A signer to be stored.
#[derive(Debug)]
pub struct NewSigner<'a> {
    /// What its key is sealed for.
    pub signer_id: Uuid,
    /// Where it comes from.
    pub origin: Origin,
    /// The name of the kind of its signatures.
    pub algorithm: &'static str,
    /// Its certificates in DER, the leaf first.
    pub chain: &'a [Vec<u8>],
    /// The key of its leaf, sealed.
    pub sealed_key: &'a [u8],
    /// When its leaf ends.
    pub not_after: OffsetDateTime,
}

/// Lists all signers, newest first, also those that were removed.
pub async fn list(db: impl PgExecutor<'_>) -> Result<Vec<SealedSigner>, DbError> {
    let rows = sqlx::query_as!(
        SealedSigner,
        "select signer_id, tenant_key, origin, algorithm, chain, sealed_key, not_after, created_at, removed_at
         from signers order by created_at desc, signer_id"
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Adds a signer of the server.
pub async fn insert(
    db: &mut PgConnection,
    new: &NewSigner<'_>,
    now: OffsetDateTime,
) -> Result<(), DbError> {
    insert_of(db, None, new, now).await
}

/// Adds a signer of the transaction's tenant.
pub async fn insert_for_tenant(
    tx: &mut TenantTransaction,
    new: &NewSigner<'_>,
    now: OffsetDateTime,
) -> Result<(), DbError> {
    let (db, tenant) = tx.parts();
    let key = access_key("tenant", tenant, "");
    insert_of(db, Some(key), new, now).await
}

async fn insert_of(
    db: impl PgExecutor<'_>,
    tenant: Option<AccessKey>,
    new: &NewSigner<'_>,
    now: OffsetDateTime,
) -> Result<(), DbError> {
    sqlx::query!(
        "insert into signers (signer_id, tenant_key, origin, algorithm, chain, sealed_key, not_after, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        new.signer_id,
        tenant.as_ref().map(<[u8; 32]>::as_slice),
        new.origin.as_str(),
        new.algorithm,
        new.chain,
        new.sealed_key,
        new.not_after,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Removes the self-made signers but one, and forgets their keys.
pub async fn remove_self_made_but(
    db: &mut PgConnection,
    kept: Uuid,
    now: OffsetDateTime,
) -> Result<(), DbError> {
    sqlx::query!(
        "update signers set removed_at = $2, sealed_key = null
         where origin = 'self-made' and removed_at is null and signer_id <> $1",
        kept,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Removes an imported signer of the server, and forgets its key; false if there is none.
pub async fn remove(
    db: &mut PgConnection,
    signer_id: Uuid,
    now: OffsetDateTime,
) -> Result<bool, DbError> {
    remove_of(db, None, signer_id, now).await
}

/// The same of the transaction's tenant.
pub async fn remove_of_tenant(
    tx: &mut TenantTransaction,
    signer_id: Uuid,
    now: OffsetDateTime,
) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let key = access_key("tenant", tenant, "");
    remove_of(db, Some(key), signer_id, now).await
}

async fn remove_of(
    db: impl PgExecutor<'_>,
    tenant: Option<AccessKey>,
    signer_id: Uuid,
    now: OffsetDateTime,
) -> Result<bool, DbError> {
    let removed = sqlx::query!(
        "update signers set removed_at = $3, sealed_key = null
         where signer_id = $1 and tenant_key is not distinct from $2 and origin = 'imported' and removed_at is null",
        signer_id,
        tenant.as_ref().map(<[u8; 32]>::as_slice),
        now
    )
    .execute(db)
    .await?;
    Ok(removed.rows_affected() > 0)
}

/// Replaces the sealed key of a signer, unless it has changed meanwhile.
pub async fn reseal(
    db: impl PgExecutor<'_>,
    signer_id: Uuid,
    old: &[u8],
    new: &[u8],
) -> Result<(), DbError> {
    sqlx::query!(
        "update signers set sealed_key = $3 where signer_id = $1 and sealed_key = $2",
        signer_id,
        old,
        new
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The tenants that have signers, by their hashed names.
pub async fn tenants(db: impl PgExecutor<'_>) -> Result<Vec<(Vec<u8>, String)>, DbError> {
    let rows = sqlx::query!(
        r#"select tenant_key as "tenant_key!", tenant_id
           from signers join tenants on tenant_key = access_key('tenant', tenant_id, '') group by 1, 2"#
    )
    .fetch_all(db)
    .await?;
    let rows = rows.into_iter();
    Ok(rows.map(|row| (row.tenant_key, row.tenant_id)).collect())
}

impl Database {
    /// Lists all signers, newest first, their keys sealed.
    pub async fn signers(&self) -> Result<Vec<SealedSigner>, DbError> {
        let mut tx = self.begin_shared("").await?;
        let signers = list(&mut tx).await?;
        tx.commit().await?;
        Ok(signers)
    }
}
