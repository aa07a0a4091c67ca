//! Protects a photo: marks it, returns the marked file, and keeps the record that finds the mark
//! again.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    Caller, Context, Error,
    copies::{self, SourcePhoto},
    engine,
    idempotency::{self, Claim, IdempotentCall},
    images, journal, usage,
};
use crate::{
    auth::TenantSecret,
    cpu::Job,
    db::{DbError, TenantTransaction, photos, tenants, words},
    domain::{
        ContentHash, ContentHashPolicy, MeteredOperation, Once, PhotoId, Privacy, Registration,
        TenantPolicy,
        audit::{Action, AuditEntry, Subject},
    },
    imaging::{self, Dropped, Format, MetadataPolicy},
    watermark::{self, EmbedReport, Record, VisualWords, WatermarkKey},
};

/// From so many photos of the same picture on, the log warns: so many copies can be combined into
/// one without a mark (docs/watermark.md, "Collusion").
const MANY_COPIES: u32 = 3;

/// A request to protect a photo.
#[derive(Debug)]
pub struct Request {
    /// The file, as it came.
    pub image: Bytes,
    /// The id of a photo that was registered before; `None` for a new photo.
    pub photo: Option<PhotoId>,
    /// The client's statements about the photo.
    pub registration: Registration,
    /// Which metadata the protected file keeps.
    pub metadata: MetadataPolicy,
}

/// A protected photo, as it is returned.
#[derive(Debug)]
pub struct Protected {
    /// The id that `verify` takes.
    pub photo: PhotoId,
    /// The marked file, with the metadata that it keeps.
    pub bytes: Vec<u8>,
    /// The container of the file: that of the original.
    pub format: Format,
    /// SHA-256 of the file.
    pub sha256: ContentHash,
    /// The engine's measurements: quality and strength.
    pub report: EmbedReport,
    /// Metadata of the original that the file does not carry.
    pub dropped: Dropped,
    /// Length of the file divided by that of the original.
    pub growth: f64,
    /// How many protected photos of the tenant now show the same picture, including this one.
    pub copies: u32,
    /// Whether an earlier call with the same idempotency key did this.
    pub replayed: bool,
}

/// The data that a replay needs beside the image and the photo's row.
#[derive(Debug, Serialize, Deserialize)]
struct ProtectOutcome {
    /// The privacy that was in force, by name: the tenant's may have changed since.
    privacy: String,
    copies: u32,
}

/// A hash that the image must have.
struct ExpectedHash {
    hash: ContentHash,
    /// The reason that the client is given when the image has another.
    mismatch: &'static str,
}

/// How an image is to be marked.
struct EmbedOptions {
    /// The image must have all of these.
    expected: Vec<ExpectedHash>,
    metadata: MetadataPolicy,
    /// How much the record may show.
    privacy: Privacy,
    key: WatermarkKey,
}

/// A marked photo that is about to be recorded.
struct Recording<'a> {
    claim: &'a Claim<'a>,
    /// Whether the photo was not registered before.
    is_new: bool,
    registration: &'a Registration,
    secret: &'a TenantSecret,
    policy: &'a TenantPolicy,
    marked: &'a Marked,
}

/// The result of the CPU's part of the work.
struct Marked {
    bytes: Vec<u8>,
    format: Format,
    sha256: ContentHash,
    source: ContentHash,
    record: Record,
    words: VisualWords,
    /// In pixels, after EXIF orientation; so is the height.
    width: u32,
    height: u32,
    report: EmbedReport,
    dropped: Dropped,
    growth: f64,
}

impl Marked {
    fn answer(self, photo: PhotoId, copies: u32, replayed: bool) -> Protected {
        Protected {
            photo,
            bytes: self.bytes,
            format: self.format,
            sha256: self.sha256,
            report: self.report,
            dropped: self.dropped,
            growth: self.growth,
            copies,
            replayed,
        }
    }
}

/// Marks the photo for its tenant, reads the mark back from the file to be returned, records it and
/// returns the file.
///
/// # Errors
///
/// [`Error::NotFound`] for a registered photo that does not exist; [`Error::Conflict`] for one that
/// is protected already; [`Error::ContentHash`] for an image with another hash than declared or
/// registered; [`Error::TooManyCopies`] for a picture that was protected as often as the tenant
/// allows; [`Error::NotProtectable`] for an image whose mark cannot be read back. Besides these,
/// the errors of the idempotency key; a repetition whose photo was deleted, or whose file comes out
/// with other bytes, is [`Error::Conflict`].
pub async fn protect(
    ctx: &Context,
    caller: &Caller,
    request: Request,
    once: Option<&Once>,
) -> Result<Protected, Error> {
    let (tenant, operation) = (&caller.tenant, MeteredOperation::Protect);
    let photo = request.photo.unwrap_or_else(PhotoId::random);
    match idempotency::begin(ctx, tenant, operation, once, photo).await? {
        IdempotentCall::Claimed(claim) => {
            let done = protect_new(ctx, caller, request, &claim).await;
            claim.end(done).await
        }
        IdempotentCall::Replay { photo, outcome } => {
            replay(ctx, caller, request, photo, outcome).await
        }
    }
}

/// Makes the file of an earlier call again: no image is stored, and the engine is deterministic.
async fn replay(
    ctx: &Context,
    caller: &Caller,
    request: Request,
    photo: PhotoId,
    outcome: ProtectOutcome,
) -> Result<Protected, Error> {
    let corrupt = || Error::from(DbError::Corrupt("idempotency_keys"));
    let privacy = Privacy::parse(&outcome.privacy).ok_or_else(corrupt)?;
    let mut tx = ctx.db.begin(&caller.tenant).await?;
    let (secret, limits) = images::tenant(ctx, &mut tx).await?;
    let found = photos::find(&mut tx, photo).await?;
    tx.commit().await?;
    let sent = found
        .ok_or(idempotency::PHOTO_IS_GONE)?
        .protected
        .ok_or_else(corrupt)?;
    let options = EmbedOptions {
        // The idempotency key stands for the same bytes, which were checked the first time.
        expected: Vec::new(),
        metadata: request.metadata,
        privacy,
        key: engine::watermark_key(&secret, photo),
    };
    let marked = images::run(
        ctx,
        &caller.tenant,
        request.image,
        limits,
        move |job, image, limits| mark(job, image, limits, &options),
    )
    .await?;
    if marked.sha256 != sent.sha256 {
        return Err(Error::Conflict(
            "the photo was protected by another version of the engine, which made other bytes of it: \
             they cannot be sent again",
        ));
    }
    tracing::info!(tenant.id = %caller.tenant, photo.id = %photo, "answered again");
    Ok(marked.answer(photo, outcome.copies, true))
}

/// Marks the photo and records it; the work of a call that is not a repetition.
async fn protect_new(
    ctx: &Context,
    caller: &Caller,
    request: Request,
    claim: &Claim<'_>,
) -> Result<Protected, Error> {
    let (tenant, photo) = (&caller.tenant, claim.photo);
    let mut tx = ctx.db.begin(tenant).await?;
    let (secret, limits) = images::tenant(ctx, &mut tx).await?;
    let policy = tenants::find_policy(&mut tx)
        .await?
        .ok_or(Error::NotFound)?;
    let mut expected = expected_hashes(&mut tx, &request).await?;
    if policy.content_hash == ContentHashPolicy::Format {
        expected.clear();
    }
    tx.commit().await?;

    let options = EmbedOptions {
        expected,
        metadata: request.metadata,
        privacy: policy.privacy,
        key: engine::watermark_key(&secret, photo),
    };
    let work = images::run(
        ctx,
        tenant,
        request.image,
        limits,
        move |job, image, limits| mark(job, image, limits, &options),
    );
    let marked = claim.hold(work).await?;

    let mut registration = request.registration;
    registration.content_hash = Some(marked.source);
    let recording = Recording {
        claim,
        is_new: request.photo.is_none(),
        registration: &registration,
        secret: &secret,
        policy: &policy,
        marked: &marked,
    };
    let copies = record(ctx, caller, &recording).await?;
    tracing::info!(
        tenant.id = %tenant,
        photo.id = %photo,
        z.sent = marked.report.z_sent,
        z.small = marked.report.z_small,
        iterations = marked.report.iterations,
        copies,
        "protected"
    );
    if copies >= MANY_COPIES {
        tracing::warn!(
            tenant.id = %tenant,
            photo.id = %photo,
            copies,
            "the same picture was protected several times: who holds three copies can combine them to one without a mark"
        );
    }
    Ok(marked.answer(photo, copies, false))
}

/// Collects the hashes that the image must have: the one in this request, and the one that the
/// photo was registered with.
async fn expected_hashes(
    tx: &mut TenantTransaction,
    request: &Request,
) -> Result<Vec<ExpectedHash>, Error> {
    let mut expected = Vec::new();
    if let Some(hash) = request.registration.content_hash {
        expected.push(ExpectedHash {
            hash,
            mismatch: "it is not the SHA-256 of the image part",
        });
    }
    if let Some(photo) = request.photo {
        let registered = photos::find(tx, photo).await?.ok_or(Error::NotFound)?;
        if registered.protected.is_some() {
            return Err(Error::Conflict("the photo is protected already"));
        }
        if let Some(hash) = registered.registration.content_hash {
            expected.push(ExpectedHash {
                hash,
                mismatch: "the photo was registered with the hash of other bytes",
            });
        }
    }
    Ok(expected)
}

/// The CPU's part: check, decode, mark, read back, encode.
fn mark(
    job: &Job,
    image: &[u8],
    limits: &imaging::Limits,
    options: &EmbedOptions,
) -> Result<Marked, Error> {
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
    if embedded.bytes.len() > limits.max_bytes {
        // Grain makes a dense PNG up to half as large again; a file too large for `verify` is not
        // returned.
        return Err(Error::NotProtectable(format!(
            "the protected file would have {} bytes, more than the {} that can be verified",
            embedded.bytes.len(),
            limits.max_bytes
        )));
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "lengths of files are below 2^53"
    )]
    let growth = embedded.bytes.len() as f64 / image.len() as f64;
    Ok(Marked {
        dropped,
        growth,
        sha256: ContentHash::from_digest(Sha256::digest(&embedded.bytes).into()),
        bytes: embedded.bytes,
        format,
        source,
        record: embedded.record,
        words: embedded.words,
        width,
        height,
        report: embedded.report,
    })
}

/// Writes the photo, its sealed record, its words and the event in one transaction; returns how
/// many photos now show the same picture.
async fn record(ctx: &Context, caller: &Caller, recording: &Recording<'_>) -> Result<u32, Error> {
    let &Recording {
        claim,
        is_new,
        registration,
        secret,
        policy,
        marked,
    } = recording;
    let (now, photo) = (ctx.clock.now(), claim.photo);
    let protected = photos::ProtectedPhoto {
        protected_at: now,
        sha256: marked.sha256,
        format: engine::file_format(marked.format),
        width: i32::try_from(marked.width).map_err(Error::internal)?,
        height: i32::try_from(marked.height).map_err(Error::internal)?,
        protection_level: engine::mark_strength(marked.report.level),
    };
    let sealed = engine::seal_record(secret, photo, &marked.record, marked.sha256)?;
    let original = SourcePhoto {
        content: marked.source,
        record: &marked.record,
        words: &marked.words,
    };
    let mut tx = ctx.db.begin(&caller.tenant).await?;
    let copies = copies::count(&mut tx, secret, policy, &original).await?;
    let outcome = ProtectOutcome {
        privacy: policy.privacy.as_str().to_owned(),
        copies,
    };
    claim.complete(&mut tx, &outcome).await?;
    if is_new {
        photos::insert(&mut tx, photo, registration, now).await?;
    }
    // Two calls may protect one registered photo at once: the second finds it protected, or
    // deleted.
    if !photos::set_protected(&mut tx, photo, registration, &protected, &sealed).await? {
        return Err(Error::Conflict(
            "the photo was protected or deleted meanwhile",
        ));
    }
    if !marked.words.is_empty() {
        let tokens = engine::index_key(secret).tokens(&marked.words.all());
        words::insert(&mut tx, photo, &tokens).await?;
    }
    usage::charge(ctx, &mut tx, MeteredOperation::Protect).await?;
    let entry = AuditEntry::new(caller.by(), Action::PhotoProtected, Subject::Photo(photo))
        .with("contentHash", marked.source)
        .with("format", protected.format.as_str())
        .with("width", protected.width)
        .with("height", protected.height)
        .with("protectionLevel", protected.protection_level.as_str());
    journal::commit(tx, &ctx.master, now, &entry).await?;
    Ok(copies)
}
