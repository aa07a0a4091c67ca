//! Whether an image is the photo that its sender says it is.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{Context, Error, usage};
use crate::{
    cpu::Job,
    db::photos,
    domain::{
        Operation, PhotoId, TenantId,
        verdict::{C2paStatus, Evidence, Policy, TamperClass, WatermarkStatus},
    },
    imaging::{self, Limits, Photo},
    watermark::{self, Detection, DetectionStatus, Finding, Record, Region, WatermarkKey},
};

/// What a client sends to `verify`.
#[derive(Debug)]
pub struct Request {
    /// The file, as it came.
    pub image: Bytes,
    /// The photo that it is said to be.
    pub photo: PhotoId,
    /// How much evidence is asked for.
    pub policy: Policy,
}

/// What was found.
#[derive(Debug)]
pub struct Verification {
    /// All evidence, from which the verdict follows.
    pub evidence: Evidence,
    /// What the engine found; nothing when the photo was never protected.
    pub detection: Option<Detection>,
}

impl Verification {
    /// Where the picture is not what was protected, the clearest place first.
    pub fn tampered_regions(&self) -> &[Region] {
        match (&self.detection, self.evidence.tamper_class) {
            (
                Some(Detection {
                    tampering: Some(tampering),
                    ..
                }),
                TamperClass::StructuralAlteration,
            ) => &tampering.regions,
            _ => &[],
        }
    }

    /// Whether the content is that of the photo, marked or not.
    pub fn same_picture(&self) -> bool {
        self.detection.as_ref().is_some_and(Detection::recognised)
    }

    /// Whether something deviates, and a change of all tones or colours may be the reason.
    pub fn alteration_uncertain(&self) -> bool {
        let tampering = self
            .detection
            .as_ref()
            .and_then(|found| found.tampering.as_ref());
        !self.evidence.exact_match
            && tampering.is_some_and(|tampering| tampering.finding == Finding::Uncertain)
    }
}

/// Compares an image with a photo of the tenant.
///
/// # Errors
///
/// A photo that the tenant does not have is [`Error::NotFound`], also when another tenant has it.
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
    let secret = ctx.tenant_secret(&mut tx).await?;
    tx.commit().await?;

    let reference = match sealed {
        Some(sealed) => {
            let bytes = secret
                .open_record(request.photo, &sealed.sealed_record, &sealed.record_salt)
                .map_err(Error::internal)?;
            let record = Record::from_bytes(&bytes).map_err(Error::internal)?;
            Some((record, sealed.protected_sha256))
        }
        None => None,
    };
    let key = WatermarkKey::derive(secret.as_bytes(), request.photo.as_uuid().as_bytes());
    let (limits, image) = (ctx.settings.limits, request.image);
    let found = ctx
        .images
        .run(move |job| examine(job, &image, &limits, reference.as_ref(), &key))
        .await??;

    let evidence = Evidence {
        c2pa: C2paStatus::Missing,
        watermark: found
            .detection
            .as_ref()
            .map_or(WatermarkStatus::NotFound, |detection| {
                status(detection.status)
            }),
        tamper_class: found.tamper_class,
        exact_match: found.exact_match,
        policy: request.policy,
    };
    usage::charge_alone(ctx, tenant, Operation::Verify).await?;
    tracing::info!(
        tenant.id = %tenant,
        photo.id = %request.photo,
        z = found.detection.as_ref().map(|detection| detection.z),
        verdict = evidence.verdict().as_str(),
        "verified"
    );
    Ok(Verification {
        evidence,
        detection: found.detection,
    })
}

/// What comes out of the CPU's part of the work.
struct Found {
    detection: Option<Detection>,
    tamper_class: TamperClass,
    exact_match: bool,
}

/// The CPU's part: decode and detect.
fn examine(
    job: &Job,
    image: &[u8],
    limits: &Limits,
    reference: Option<&(Record, Vec<u8>)>,
    key: &WatermarkKey,
) -> Result<Found, Error> {
    if job.abandoned() {
        return Err(Error::Abandoned);
    }
    let photo = imaging::decode(image, limits)?;
    let Some((record, protected_sha256)) = reference else {
        return Ok(Found {
            detection: None,
            tamper_class: TamperClass::None,
            exact_match: false,
        });
    };
    let detection = watermark::detect(&photo, record, key);
    let exact_match = Sha256::digest(image).as_slice() == protected_sha256.as_slice();
    Ok(Found {
        tamper_class: tamper_class(&photo, record, &detection, exact_match),
        detection: Some(detection),
        exact_match,
    })
}

/// What was done to a photo: without the mark there is nothing to say what was done to; with the very bytes, nothing was.
pub(super) fn tamper_class(
    photo: &Photo,
    record: &Record,
    detection: &Detection,
    exact_match: bool,
) -> TamperClass {
    if exact_match || detection.status != DetectionStatus::Detected {
        return TamperClass::None;
    }
    match watermark::tamper_class(photo, record, detection) {
        watermark::TamperClass::None => TamperClass::None,
        watermark::TamperClass::Compression => TamperClass::Compression,
        watermark::TamperClass::Resize => TamperClass::Resize,
        watermark::TamperClass::Crop => TamperClass::Crop,
        watermark::TamperClass::StructuralAlteration => TamperClass::StructuralAlteration,
    }
}

/// The engine's words in the product's.
pub(super) fn status(found: DetectionStatus) -> WatermarkStatus {
    match found {
        DetectionStatus::Detected => WatermarkStatus::Detected,
        DetectionStatus::Marginal => WatermarkStatus::Marginal,
        DetectionStatus::NotFound => WatermarkStatus::NotFound,
    }
}
