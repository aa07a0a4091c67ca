//! The table `revoked_tokens`: the blocklist of `jti`.

use time::OffsetDateTime;

use super::{DbError, TenantTransaction};
use crate::domain::{TokenId, Username};

/// A token to be ended.
#[derive(Debug)]
pub struct EndedToken<'a> {
    /// Its id.
    pub id: TokenId,
    /// The account or application that it was issued to.
    pub holder: &'a Username,
    /// When it was issued.
    pub issued_at: OffsetDateTime,
    /// When its entry may go.
    pub expires_at: OffsetDateTime,
}

/// Ends a token; false when it was ended before.
pub async fn insert(tx: &mut TenantTransaction, token: &EndedToken<'_>) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let done = sqlx::query!(
        "insert into revoked_tokens (tenant_id, token_id, holder, issued_at, expires_at)
         values ($1, $2, $3, $4, $5)
         on conflict on constraint revoked_tokens_pkey do nothing",
        tenant,
        token.id.as_uuid(),
        token.holder.as_str(),
        token.issued_at,
        token.expires_at
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Where more than `most` tokens of a holder are ended one by one, replaces the older half of them
/// by the end of all tokens that were issued to the holder before a moment, which is returned.
pub async fn fold(
    tx: &mut TenantTransaction,
    holder: &Username,
    most: i32,
) -> Result<Option<OffsetDateTime>, DbError> {
    let (db, _) = tx.parts();
    let not_before = sqlx::query_scalar!("select fold_ended_tokens($1, $2)", holder.as_str(), most)
        .fetch_one(db)
        .await?;
    Ok(not_before)
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
