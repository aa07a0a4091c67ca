//! The CPU's part of `protect`: marks a picture, and signs the file.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{
    Context, Error, engine, images,
    manifests::{Manifest, MarkedFile},
};
use crate::{
    cpu::Job,
    db::manifests::StoredManifest,
    domain::{ContentHash, MeteredOperation, Privacy, TenantId},
    imaging::{self, Dropped, Format, MetadataPolicy},
    watermark::{self, EmbedReport, Record, VisualWords, WatermarkKey},
};

/// What an upload's own manifests are called among the metadata that does not travel on.
const CONTENT_CREDENTIALS: &str = "content-credentials";

/// A hash that the image must have.
pub(super) struct ExpectedHash {
    pub hash: ContentHash,
    /// The reason that the client is given when the image has another.
    pub mismatch: &'static str,
}

/// How an image is to be marked.
pub(super) struct MarkingOptions {
    /// The image must have all of these.
    pub expected: Vec<ExpectedHash>,
    pub metadata: MetadataPolicy,
    /// How much the record may show.
    pub privacy: Privacy,
    pub key: WatermarkKey,
    pub manifest: Manifest,
}

/// What is told and kept of a marked picture.
#[derive(Clone)]
pub(super) struct MarkedPicture {
    /// The container of the upload and of the file.
    pub format: Format,
    /// SHA-256 of the upload.
    pub source: ContentHash,
    pub record: Record,
    pub words: VisualWords,
    /// In pixels, after EXIF orientation; so is the height.
    pub width: u32,
    pub height: u32,
    pub report: EmbedReport,
}

/// A marked photo that is about to be signed.
#[derive(Clone)]
struct Unsigned {
    picture: MarkedPicture,
    bytes: Bytes,
    metadata: MetadataPolicy,
    manifest: Manifest,
    dropped: Dropped,
}

/// The finished file.
pub(super) struct Marked {
    pub picture: MarkedPicture,
    pub bytes: Vec<u8>,
    /// SHA-256 of the file.
    pub sha256: ContentHash,
    pub dropped: Dropped,
    /// Length of the file divided by that of the upload.
    pub growth: f64,
    pub manifest: Option<StoredManifest>,
    /// Whether the upload's own manifests went on in the new one.
    pub with_history: bool,
}

/// The CPU's part: check, decode, mark, read back, encode, sign.
///
/// Where signing waits for a time stamp, it is a job of its own, through a gate of its own: a slow
/// authority holds up no worker. When as many wait as may, the next photo is signed without a
/// stamp.
pub(super) async fn mark_and_sign(
    ctx: &Context,
    tenant: &TenantId,
    image: Bytes,
    limits: imaging::Limits,
    options: MarkingOptions,
) -> Result<Marked, Error> {
    let operation = MeteredOperation::Protect;
    if !options.manifest.waits() {
        let work = move |job: &Job, image: &Bytes, limits: &imaging::Limits| {
            mark(job, image, limits, options)?.sign(job, image, limits)
        };
        return images::run(ctx, tenant, operation, (image, limits), work).await;
    }
    let unsigned = images::run(
        ctx,
        tenant,
        operation,
        (image.clone(), limits),
        move |job, image, limits| mark(job, image, limits, options),
    )
    .await?;
    let (upload, waiting) = (image.clone(), unsigned.clone());
    let signed = (ctx.stamps)
        .run(Some(tenant.clone()), move |job| {
            waiting.sign(job, &upload, &limits)
        })
        .await;
    if let Ok(signed) = signed {
        return signed;
    }
    ctx.metrics.count_time_stamp(false);
    tracing::warn!(tenant.id = %tenant, "too many signatures wait for a time stamp: signed without");
    let unstamped = Unsigned {
        manifest: unsigned.manifest.without_time_stamp(),
        ..unsigned
    };
    images::run(
        ctx,
        tenant,
        operation,
        (image, limits),
        move |job, image, limits| unstamped.sign(job, image, limits),
    )
    .await
}

/// Checks, decodes, marks, reads back and encodes.
fn mark(
    job: &Job,
    image: &Bytes,
    limits: &imaging::Limits,
    options: MarkingOptions,
) -> Result<Unsigned, Error> {
    if job.abandoned() {
        return Err(Error::Abandoned);
    }
    let source = ContentHash::from_digest(Sha256::digest(image).into());
    if let Some(other) = (options.expected.iter()).find(|expected| expected.hash != source) {
        return Err(Error::ContentHash(other.mismatch));
    }
    let mut photo = imaging::decode(image, limits)?;
    imaging::apply_policy(&mut photo, options.metadata);
    if job.abandoned() {
        return Err(Error::Abandoned);
    }
    let format = photo.format;
    let (width, height) = photo.upright_size();
    let dropped = photo.metadata.dropped().clone();
    let privacy = engine::privacy(options.privacy);
    let embedded = watermark::embed_with_privacy(photo, &options.key, privacy)?;
    Ok(Unsigned {
        picture: MarkedPicture {
            format,
            source,
            record: embedded.record,
            words: embedded.words,
            width,
            height,
            report: embedded.report,
        },
        bytes: embedded.bytes.into(),
        metadata: options.metadata,
        manifest: options.manifest,
        dropped,
    })
}

impl Unsigned {
    /// Signs the photo that was made of `image`.
    fn sign(self, job: &Job, image: &Bytes, limits: &imaging::Limits) -> Result<Marked, Error> {
        let finished = self.manifest.put_into(
            job,
            MarkedFile {
                bytes: self.bytes,
                format: self.picture.format,
                upload: image,
                source: self.picture.source,
                metadata: self.metadata,
            },
        )?;
        let mut dropped = self.dropped;
        if finished.with_history {
            dropped.forget(CONTENT_CREDENTIALS);
        }
        if finished.bytes.len() > limits.max_bytes {
            // Grain makes a dense PNG up to half as large again; a file too large for `verify` is
            // not returned.
            return Err(Error::NotProtectable(format!(
                "the protected file would have {} bytes, more than the {} that can be verified",
                finished.bytes.len(),
                limits.max_bytes
            )));
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "lengths of files are below 2^53"
        )]
        let growth = finished.bytes.len() as f64 / image.len() as f64;
        Ok(Marked {
            picture: self.picture,
            dropped,
            growth,
            sha256: ContentHash::from_digest(Sha256::digest(&finished.bytes).into()),
            bytes: finished.bytes,
            manifest: finished.manifest,
            with_history: finished.with_history,
        })
    }
}
