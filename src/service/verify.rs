//! Verifies that an image is the photo that its sender says it is.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{
    Context, Error, engine, images, usage,
    verification::{Asked, Verification},
};
use crate::{
    cpu::Job,
    db::photos,
    domain::{MeteredOperation, PhotoId, TenantId, verdict::Policy},
    imaging::{self, Limits},
    watermark::{self, Record, WatermarkKey},
};

/// A request to verify an image.
#[derive(Debug)]
pub struct Request {
    /// The file, as it came.
    pub image: Bytes,
    /// The photo that it is claimed to be.
    pub photo: PhotoId,
    /// How much evidence the client requires.
    pub policy: Policy,
}

/// Compares an image with a photo of the tenant.
///
/// # Errors
///
/// [`Error::NotFound`] for a photo that the tenant does not have, even if another tenant has it.
pub async fn verify(
    ctx: &Context,
    tenant: &TenantId,
    request: Request,
) -> Result<Verification, Error> {
    let mut tx = ctx.db.begin(tenant).await?;
    let sealed = photos::find_record(&mut tx, request.photo).await?;
    if sealed.is_none() && photos::find(&mut tx, request.photo).await?.is_none() {
        return Err(Error::NotFound);
    }
    let (secret, limits) = images::tenant(ctx, &mut tx).await?;
    tx.commit().await?;

    let reference = match sealed {
        Some(sealed) => Some(ReferencePhoto {
            record: engine::open_record(&secret, request.photo, &sealed)?,
            key: engine::watermark_key(&secret, request.photo),
            protected_sha256: sealed.protected_sha256,
        }),
        None => None,
    };
    let policy = request.policy;
    let found = images::run(
        ctx,
        tenant,
        request.image,
        limits,
        move |job, image, limits| examine(job, image, limits, reference.as_ref(), policy),
    )
    .await?;

    usage::charge_alone(ctx, tenant, MeteredOperation::Verify).await?;
    tracing::info!(
        tenant.id = %tenant,
        photo.id = %request.photo,
        z = found.detection.as_ref().map(|detection| detection.z),
        verdict = found.evidence.verdict().as_str(),
        alteration = found.evidence.alteration().as_str(),
        "verified"
    );
    Ok(found)
}

/// The stored data of a protected photo, with which an image is compared.
struct ReferencePhoto {
    record: Record,
    key: WatermarkKey,
    /// SHA-256 of the file that `protect` returned.
    protected_sha256: Vec<u8>,
}

/// The CPU's part: decode and detect.
fn examine(
    job: &Job,
    image: &[u8],
    limits: &Limits,
    reference: Option<&ReferencePhoto>,
    policy: Policy,
) -> Result<Verification, Error> {
    if job.abandoned() {
        return Err(Error::Abandoned);
    }
    let photo = imaging::decode(image, limits)?;
    let Some(reference) = reference else {
        return Ok(Verification::never_protected(policy));
    };
    let detection = watermark::detect(&photo, &reference.record, &reference.key);
    let asked = Asked {
        candidates: 1,
        exact_match: Sha256::digest(image).as_slice() == reference.protected_sha256.as_slice(),
        policy,
    };
    Ok(Verification::weigh(
        &photo,
        &reference.record,
        detection,
        asked,
    ))
}
