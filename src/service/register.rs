//! Registers a photo without its image: gives it an id and a signed receipt.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    Caller, Context, Error,
    idempotency::{self, Claim, IdempotentCall},
    journal,
};
use crate::{
    db::{audit::Along, photos},
    domain::{
        MeteredOperation, Once, PhotoId, Registration,
        audit::{Action, AuditEntry, Subject},
    },
};

/// A registered photo and its receipt.
#[derive(Debug)]
pub struct Registered {
    /// The id that the photo got.
    pub photo: PhotoId,
    /// When it was registered; part of the receipt.
    pub created_at: OffsetDateTime,
    /// The receipt's signature: a detached JWS (RFC 7515 appendix F) over the canonical JSON (RFC
    /// 8785) of the other members of the answer.
    pub signature: String,
    /// Whether an earlier call with the same idempotency key did this.
    pub replayed: bool,
}

/// The part of the receipt that is not in the photo's row. It is stored, since the key that signed
/// it may be retired when it is requested again.
#[derive(Debug, Serialize, Deserialize)]
struct RegisterOutcome {
    signature: String,
}

/// Registers a photo of the tenant and signs the receipt; a request that was answered before gets
/// the same answer.
///
/// # Errors
///
/// Those of the idempotency key; [`Error::Conflict`] when the photo of an earlier call was deleted.
pub async fn register(
    ctx: &Context,
    caller: &Caller,
    registration: &Registration,
    once: Option<&Once>,
) -> Result<Registered, Error> {
    let (tenant, operation) = (&caller.tenant, MeteredOperation::Register);
    match idempotency::begin(ctx, tenant, operation, once, PhotoId::random()).await? {
        IdempotentCall::Claimed(claim) => {
            let done = register_new(ctx, caller, registration, &claim).await;
            claim.end(done).await
        }
        IdempotentCall::Replay { photo, outcome } => replay(ctx, caller, photo, outcome).await,
    }
}

/// Repeats the answer of an earlier call: the photo's row, and the signature that was stored.
async fn replay(
    ctx: &Context,
    caller: &Caller,
    photo: PhotoId,
    RegisterOutcome { signature }: RegisterOutcome,
) -> Result<Registered, Error> {
    let mut tx = ctx.db.begin(&caller.tenant).await?;
    let found = photos::find(&mut tx, photo).await?;
    tx.commit().await?;
    let found = found.ok_or(idempotency::PHOTO_IS_GONE)?;
    tracing::info!(tenant.id = %caller.tenant, photo.id = %photo, "answered again");
    Ok(Registered {
        photo,
        created_at: found.created_at,
        signature,
        replayed: true,
    })
}

/// Stores the photo and signs its receipt; the work of a call that is not a repetition.
async fn register_new(
    ctx: &Context,
    caller: &Caller,
    registration: &Registration,
    claim: &Claim<'_>,
) -> Result<Registered, Error> {
    let (tenant, photo) = (&caller.tenant, claim.photo);
    let created_at = ctx.clock.now();
    let mut tx = ctx.db.begin(tenant).await?;
    photos::insert(&mut tx, photo, registration, created_at).await?;
    let mut receipt = BTreeMap::from([
        ("photoId", photo.to_string()),
        ("tenantId", tenant.to_string()),
        (
            "createdAt",
            created_at.format(&Rfc3339).map_err(Error::internal)?,
        ),
    ]);
    if let Some(hash) = registration.content_hash {
        receipt.insert("contentHash", hash.to_string());
    }
    let signature = ctx
        .tokens
        .keys()
        .active()
        .sign_detached(&receipt)
        .map_err(Error::internal)?;
    let outcome = RegisterOutcome { signature };
    let mut entry = AuditEntry::new(caller.by(), Action::PhotoRegistered, Subject::Photo(photo));
    if let Some(hash) = registration.content_hash {
        entry = entry.with("contentHash", hash);
    }
    let along = Along {
        charged: Some(MeteredOperation::Register),
        outcome: claim.outcome(&outcome)?,
    };
    journal::commit_along(tx, &ctx.master, created_at, &entry, along).await?;
    tracing::info!(tenant.id = %tenant, photo.id = %photo, "registered");
    Ok(Registered {
        photo,
        created_at,
        signature: outcome.signature,
        replayed: false,
    })
}
