//! Work that is done once however often it is asked for: `Idempotency-Key` (docs/idempotency.md).
//!
//! ```text
//! begin ── claimed ── work ── complete, in the transaction that writes the photo
//!   │         ▲                 └─ failed, or the client hung up: the key is forgotten
//!   │         └── the claim of a server that died runs out, and is taken over with the same photo id
//!   ├── done before: the use case makes the same answer again
//!   └── other body, or somebody works on it: refused
//! ```
//!
//! No connection is held while the CPU works: the claim is a row with an end, which who works puts off. Who lost its claim finds
//! out when it completes, and commits nothing.

use std::{pin::pin, time::Duration as Pause};

use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use time::Duration;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::{Context, Error};
use crate::{
    db::{DbError, TenantTransaction, idempotency_keys as keys},
    domain::{MeteredOperation, Once, PhotoId, RequestHash, TenantId},
};

/// How long a key is remembered, from its first call on.
const REMEMBERED: Duration = Duration::hours(24);
/// How long a claim holds that is not renewed: so long a key is blocked by a server that died.
const CLAIMED: Duration = Duration::seconds(30);
/// How often a claim is renewed.
const RENEWED: Pause = Pause::from_secs(10);
/// After how many seconds it is worth asking again for work that somebody does.
const ASK_AGAIN_SECONDS: u32 = 2;
/// The same for work that takes longer than most: its server may have died, and its claim runs out.
const ASK_MUCH_LATER_SECONDS: u32 = 10;
/// Most work is done so soon.
const SOON: Duration = Duration::seconds(4);
/// How much is hashed before others may run.
const HASHED_AT_ONCE: usize = 1 << 20;

/// Nothing can be answered again about a photo that is not there, and the key does not make another.
pub(super) const PHOTO_IS_GONE: Error =
    Error::Conflict("the photo of this Idempotency-Key was deleted");

/// SHA-256 over the parts of a body, each with its length, so that no two bodies run together.
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
        /// What that call stored for this purpose.
        outcome: O,
    },
}

/// The right to do the work of a call; given back when it is dropped before the call ended.
pub(super) struct Claim<'a> {
    ctx: &'a Context,
    tenant: &'a TenantId,
    /// The photo to make.
    pub photo: PhotoId,
    /// Nothing for a call without a key.
    key: Option<keys::ClaimId<'a>>,
}

/// Claims the work of a call that makes `photo`, if the call has a key; a claim that was left behind names the photo itself.
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
    let until = now + CLAIMED;
    let new = keys::NewClaim {
        claim: key,
        fingerprint: once.fingerprint,
        photo,
        claimed_until: until,
        expires_at: now + REMEMBERED,
    };
    let mut tx = ctx.db.begin(tenant).await?;
    keys::forget_expired(&mut tx, key, now).await?;
    if !keys::insert(&mut tx, &new).await? {
        // Gone again when its work has just failed.
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
        let left = row.claimed_until - now;
        if left.is_positive() {
            let rest = u32::try_from(left.whole_seconds() + 1).unwrap_or(ASK_MUCH_LATER_SECONDS);
            return Err(Error::InProgress(if CLAIMED - left < SOON {
                ASK_AGAIN_SECONDS
            } else {
                rest.min(ASK_MUCH_LATER_SECONDS)
            }));
        }
        keys::take_over(&mut tx, key, until).await?;
        claim.photo = row.photo;
        tracing::info!(tenant.id = %tenant, photo.id = %row.photo, "took over work that was left undone");
    }
    // Last, since it locks rows of others.
    keys::sweep(&mut tx, now).await?;
    claim.key = Some(key);
    tx.commit().await?;
    Ok(IdempotentCall::Claimed(claim))
}

impl Claim<'_> {
    /// Holds the claim as long as `work` takes. No transaction may be open meanwhile: the renewal needs a connection.
    pub(super) async fn hold<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let Some(key) = self.key else {
            return work.await;
        };
        loop {
            if let Ok(done) = tokio::time::timeout(RENEWED, work.as_mut()).await {
                return done;
            }
            if let Err(error) = self.renew(key).await {
                tracing::warn!(%error, "a claim could not be renewed");
            }
        }
    }

    async fn renew(&self, key: keys::ClaimId<'_>) -> Result<(), DbError> {
        let mut tx = self.ctx.db.begin(self.tenant).await?;
        keys::renew(&mut tx, key, self.ctx.clock.now() + CLAIMED).await?;
        tx.commit().await
    }

    /// Records what came of the work, in the transaction that makes it permanent. An error when the claim was lost.
    pub(super) async fn complete(
        &self,
        tx: &mut TenantTransaction,
        outcome: &impl Serialize,
    ) -> Result<(), Error> {
        let Some(key) = self.key else { return Ok(()) };
        let outcome = serde_json::to_value(outcome).map_err(Error::internal)?;
        if keys::complete(tx, key, &outcome).await? {
            Ok(())
        } else {
            Err(Error::InProgress(ASK_AGAIN_SECONDS))
        }
    }

    /// Ends the call: errors are not remembered, so that the key is free for a corrected request.
    pub(super) async fn end<T>(mut self, done: Result<T, Error>) -> Result<T, Error> {
        if let (Err(_), Some(key)) = (&done, self.key) {
            release(self.ctx, self.tenant, key).await;
        }
        self.key = None;
        done
    }
}

impl Drop for Claim<'_> {
    /// The client hung up, and may send the same again at once.
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

/// Gives a claim back, unless its work was committed.
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
