//! The table `revoked_tokens`: the blocklist of `jti`.

use time::OffsetDateTime;

use super::{DbError, TenantTransaction};
use crate::domain::TokenId;

/// Ends a token; ending it again is no error.
pub async fn insert(
    tx: &mut TenantTransaction,
    token: TokenId,
    expires_at: OffsetDateTime,
) -> Result<(), DbError> {
    let (db, tenant) = tx.parts();
    sqlx::query!(
        "insert into revoked_tokens (tenant_id, token_id, expires_at) values ($1, $2, $3)
         on conflict on constraint revoked_tokens_pkey do nothing",
        tenant,
        token.as_uuid(),
        expires_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes the tenant's entries whose tokens expired before `moment`.
pub async fn sweep(tx: &mut TenantTransaction, moment: OffsetDateTime) -> Result<(), DbError> {
    let (db, tenant) = tx.parts();
    sqlx::query!(
        "delete from revoked_tokens where tenant_id = $1 and expires_at < $2",
        tenant,
        moment
    )
    .execute(db)
    .await?;
    Ok(())
}
