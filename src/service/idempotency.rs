//! Work that is done only once, however often it is requested: `Idempotency-Key`
//! (docs/idempotency.md).
//!
//! ```text
//! begin ── claimed ── work ── complete, in the transaction that writes the photo
//!   │         ▲                 └─ failed, or the client disconnected: the key is released
//!   │         └── the claim of a server that died expires, and is taken over with its photo id
//!   ├── replay: the use case makes the same answer again
//!   └── another body, or work in progress: refused
//! ```
//!
//! No connection is held while the CPU works: a claim is a row with an expiry, which its holder
//! keeps extending. A holder that has lost its claim learns so on completion and commits nothing.

use std::{convert::Infallible, time::Duration as Pause};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use sha2::{Digest, Sha256};
use time::Duration;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::{Context, Error};
use crate::{
    db::{DbError, TenantTransaction, idempotency_keys as keys},
    domain::{MeteredOperation, Once, PhotoId, RequestHash, TenantId},
};

/// How long a key is remembered, counted from its first call.
const REMEMBERED: Duration = Duration::hours(24);
/// Lifetime of a claim that is not renewed, in seconds, and so how long a server that died blocks
/// a key.
const CLAIMED_SECONDS: f64 = 10.0;
/// Interval at which a claim is renewed while its work runs: two attempts may fail.
const RENEWED: Pause = Pause::from_secs(3);
/// What is left of a claim, in seconds, when an attempt to renew it has failed or was not made.
const NOT_RENEWED_SECONDS: f64 = 6.0;
/// Retry delay, in seconds, for work that another call is doing.
const ASK_AGAIN_SECONDS: u32 = 2;
/// Bytes that are hashed before other tasks may run.
const HASHED_AT_ONCE: usize = 1 << 20;

/// The answer cannot be repeated without the photo, and the key does not make another one.
pub(super) const PHOTO_IS_GONE: Error =
    Error::Conflict("the photo of this Idempotency-Key was deleted");

/// Another call has taken the work over.
pub(super) const CLAIM_LOST: Error = Error::InProgress(ASK_AGAIN_SECONDS);

/// SHA-256 over the parts of a body, each preceded by its length, so that no two bodies hash the
/// same input.
pub async fn fingerprint(parts: &[&[u8]]) -> RequestHash {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        for piece in part.chunks(HASHED_AT_ONCE) {
            hash.update(piece);
            tokio::task::yield_now().await;
        }
    }
    RequestHash::from_digest(hash.finalize().into())
}

/// A call, as its idempotency key shows it.
pub(super) enum IdempotentCall<'a, O> {
    /// The call is new: its work is to be done under this claim.
    Claimed(Claim<'a>),
    /// An earlier call has done the work: its answer is to be made again.
    Replay {
        /// The photo that the earlier call made.
        photo: PhotoId,
        /// The data that the earlier call stored to repeat its answer.
        outcome: O,
    },
}

/// The right to do the work of a call; released when it is dropped before the call ended.
pub(super) struct Claim<'a> {
    ctx: &'a Context,
    tenant: &'a TenantId,
    /// The photo that the work makes.
    pub photo: PhotoId,
    /// `None` for a call without an idempotency key.
    key: Option<keys::ClaimId<'a>>,
}

/// Claims the work of a call that makes `photo`, if the call has a key. A claim that was abandoned
/// keeps the photo id that it had.
///
/// # Errors
///
/// [`Error::InProgress`] while another call holds the claim, [`Error::KeyReused`] if the key
/// belongs to a request with another body.
pub(super) async fn begin<'a, O: DeserializeOwned>(
    ctx: &'a Context,
    tenant: &'a TenantId,
    operation: MeteredOperation,
    once: Option<&'a Once>,
    photo: PhotoId,
) -> Result<IdempotentCall<'a, O>, Error> {
    let mut claim = Claim {
        ctx,
        tenant,
        photo,
        key: None,
    };
    let Some(once) = once else {
        return Ok(IdempotentCall::Claimed(claim));
    };
    let key = keys::ClaimId {
        operation,
        key: &once.key,
        call: Uuid::new_v4(),
    };
    let now = ctx.clock.now();
    let new = keys::NewClaim {
        claim: key,
        fingerprint: once.fingerprint,
        photo,
        claimed_seconds: CLAIMED_SECONDS,
        expires_at: now + REMEMBERED,
    };
    let mut tx = ctx.db.begin(tenant).await?;
    keys::forget_expired(&mut tx, key, now).await?;
    if !keys::insert(&mut tx, &new).await? {
        // The row is gone again if its work has just failed.
        let row = keys::find_locked(&mut tx, key)
            .await?
            .ok_or(Error::InProgress(ASK_AGAIN_SECONDS))?;
        if row.fingerprint != once.fingerprint {
            return Err(Error::KeyReused);
        }
        if let Some(outcome) = row.outcome {
            let outcome = serde_json::from_value(outcome)
                .map_err(|_| DbError::Corrupt("idempotency_keys"))?;
            return Ok(IdempotentCall::Replay {
                photo: row.photo,
                outcome,
            });
        }
        if row.claimed_seconds > 0.0 {
            return Err(Error::InProgress(retry_after(row.claimed_seconds)));
        }
        keys::take_over(&mut tx, key, CLAIMED_SECONDS).await?;
        claim.photo = row.photo;
        tracing::info!(tenant.id = %tenant, photo.id = %row.photo, "took over work that was left undone");
    }
    // Last, since it locks rows of other keys.
    keys::sweep(&mut tx, now).await?;
    claim.key = Some(key);
    tx.commit().await?;
    Ok(IdempotentCall::Claimed(claim))
}

/// When to ask again, in seconds, for work whose claim has `left` to run: soon while its server
/// renews it, and when it runs out if that server seems to have died.
fn retry_after(left: f64) -> u32 {
    let rest = Pause::try_from_secs_f64(left).unwrap_or_default().as_secs() + 1;
    if left > NOT_RENEWED_SECONDS {
        ASK_AGAIN_SECONDS
    } else {
        u32::try_from(rest).unwrap_or(ASK_AGAIN_SECONDS)
    }
}

impl Claim<'_> {
    /// Keeps the claim alive until `work` is done. No transaction may be open meanwhile, since the
    /// renewal needs a connection.
    pub(super) async fn hold<T>(&self, work: impl Future<Output = T>) -> T {
        let Some(key) = self.key else {
            return work.await;
        };
        tokio::select! {
            done = work => done,
            never = self.keep(key) => match never {},
        }
    }

    /// Renews the claim again and again. A renewal that is broken off does no harm.
    async fn keep(&self, key: keys::ClaimId<'_>) -> Infallible {
        loop {
            tokio::time::sleep(RENEWED).await;
            if let Err(error) = self.renew(key).await {
                tracing::warn!(%error, "a claim could not be renewed");
            }
        }
    }

    async fn renew(&self, key: keys::ClaimId<'_>) -> Result<(), DbError> {
        let mut tx = self.ctx.db.begin(self.tenant).await?;
        keys::renew(&mut tx, key, CLAIMED_SECONDS).await?;
        tx.commit().await
    }

    /// The outcome, to be stored with the event of the work ([`super::journal::commit_along`]);
    /// `None` for a call without a key.
    pub(super) fn outcome(
        &self,
        outcome: &impl Serialize,
    ) -> Result<Option<(keys::ClaimId<'_>, Value)>, Error> {
        let Some(key) = self.key else {
            return Ok(None);
        };
        let outcome = serde_json::to_value(outcome).map_err(Error::internal)?;
        Ok(Some((key, outcome)))
    }

    /// Why the work cannot be stored that somebody else has done meanwhile: the claim was lost, or
    /// else what `otherwise` says.
    pub(super) async fn refusal(
        &self,
        tx: &mut TenantTransaction,
        otherwise: Error,
    ) -> Result<Error, Error> {
        match self.key {
            Some(key) if !keys::is_held(tx, key).await? => Ok(CLAIM_LOST),
            _ => Ok(otherwise),
        }
    }

    /// Ends the call. Errors are not remembered, so the key is free for a corrected request.
    pub(super) async fn end<T>(mut self, done: Result<T, Error>) -> Result<T, Error> {
        if let (Err(_), Some(key)) = (&done, self.key) {
            release(self.ctx, self.tenant, key).await;
        }
        self.key = None;
        done
    }
}

impl Drop for Claim<'_> {
    /// The client disconnected, and may send the same request again at once.
    fn drop(&mut self) {
        let (Some(claim), Ok(runtime)) = (self.key, Handle::try_current()) else {
            return;
        };
        let (ctx, tenant, key) = (self.ctx.clone(), self.tenant.clone(), claim.key.clone());
        runtime.spawn(async move {
            let claim = keys::ClaimId { key: &key, ..claim };
            release(&ctx, &tenant, claim).await;
        });
    }
}

/// Releases a claim, unless its work was committed.
async fn release(ctx: &Context, tenant: &TenantId, claim: keys::ClaimId<'_>) {
    let released = async {
        let mut tx = ctx.db.begin(tenant).await?;
        keys::release(&mut tx, claim).await?;
        tx.commit().await
    };
    if let Err(error) = released.await {
        tracing::warn!(%error, "a claim could not be released; it runs out");
    }
}
