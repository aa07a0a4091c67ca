//! The table `bindings`: values that lead to manifests.

use time::OffsetDateTime;

use super::{DbError, PublicTransaction, TenantTransaction};
use crate::domain::{BindingAlgorithm, BindingValue, ManifestId};

/// A manifest of the tenant's that a value can be bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoundManifest<'a> {
    /// One that it stored.
    Stored(&'a ManifestId),
    /// That of one of its photos.
    OfPhoto(&'a ManifestId),
}

impl<'a> BoundManifest<'a> {
    /// Its id.
    pub fn id(self) -> &'a ManifestId {
        match self {
            Self::Stored(id) | Self::OfPhoto(id) => id,
        }
    }

    /// The id in the column that it belongs to: stored, of a photo.
    fn columns(self) -> (Option<&'a str>, Option<&'a str>) {
        match self {
            Self::Stored(id) => (Some(id.as_str()), None),
            Self::OfPhoto(id) => (None, Some(id.as_str())),
        }
    }
}

/// A value, and the algorithm that it is of; any, where none is given.
#[derive(Debug, Clone, Copy)]
pub struct Bound<'a> {
    /// The value.
    pub value: &'a BindingValue,
    /// Its algorithm.
    pub alg: Option<&'a BindingAlgorithm>,
}

impl Bound<'_> {
    /// The name of the algorithm as the table has it: empty for any.
    fn alg(&self) -> &str {
        self.alg.map_or("", BindingAlgorithm::as_str)
    }
}

/// Binds a value to a manifest; false when it is.
pub async fn insert(
    tx: &mut TenantTransaction,
    bound: Bound<'_>,
    to: BoundManifest<'_>,
    now: OffsetDateTime,
) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let (stored, of_photo) = to.columns();
    let done = sqlx::query!(
        "insert into bindings (tenant_id, value_sha256, manifest_id, alg, stored_manifest, photo_manifest, bound_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict on constraint bindings_pkey do nothing",
        tenant,
        bound.value.sha256().as_slice(),
        to.id().as_str(),
        bound.alg(),
        stored,
        of_photo,
        now
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether the tenant bound a value by that algorithm.
pub async fn exists(tx: &mut TenantTransaction, bound: Bound<'_>) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let found = sqlx::query_scalar!(
        r#"select exists (select from bindings where tenant_id = $1 and value_sha256 = $2 and alg = $3) as "found!""#,
        tenant,
        bound.value.sha256().as_slice(),
        bound.alg()
    )
    .fetch_one(db)
    .await?;
    Ok(found)
}

/// Removes the bindings of a value by that algorithm to other manifests than this one; how many
/// there were.
pub async fn remove_others(
    tx: &mut TenantTransaction,
    bound: Bound<'_>,
    but: &ManifestId,
) -> Result<u64, DbError> {
    let (db, tenant) = tx.parts();
    let done = sqlx::query!(
        "delete from bindings where tenant_id = $1 and value_sha256 = $2 and alg = $3 and manifest_id <> $4",
        tenant,
        bound.value.sha256().as_slice(),
        bound.alg(),
        but.as_str()
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// How many bindings a manifest of the tenant's has.
pub async fn count_of_manifest(
    tx: &mut TenantTransaction,
    manifest: BoundManifest<'_>,
) -> Result<i64, DbError> {
    let (db, tenant) = tx.parts();
    let (stored, of_photo) = manifest.columns();
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from bindings
           where tenant_id = $1 and (stored_manifest = $2 or photo_manifest = $3)"#,
        tenant,
        stored,
        of_photo
    )
    .fetch_one(db)
    .await?;
    Ok(count)
}

/// How many bindings of the tenant's a value has.
pub async fn count_of_value(
    tx: &mut TenantTransaction,
    value: &BindingValue,
) -> Result<i64, DbError> {
    let (db, tenant) = tx.parts();
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from bindings where tenant_id = $1 and value_sha256 = $2"#,
        tenant,
        value.sha256().as_slice()
    )
    .fetch_one(db)
    .await?;
    Ok(count)
}

/// The manifests that the tenant bound a value to, by this algorithm or by any: the earliest first,
/// at most `limit`.
pub async fn find(
    tx: &mut TenantTransaction,
    bound: Bound<'_>,
    limit: i64,
) -> Result<Vec<String>, DbError> {
    let (db, tenant) = tx.parts();
    let found = sqlx::query_scalar!(
        "select manifest_id from bindings where tenant_id = $1 and value_sha256 = $2 and alg in ('', $3)
         group by manifest_id order by min(bound_at), manifest_id limit $4",
        tenant,
        bound.value.sha256().as_slice(),
        bound.alg(),
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(found)
}

/// The stored manifests that tenants publish and bound a value to, by this algorithm or by any: the
/// earliest first, at most `limit` bindings.
pub async fn find_public(
    tx: &mut PublicTransaction,
    bound: Bound<'_>,
    limit: i64,
) -> Result<Vec<String>, DbError> {
    let found = sqlx::query_scalar!(
        "select manifest_id from bindings where value_sha256 = $1 and alg in ('', $2)
         order by bound_at, tenant_id, manifest_id limit $3",
        bound.value.sha256().as_slice(),
        bound.alg(),
        limit
    )
    .fetch_all(&mut tx.connection)
    .await?;
    Ok(found)
}
