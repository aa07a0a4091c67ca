//! The table `stored_manifests`: manifests that clients stored, in bytes that nobody has judged.

use time::OffsetDateTime;

use super::{DbError, PublicTransaction, TenantTransaction};
use crate::domain::ManifestId;

/// A stored manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignManifest {
    /// SHA-256 of the bytes.
    pub sha256: Vec<u8>,
    /// The bytes as they came.
    pub bytes: Vec<u8>,
    /// Whether they are a manifest store, as far as its boxes go.
    pub parsed: bool,
    /// When they were stored.
    pub stored_at: OffsetDateTime,
}

/// Stores a manifest; false when there is one of that id.
pub async fn insert(
    tx: &mut TenantTransaction,
    id: &ManifestId,
    manifest: &ForeignManifest,
) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let done = sqlx::query!(
        "insert into stored_manifests (tenant_id, manifest_id, sha256, bytes, parsed, stored_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict on constraint stored_manifests_pkey do nothing",
        tenant,
        id.as_str(),
        manifest.sha256,
        manifest.bytes,
        manifest.parsed,
        manifest.stored_at
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Finds a manifest that the tenant stored.
pub async fn find(
    tx: &mut TenantTransaction,
    id: &ManifestId,
) -> Result<Option<ForeignManifest>, DbError> {
    let (db, tenant) = tx.parts();
    let found = sqlx::query_as!(
        ForeignManifest,
        "select sha256, bytes, parsed, stored_at from stored_manifests where tenant_id = $1 and manifest_id = $2",
        tenant,
        id.as_str()
    )
    .fetch_optional(db)
    .await?;
    Ok(found)
}

/// Finds a manifest that a tenant stored and publishes: the earliest, if there are several.
pub async fn find_public(
    tx: &mut PublicTransaction,
    id: &ManifestId,
) -> Result<Option<ForeignManifest>, DbError> {
    let found = sqlx::query_as!(
        ForeignManifest,
        "select sha256, bytes, parsed, stored_at from stored_manifests where manifest_id = $1
         order by stored_at, tenant_id limit 1",
        id.as_str()
    )
    .fetch_optional(&mut tx.connection)
    .await?;
    Ok(found)
}

/// Whether the tenant stored a manifest of that id.
pub async fn exists(tx: &mut TenantTransaction, id: &ManifestId) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let found = sqlx::query_scalar!(
        r#"select exists (select from stored_manifests where tenant_id = $1 and manifest_id = $2) as "found!""#,
        tenant,
        id.as_str()
    )
    .fetch_one(db)
    .await?;
    Ok(found)
}

/// Deletes a manifest that the tenant stored and, by the foreign key, its bindings; false when
/// there is none.
pub async fn delete(tx: &mut TenantTransaction, id: &ManifestId) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let done = sqlx::query!(
        "delete from stored_manifests where tenant_id = $1 and manifest_id = $2",
        tenant,
        id.as_str()
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
