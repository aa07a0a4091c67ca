//! Verifies that an image is the photo that its sender says it is.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{
    Context, Error, engine, images,
    stated::FileCredentials,
    usage,
    verification::{Asked, Verification},
};
use crate::{
    auth::TenantSecret,
    cpu::Job,
    credentials::{Judge, Judgement},
    db::photos::{self, SealedRecord},
    domain::{
        MeteredOperation, PhotoId, TenantId,
        verdict::{Policy, WatermarkStatus},
    },
    imaging::{self, Limits},
    watermark::{self, ReceivedImage, Record, WatermarkKey},
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
    let found = ctx.db.reference(tenant, request.photo).await?;
    let found = found
        .filter(|found| found.is_known)
        .ok_or(Error::NotFound)?;
    let (secret, limits) = images::open_tenant(ctx, tenant, &found.tenant)?;

    let (reference, own) = match found.sealed {
        Some(sealed) => (
            Some(ReferencePhoto::open(&secret, request.photo, &sealed)?),
            sealed.manifest,
        ),
        None => (None, None),
    };
    let image = request.image.clone();
    let (policy, judge) = (request.policy, ctx.signers.judge());
    let (found, judgement) = images::run(
        ctx,
        tenant,
        MeteredOperation::Verify,
        (image, limits),
        move |job, image, limits| examine(job, image, limits, reference.as_ref(), &judge, policy),
    )
    .await?;
    let credentials = FileCredentials::resolve(ctx, tenant, judgement, Some(request.photo)).await?;
    let mut marked = Vec::new();
    if let Some(named) = credentials.other_than(request.photo)
        && found.evidence.watermark == WatermarkStatus::Detected
        && is_marked(ctx, tenant, request.image, limits, &secret, named).await?
    {
        marked.push(named);
    }
    let found = found.with_credentials(credentials, request.photo, own.as_ref(), &marked);

    usage::count(ctx, tenant, MeteredOperation::Verify);
    ctx.metrics.count_verdict(found.evidence.verdict().as_str());
    tracing::info!(
        tenant.id = %tenant,
        photo.id = %request.photo,
        z = found.detection.as_ref().map(|detection| detection.z),
        verdict = found.evidence.verdict().as_str(),
        c2pa = found.evidence.c2pa.as_str(),
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

impl ReferencePhoto {
    fn open(secret: &TenantSecret, photo: PhotoId, sealed: &SealedRecord) -> Result<Self, Error> {
        Ok(Self {
            record: engine::open_record(secret, photo, sealed)?,
            key: engine::watermark_key(secret, photo),
            protected_sha256: sealed.protected_sha256.clone(),
        })
    }
}

/// Whether the image carries the mark of the photo that its manifest names: then one photo was made
/// of the other, and nothing contradicts.
async fn is_marked(
    ctx: &Context,
    tenant: &TenantId,
    image: Bytes,
    limits: Limits,
    secret: &TenantSecret,
    photo: PhotoId,
) -> Result<bool, Error> {
    let mut tx = ctx.db.begin(tenant).await?;
    let sealed = photos::find_record(&mut tx, photo).await?;
    tx.commit().await?;
    let Some(sealed) = sealed else {
        return Ok(false);
    };
    let reference = ReferencePhoto::open(secret, photo, &sealed)?;
    images::run(
        ctx,
        tenant,
        MeteredOperation::Verify,
        (image, limits),
        move |job, image, limits| {
            if job.abandoned() {
                return Err(Error::Abandoned);
            }
            let photo = imaging::decode(image, limits)?;
            let found = watermark::detect(&photo, &reference.record, &reference.key);
            Ok(engine::status(watermark::status(found.z)) == WatermarkStatus::Detected)
        },
    )
    .await
}

/// The CPU's part: decode, judge the manifest, and detect.
fn examine(
    job: &Job,
    image: &Bytes,
    limits: &Limits,
    reference: Option<&ReferencePhoto>,
    judge: &Judge,
    policy: Policy,
) -> Result<(Verification, Judgement), Error> {
    if job.abandoned() {
        return Err(Error::Abandoned);
    }
    let photo = imaging::decode(image, limits)?;
    let judgement = judge.judge(image, photo.format);
    job.charge(judgement.cpu);
    let Some(reference) = reference else {
        return Ok((Verification::never_protected(policy), judgement));
    };
    let detection = watermark::detect(&photo, &reference.record, &reference.key);
    let asked = Asked {
        candidates: 1,
        exact_match: Sha256::digest(image).as_slice() == reference.protected_sha256.as_slice(),
        policy,
    };
    let received = ReceivedImage::new(&photo);
    let found = Verification::weigh(&received, &reference.record, detection, asked);
    Ok((found, judgement))
}
