//! The table `manifests`: the content credentials of protected photos.

use super::{DbError, TenantTransaction};
use crate::domain::PhotoId;

/// The manifest of a photo.
#[derive(Debug, Clone)]
pub struct StoredManifest {
    /// Its URN.
    pub manifest_id: String,
    /// SHA-256 of the certificate that it was signed with.
    pub certificate_sha256: Vec<u8>,
    /// The manifest store (JUMBF); `None` where the tenant keeps none.
    pub store: Option<Vec<u8>>,
}

/// The manifest of a photo without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestSummary {
    /// Its URN.
    pub manifest_id: String,
    /// SHA-256 of the certificate that it was signed with.
    pub certificate_sha256: Vec<u8>,
    /// Whether its bytes are kept.
    pub kept: bool,
}

/// Finds the manifest of a photo.
pub async fn find(
    tx: &mut TenantTransaction,
    photo: PhotoId,
) -> Result<Option<StoredManifest>, DbError> {
    let (db, tenant) = tx.parts();
    let found = sqlx::query_as!(
        StoredManifest,
        "select manifest_id, certificate_sha256, store from manifests where tenant_id = $1 and photo_id = $2",
        tenant,
        photo.as_uuid()
    )
    .fetch_optional(db)
    .await?;
    Ok(found)
}

/// Finds a manifest of the tenant's by its URN.
pub async fn find_by_id(
    tx: &mut TenantTransaction,
    manifest_id: &str,
) -> Result<Option<StoredManifest>, DbError> {
    let (db, tenant) = tx.parts();
    let found = sqlx::query_as!(
        StoredManifest,
        "select manifest_id, certificate_sha256, store from manifests where tenant_id = $1 and manifest_id = $2",
        tenant,
        manifest_id
    )
    .fetch_optional(db)
    .await?;
    Ok(found)
}
