//! A photo id without an image, and the receipt for it.

use std::collections::BTreeMap;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Context, Error, audit::actor, usage};
use crate::{
    auth::Claims,
    db::{audit, photos},
    domain::{
        Operation, PhotoId, Registration,
        audit::{Action, Entry, Subject},
    },
};

/// A registered photo and its receipt.
#[derive(Debug)]
pub struct Registered {
    /// The new id.
    pub photo: PhotoId,
    /// When it was registered.
    pub created_at: OffsetDateTime,
    /// Detached JWS (RFC 7515 appendix F) over the canonical JSON (RFC 8785) of the other members of the answer.
    pub signature: String,
}

/// Registers a photo of the tenant and signs the receipt.
pub async fn register(
    ctx: &Context,
    caller: &Claims,
    registration: &Registration,
) -> Result<Registered, Error> {
    let tenant = &caller.tenant;
    let photo = PhotoId::random();
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
    usage::charge(ctx, &mut tx, Operation::Register).await?;
    let mut entry = Entry::new(
        actor(caller),
        Action::PhotoRegistered,
        Subject::Photo(photo),
    );
    if let Some(hash) = registration.content_hash {
        entry = entry.with("contentHash", hash);
    }
    audit::append(&mut tx, created_at, &entry).await?;
    tx.commit().await?;
    tracing::info!(tenant.id = %tenant, photo.id = %photo, "registered");
    Ok(Registered {
        photo,
        created_at,
        signature,
    })
}
