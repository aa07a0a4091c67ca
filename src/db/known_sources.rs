//! The table `known_sources`: the networks that an account has signed in from, under keyed hashes.

use time::OffsetDateTime;

use super::{DbError, TenantTransaction};
use crate::domain::{SourceHash, Username};

/// Most networks that are kept of an account. One who travels brings a new one every few days; each
/// is a place from where guesses are counted apart.
const MOST_SOURCES: i64 = 32;

/// Lists the networks of an account; none if there is no account of that name.
pub async fn list(
    tx: &mut TenantTransaction,
    username: &Username,
) -> Result<Vec<SourceHash>, DbError> {
    let (db, tenant) = tx.parts();
    let hashes = sqlx::query_scalar!(
        "select source_hash from known_sources where tenant_id = $1 and username = $2",
        tenant,
        username.as_str()
    )
    .fetch_all(db)
    .await?;
    let read = |hash: Vec<u8>| {
        hash.try_into()
            .map_err(|_| DbError::Corrupt("known_sources"))
    };
    hashes.into_iter().map(read).collect()
}

/// Adds a network to those of an account; the oldest gives way when there are too many.
pub async fn insert(
    tx: &mut TenantTransaction,
    username: &Username,
    source: &SourceHash,
    now: OffsetDateTime,
) -> Result<(), DbError> {
    let (db, tenant) = tx.parts();
    // Both see the table as it was before: so one fewer of the older ones is left.
    sqlx::query!(
        "with added as (
             insert into known_sources (tenant_id, username, source_hash, first_seen_at)
             values ($1, $2, $3, $4)
             on conflict on constraint known_sources_pkey do nothing
         )
         delete from known_sources
         where tenant_id = $1 and username = $2 and source_hash in (
             select source_hash from known_sources where tenant_id = $1 and username = $2
             order by first_seen_at desc, source_hash offset $5
         )",
        tenant,
        username.as_str(),
        source.as_slice(),
        now,
        MOST_SOURCES - 1
    )
    .execute(db)
    .await?;
    Ok(())
}
