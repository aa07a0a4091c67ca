//! The table `tenants`: the operator's registry, and the caller's own row for serving.

use std::num::NonZeroU32;

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{DbError, TenantTransaction};
use crate::domain::{
    CheckPolicy, ContentHashPolicy, ManifestPolicy, Megapixels, Privacy, PublicationPolicy,
    RateOverrides, TenantPolicy, TenantStatus,
};

/// A tenant as the operator sees it.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Unique on this server.
    pub tenant: String,
    /// Whether it is served.
    pub status: TenantStatus,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// The operator's settings for it.
    pub policy: TenantPolicy,
}

/// A policy as PostgreSQL gives it.
pub(super) struct PolicyRow {
    pub(super) privacy: String,
    pub(super) max_copies: Option<i32>,
    pub(super) content_hash_policy: String,
    pub(super) max_megapixels: Option<i32>,
    pub(super) manifest_policy: String,
    pub(super) check_policy: String,
    pub(super) publication_policy: String,
    pub(super) rate_per_second: Option<i32>,
    pub(super) rate_burst: Option<i32>,
    pub(super) rate_per_hour: Option<i32>,
}

/// What work that protects a photo needs of its tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantSettings {
    /// Its secret, sealed under the master key.
    pub sealed_secret: Vec<u8>,
    /// The operator's settings for it.
    pub policy: TenantPolicy,
}

impl PolicyRow {
    /// Reads the policy; [`DbError::Corrupt`] when this program did not write the row.
    pub(super) fn read(&self) -> Result<TenantPolicy, DbError> {
        let corrupt = || DbError::Corrupt("tenants");
        let number = |set: Option<i32>| {
            set.map(u32::try_from)
                .transpose()
                .map_err(|_| DbError::Corrupt("tenants"))
        };
        let max_copies = number(self.max_copies)?
            .map(|max| NonZeroU32::new(max).ok_or_else(corrupt))
            .transpose()?;
        Ok(TenantPolicy {
            privacy: Privacy::parse(&self.privacy).ok_or_else(corrupt)?,
            max_copies,
            content_hash: ContentHashPolicy::parse(&self.content_hash_policy)
                .ok_or_else(corrupt)?,
            max_megapixels: read_megapixels(self.max_megapixels)?,
            manifests: ManifestPolicy::parse(&self.manifest_policy).ok_or_else(corrupt)?,
            check: CheckPolicy::parse(&self.check_policy).ok_or_else(corrupt)?,
            publication: PublicationPolicy::parse(&self.publication_policy).ok_or_else(corrupt)?,
            rates: RateOverrides {
                per_second: number(self.rate_per_second)?,
                burst: number(self.rate_burst)?,
                per_hour: number(self.rate_per_hour)?,
            },
        })
    }
}

/// Reads the limit of an image's size; `None` for the default.
pub(super) fn read_megapixels(set: Option<i32>) -> Result<Option<Megapixels>, DbError> {
    let read = |set| u32::try_from(set).ok().and_then(Megapixels::new);
    set.map(|set| read(set).ok_or(DbError::Corrupt("tenants")))
        .transpose()
}

/// Adds the transaction's tenant; false when there is one of that name.
pub async fn insert(
    tx: &mut TenantTransaction,
    sealed_secret: &[u8],
    now: OffsetDateTime,
) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let done = sqlx::query!(
        "insert into tenants (tenant_id, sealed_secret, created_at) values ($1, $2, $3)
         on conflict on constraint tenants_pkey do nothing",
        tenant,
        sealed_secret,
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Lists all tenants by name.
pub async fn list(db: &mut PgConnection) -> Result<Vec<Tenant>, DbError> {
    let rows = sqlx::query!(
        "select tenant_id, status, created_at, privacy, max_copies, content_hash_policy, max_megapixels,
                manifest_policy, check_policy, publication_policy, rate_per_second, rate_burst, rate_per_hour
         from tenants order by tenant_id"
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            let policy = PolicyRow {
                privacy: row.privacy,
                max_copies: row.max_copies,
                content_hash_policy: row.content_hash_policy,
                max_megapixels: row.max_megapixels,
                manifest_policy: row.manifest_policy,
                check_policy: row.check_policy,
                publication_policy: row.publication_policy,
                rate_per_second: row.rate_per_second,
                rate_burst: row.rate_burst,
                rate_per_hour: row.rate_per_hour,
            };
            Ok(Tenant {
                policy: policy.read()?,
                tenant: row.tenant_id,
                status: TenantStatus::parse(&row.status).ok_or(DbError::Corrupt("tenants"))?,
                created_at: row.created_at,
            })
        })
        .collect()
}

/// Replaces the sealed secret of the transaction's tenant.
pub async fn reseal(tx: &mut TenantTransaction, sealed: &[u8]) -> Result<(), DbError> {
    let (db, tenant) = tx.parts();
    sqlx::query!(
        "update tenants set sealed_secret = $2 where tenant_id = $1",
        tenant,
        sealed
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Reads the policy of the transaction's tenant and locks it until the transaction ends.
pub async fn lock_policy(tx: &mut TenantTransaction) -> Result<Option<TenantPolicy>, DbError> {
    let (db, tenant) = tx.parts();
    let row = sqlx::query_as!(
        PolicyRow,
        "select privacy, max_copies, content_hash_policy, max_megapixels, manifest_policy,
                check_policy, publication_policy, rate_per_second, rate_burst, rate_per_hour
         from tenants where tenant_id = $1 for update",
        tenant
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| row.read()).transpose()
}

/// Replaces the policy of the transaction's tenant.
pub async fn set_policy(tx: &mut TenantTransaction, policy: &TenantPolicy) -> Result<(), DbError> {
    let (db, tenant) = tx.parts();
    let number = |set: u32| i32::try_from(set).unwrap_or(i32::MAX);
    sqlx::query!(
        "update tenants
         set privacy = $2, max_copies = $3, rate_per_second = $4, rate_burst = $5, rate_per_hour = $6,
             content_hash_policy = $7, max_megapixels = $8, manifest_policy = $9, check_policy = $10,
             publication_policy = $11
         where tenant_id = $1",
        tenant,
        policy.privacy.as_str(),
        policy.max_copies.map(|max| number(max.get())),
        policy.rates.per_second.map(number),
        policy.rates.burst.map(number),
        policy.rates.per_hour.map(number),
        policy.content_hash.as_str(),
        policy.max_megapixels.map(|max| number(max.get())),
        policy.manifests.as_str(),
        policy.check.as_str(),
        policy.publication.as_str()
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Reads the policy of the transaction's tenant; `None` when it is gone.
pub async fn find_policy(tx: &mut TenantTransaction) -> Result<Option<TenantPolicy>, DbError> {
    let (db, tenant) = tx.parts();
    let row = sqlx::query_as!(
        PolicyRow,
        "select privacy, max_copies, content_hash_policy, max_megapixels, manifest_policy,
                check_policy, publication_policy, rate_per_second, rate_burst, rate_per_hour
         from tenants where tenant_id = $1",
        tenant
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| row.read()).transpose()
}

/// Reads secret and policy of the transaction's tenant; `None` when it is gone.
pub async fn find_settings(tx: &mut TenantTransaction) -> Result<Option<TenantSettings>, DbError> {
    let (db, tenant) = tx.parts();
    let row = sqlx::query!(
        "select sealed_secret, privacy, max_copies, content_hash_policy, max_megapixels, manifest_policy,
                check_policy, publication_policy, rate_per_second, rate_burst, rate_per_hour
         from tenants where tenant_id = $1",
        tenant
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        let policy = PolicyRow {
            privacy: row.privacy,
            max_copies: row.max_copies,
            content_hash_policy: row.content_hash_policy,
            max_megapixels: row.max_megapixels,
            manifest_policy: row.manifest_policy,
            check_policy: row.check_policy,
            publication_policy: row.publication_policy,
            rate_per_second: row.rate_per_second,
            rate_burst: row.rate_burst,
            rate_per_hour: row.rate_per_hour,
        };
        Ok(TenantSettings {
            sealed_secret: row.sealed_secret,
            policy: policy.read()?,
        })
    })
    .transpose()
}

/// Suspends or resumes the transaction's tenant; false when it is not there.
pub async fn set_status(tx: &mut TenantTransaction, status: TenantStatus) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let done = sqlx::query!(
        "update tenants set status = $2 where tenant_id = $1",
        tenant,
        status.as_str()
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Deletes the transaction's tenant and, by the foreign keys, everything that it has; false when it
/// is not there.
pub async fn delete(tx: &mut TenantTransaction) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let done = sqlx::query!("delete from tenants where tenant_id = $1", tenant)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// The part of a tenant that work on its images needs.
#[derive(Debug)]
pub struct ImageTenant {
    /// Its secret, sealed under the master key.
    pub sealed_secret: Vec<u8>,
    /// The largest picture that it may send; `None` for the server's default.
    pub max_megapixels: Option<Megapixels>,
}

/// The sealed secret and the image limit of the transaction's tenant; `None` when it is gone.
pub async fn find_for_image(tx: &mut TenantTransaction) -> Result<Option<ImageTenant>, DbError> {
    let (db, tenant) = tx.parts();
    let row = sqlx::query!(
        "select sealed_secret, max_megapixels from tenants where tenant_id = $1",
        tenant
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        Ok(ImageTenant {
            sealed_secret: row.sealed_secret,
            max_megapixels: read_megapixels(row.max_megapixels)?,
        })
    })
    .transpose()
}
