//! The table `signing_keys`: the service's own, no tenant's.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::DbError;

/// A signing key as it is stored.
#[derive(Debug)]
pub struct SealedKey {
    /// The `kid`.
    pub key_id: String,
    /// The private key, sealed under the master key.
    pub sealed_private_key: Vec<u8>,
}

/// All keys, newest first.
pub async fn list(db: &mut PgConnection) -> Result<Vec<SealedKey>, DbError> {
    let rows = sqlx::query_as!(
        SealedKey,
        "select key_id, sealed_private_key from signing_keys order by created_at desc, key_id"
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Adds a key.
pub async fn insert(
    db: &mut PgConnection,
    key_id: &str,
    sealed_private_key: &[u8],
    now: OffsetDateTime,
) -> Result<(), DbError> {
    sqlx::query!(
        "insert into signing_keys (key_id, sealed_private_key, created_at) values ($1, $2, $3)",
        key_id,
        sealed_private_key,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}
