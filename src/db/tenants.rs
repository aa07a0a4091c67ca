//! The table `tenants`: the operator's registry, and what serving needs of the caller's own row.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{DbError, TenantTransaction};
use crate::domain::TenantId;

/// A tenant as the operator sees it.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its name.
    pub tenant: String,
    /// `active` or `suspended`.
    pub status: String,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

/// Adds a tenant; false when one of that name is there already.
pub async fn insert(
    db: &mut PgConnection,
    tenant: &TenantId,
    sealed_secret: &[u8],
    now: OffsetDateTime,
) -> Result<bool, DbError> {
    let done = sqlx::query!(
        "insert into tenants (tenant_id, sealed_secret, created_at) values ($1, $2, $3)
         on conflict on constraint tenants_pkey do nothing",
        tenant.as_str(),
        sealed_secret,
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// All tenants by name.
pub async fn list(db: &mut PgConnection) -> Result<Vec<Tenant>, DbError> {
    let rows = sqlx::query_as!(
        Tenant,
        "select tenant_id as tenant, status, created_at from tenants order by tenant_id"
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Suspends or resumes a tenant; false when there is none of that name.
pub async fn set_status(
    db: &mut PgConnection,
    tenant: &TenantId,
    status: &str,
) -> Result<bool, DbError> {
    let done = sqlx::query!(
        "update tenants set status = $2 where tenant_id = $1",
        tenant.as_str(),
        status
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes a tenant and, by the foreign keys, all that it has; false when there is none of that name.
pub async fn delete(db: &mut PgConnection, tenant: &TenantId) -> Result<bool, DbError> {
    let done = sqlx::query!("delete from tenants where tenant_id = $1", tenant.as_str())
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// The sealed secret of the transaction's tenant.
pub async fn find_sealed_secret(tx: &mut TenantTransaction) -> Result<Option<Vec<u8>>, DbError> {
    let (db, tenant) = tx.parts();
    let secret = sqlx::query_scalar!(
        "select sealed_secret from tenants where tenant_id = $1",
        tenant
    )
    .fetch_optional(db)
    .await?;
    Ok(secret)
}
