//! The table `certificate_authority`, which has one row at most.

use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Database, DbError};

/// The certificate authority as it is stored: certificates in DER, keys sealed under the master
/// key.
#[derive(Debug)]
pub struct SealedAuthority {
    /// What its keys are sealed for.
    pub authority_id: Uuid,
    /// The root's certificate.
    pub root: Vec<u8>,
    /// The root's key.
    pub sealed_root_key: Vec<u8>,
    /// The issuing CA's certificate.
    pub issuing: Vec<u8>,
    /// The issuing CA's key.
    pub sealed_issuing_key: Vec<u8>,
    /// The name of the kind of its leaves.
    pub algorithm: String,
}

/// Reads the authority.
pub async fn get(db: impl PgExecutor<'_>) -> Result<Option<SealedAuthority>, DbError> {
    let row = sqlx::query_as!(
        SealedAuthority,
        "select authority_id, root, sealed_root_key, issuing, sealed_issuing_key, algorithm
         from certificate_authority"
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// Stores the authority, in place of the one before.
pub async fn replace(
    db: &mut PgConnection,
    authority: &SealedAuthority,
    now: OffsetDateTime,
) -> Result<(), DbError> {
    sqlx::query!("delete from certificate_authority")
        .execute(&mut *db)
        .await?;
    sqlx::query!(
        "insert into certificate_authority
             (authority_id, root, sealed_root_key, issuing, sealed_issuing_key, algorithm, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        authority.authority_id,
        authority.root,
        authority.sealed_root_key,
        authority.issuing,
        authority.sealed_issuing_key,
        authority.algorithm,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Replaces the sealed keys of the authority, unless it was replaced meanwhile.
pub async fn reseal(
    db: impl PgExecutor<'_>,
    authority_id: Uuid,
    root_key: &[u8],
    issuing_key: &[u8],
) -> Result<(), DbError> {
    sqlx::query!(
        "update certificate_authority set sealed_root_key = $2, sealed_issuing_key = $3 where authority_id = $1",
        authority_id,
        root_key,
        issuing_key
    )
    .execute(db)
    .await?;
    Ok(())
}

impl Database {
    /// The certificate of the authority's root, in DER.
    pub async fn root(&self) -> Result<Option<Vec<u8>>, DbError> {
        let mut tx = self.begin_shared("").await?;
        let root = sqlx::query_scalar!("select root from certificate_authority")
            .fetch_optional(&mut tx)
            .await?;
        tx.commit().await?;
        Ok(root)
    }
}
