//! The table `soft_binding_tallies`: how much a tenant keeps of manifests and bindings.

use super::{DbError, TenantTransaction};

/// How much a tenant keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Stored manifests.
    pub manifests: i64,
    /// Their bytes, together.
    pub manifest_bytes: i64,
    /// Bindings.
    pub bindings: i64,
}

/// How much the tenant keeps. Behind a change in the same transaction it is exact: the change has
/// locked the row.
pub async fn find(tx: &mut TenantTransaction) -> Result<Tally, DbError> {
    let (db, tenant) = tx.parts();
    let found = sqlx::query_as!(
        Tally,
        "select manifests, manifest_bytes, bindings from soft_binding_tallies where tenant_id = $1",
        tenant
    )
    .fetch_optional(db)
    .await?;
    Ok(found.unwrap_or_default())
}
