//! The table `signing_keys`, which belongs to the service and to no tenant.

use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::{Database, DbError};

/// A signing key as it is stored.
#[derive(Debug)]
pub struct SealedKey {
    /// The `kid`: the key's RFC 7638 thumbprint.
    pub key_id: String,
    /// The private key, sealed under the master key.
    pub sealed_private_key: Vec<u8>,
    /// When it was generated.
    pub created_at: OffsetDateTime,
    /// When it began to sign; `None` while it is only published.
    pub activated_at: Option<OffsetDateTime>,
    /// When it stopped signing; `None` until then.
    pub retired_at: Option<OffsetDateTime>,
    /// No token that it signed expires later.
    pub tokens_until: Option<OffsetDateTime>,
}

/// A signing key to be stored.
#[derive(Debug)]
pub struct NewSigningKey {
    /// The `kid`: the key's RFC 7638 thumbprint.
    pub key_id: String,
    /// The private key, sealed under the master key.
    pub sealed_private_key: Vec<u8>,
}

/// Lists all keys, newest first.
pub async fn list(db: impl PgExecutor<'_>) -> Result<Vec<SealedKey>, DbError> {
    let rows = sqlx::query_as!(
        SealedKey,
        "select key_id, sealed_private_key, created_at, activated_at, retired_at, tokens_until
         from signing_keys order by created_at desc, key_id"
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Adds a key that is published and does not sign yet.
pub async fn insert(
    db: &mut PgConnection,
    new: &NewSigningKey,
    now: OffsetDateTime,
) -> Result<(), DbError> {
    sqlx::query!(
        "insert into signing_keys (key_id, sealed_private_key, created_at) values ($1, $2, $3)",
        new.key_id,
        new.sealed_private_key,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Makes a key the only one that signs, and retires the one before.
pub async fn activate(
    db: &mut PgConnection,
    key_id: &str,
    now: OffsetDateTime,
) -> Result<(), DbError> {
    sqlx::query!(
        "update signing_keys
         set activated_at = case when key_id = $1 then $2 else activated_at end,
             retired_at = case when key_id = $1 then null else $2 end
         where key_id = $1 or (activated_at is not null and retired_at is null)",
        key_id,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Replaces the sealed half of a key, unless it has changed meanwhile.
pub async fn reseal(
    db: impl PgExecutor<'_>,
    key_id: &str,
    old: &[u8],
    new: &[u8],
) -> Result<(), DbError> {
    sqlx::query!(
        "update signing_keys set sealed_private_key = $3 where key_id = $1 and sealed_private_key = $2",
        key_id,
        old,
        new
    )
    .execute(db)
    .await?;
    Ok(())
}

impl Database {
    /// Lists all keys, newest first, their private halves sealed.
    pub async fn signing_keys(&self) -> Result<Vec<SealedKey>, DbError> {
        let mut tx = self.begin_shared("").await?;
        let keys = list(&mut tx).await?;
        tx.commit().await?;
        Ok(keys)
    }

    /// Stores that a key's tokens may live until then; never shortens it.
    pub async fn keep_signing_key(
        &self,
        key_id: &str,
        tokens_until: OffsetDateTime,
    ) -> Result<(), DbError> {
        let mut tx = self.begin_shared("").await?;
        sqlx::query!("select keep_signing_key($1, $2)", key_id, tokens_until)
            .fetch_one(&mut tx)
            .await?;
        tx.commit().await
    }
}
