//! The table `idempotency_keys`: for each key of a client the request that used it, the call that
//! works on it, and the outcome.
//!
//! Every function works on the row of one key, except [`sweep`], which skips rows that others hold.
//! How long a claim lasts goes by the database's clock, since servers' clocks differ by more than
//! that.

use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, TenantTransaction};
use crate::domain::{IdempotencyKey, MeteredOperation, PhotoId, RequestHash};

/// Most rows that one sweep deletes, so that no call pays for many others.
const SWEPT_AT_ONCE: i64 = 100;

/// The row of a key that has been used.
#[derive(Debug)]
pub struct IdempotencyRow {
    /// Hash of the request that used the key.
    pub fingerprint: RequestHash,
    /// The photo that the work makes.
    pub photo: PhotoId,
    /// Seconds until another call may take the work over; none are left from 0 down.
    pub claimed_seconds: f64,
    /// Stored by the call that did the work; `None` until it is done.
    pub outcome: Option<Value>,
}

/// The claim of one call on a key.
#[derive(Debug, Clone, Copy)]
pub struct ClaimId<'a> {
    /// The kind of work; each kind has keys of its own.
    pub operation: MeteredOperation,
    /// The key that the client chose.
    pub key: &'a IdempotencyKey,
    /// Drawn for this call: others with the same key have another.
    pub call: Uuid,
}

/// A claim on a key that has no row yet.
#[derive(Debug, Clone, Copy)]
pub struct NewClaim<'a> {
    /// The key, and the call that claims it.
    pub claim: ClaimId<'a>,
    /// Hash of the request: the same key with another one is refused.
    pub fingerprint: RequestHash,
    /// The photo that the work makes.
    pub photo: PhotoId,
    /// Seconds until another call may take the work over, unless the claim is renewed.
    pub claimed_seconds: f64,
    /// When the key is forgotten, whatever came of the work.
    pub expires_at: OffsetDateTime,
}

/// Deletes the key's row if it expired by `now`.
pub async fn forget_expired(
    tx: &mut TenantTransaction,
    claim: ClaimId<'_>,
    now: OffsetDateTime,
) -> Result<(), DbError> {
    let (db, tenant) = tx.parts();
    sqlx::query!(
        "delete from idempotency_keys
         where tenant_id = $1 and operation = $2 and key = $3 and expires_at <= $4",
        tenant,
        claim.operation.as_str(),
        claim.key.as_str(),
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Claims an unused key; false when it has a row. Waits for another transaction that is inserting
/// one.
pub async fn insert(tx: &mut TenantTransaction, new: &NewClaim<'_>) -> Result<bool, DbError> {
    let claim = new.claim;
    let (db, tenant) = tx.parts();
    let done = sqlx::query!(
        "insert into idempotency_keys (tenant_id, operation, key, fingerprint, photo_id, claim_id, claimed_until, expires_at)
         values ($1, $2, $3, $4, $5, $6, clock_timestamp() + make_interval(secs => $7), $8)
         on conflict on constraint idempotency_keys_pkey do nothing",
        tenant,
        claim.operation.as_str(),
        claim.key.as_str(),
        new.fingerprint.as_bytes(),
        new.photo.as_uuid(),
        claim.call,
        new.claimed_seconds,
        new.expires_at
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Finds the key's row and locks it until the transaction ends.
pub async fn find_locked(
    tx: &mut TenantTransaction,
    claim: ClaimId<'_>,
) -> Result<Option<IdempotencyRow>, DbError> {
    let (db, tenant) = tx.parts();
    let row = sqlx::query!(
        r#"select fingerprint, photo_id, outcome,
                  extract(epoch from claimed_until - clock_timestamp())::float8 as "claimed_seconds!"
           from idempotency_keys
           where tenant_id = $1 and operation = $2 and key = $3 for update"#,
        tenant,
        claim.operation.as_str(),
        claim.key.as_str()
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        let digest = row.fingerprint.try_into().ok();
        Ok(IdempotencyRow {
            fingerprint: digest
                .map(RequestHash::from_digest)
                .ok_or(DbError::Corrupt("idempotency_keys"))?,
            photo: row.photo_id.into(),
            claimed_seconds: row.claimed_seconds,
            outcome: row.outcome,
        })
    })
    .transpose()
}

/// Takes over the work of a call whose claim ran out. The row is locked by [`find_locked`].
pub async fn take_over(
    tx: &mut TenantTransaction,
    claim: ClaimId<'_>,
    claimed_seconds: f64,
) -> Result<(), DbError> {
    let (db, tenant) = tx.parts();
    sqlx::query!(
        "update idempotency_keys set claim_id = $4, claimed_until = clock_timestamp() + make_interval(secs => $5)
         where tenant_id = $1 and operation = $2 and key = $3",
        tenant,
        claim.operation.as_str(),
        claim.key.as_str(),
        claim.call,
        claimed_seconds
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Extends the claim, unless it was lost.
pub async fn renew(
    tx: &mut TenantTransaction,
    claim: ClaimId<'_>,
    claimed_seconds: f64,
) -> Result<(), DbError> {
    let (db, tenant) = tx.parts();
    sqlx::query!(
        "update idempotency_keys set claimed_until = clock_timestamp() + make_interval(secs => $5)
         where tenant_id = $1 and operation = $2 and key = $3 and claim_id = $4 and outcome is null",
        tenant,
        claim.operation.as_str(),
        claim.key.as_str(),
        claim.call,
        claimed_seconds
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Whether the claim was not lost, and the work not done.
pub async fn is_held(tx: &mut TenantTransaction, claim: ClaimId<'_>) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let held = sqlx::query_scalar!(
        r#"select exists (select from idempotency_keys
               where tenant_id = $1 and operation = $2 and key = $3 and claim_id = $4 and outcome is null) as "held!""#,
        tenant,
        claim.operation.as_str(),
        claim.key.as_str(),
        claim.call
    )
    .fetch_one(db)
    .await?;
    Ok(held)
}

/// Deletes the key's row, unless the work is done or the claim was lost.
pub async fn release(tx: &mut TenantTransaction, claim: ClaimId<'_>) -> Result<(), DbError> {
    let (db, tenant) = tx.parts();
    sqlx::query!(
        "delete from idempotency_keys
         where tenant_id = $1 and operation = $2 and key = $3 and claim_id = $4 and outcome is null",
        tenant,
        claim.operation.as_str(),
        claim.key.as_str(),
        claim.call
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes rows of the tenant that expired by `now`, except those that other transactions hold.
pub async fn sweep(tx: &mut TenantTransaction, now: OffsetDateTime) -> Result<(), DbError> {
    let (db, tenant) = tx.parts();
    sqlx::query!(
        "delete from idempotency_keys
         where (tenant_id, operation, key) in (
             select tenant_id, operation, key from idempotency_keys
             where tenant_id = $1 and expires_at <= $2
             order by expires_at limit $3 for update skip locked)",
        tenant,
        now,
        SWEPT_AT_ONCE
    )
    .execute(db)
    .await?;
    Ok(())
}
