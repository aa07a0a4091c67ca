//! Protects a photo: marks it, returns the marked file, and keeps the record that finds the mark
//! again.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    Caller, Context, Error, copies, engine,
    idempotency::{self, Claim, IdempotentCall},
    images, journal,
    manifests::Manifest,
    marking::{ExpectedHash, Marked, MarkingOptions, mark_and_sign},
    tenant_cache::{self, OpenTenant},
};
use crate::{
    db::{
        DbError,
        audit::Along,
        manifests::{self, StoredManifest},
        photos,
        protections::{self, Protection},
    },
    domain::{
        ContentHash, ContentHashPolicy, ManifestPolicy, MeteredOperation, Once, PhotoId, Privacy,
        PublicationPolicy, Registration, TenantId,
        audit::{Action, AuditEntry, Subject},
    },
    imaging::{Dropped, Format, MetadataPolicy},
    watermark::EmbedReport,
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
    /// Whether its manifest is published; `None` for what the tenant's policy says.
    pub publish: Option<bool>,
}

/// A protected photo, as it is returned.
#[derive(Debug)]
pub struct Protected {
    /// The id that `verify` takes.
    pub photo: PhotoId,
    /// The marked file, with the metadata that it keeps and its manifest.
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
    /// The URN of the manifest in the file; `None` for a file that was not signed.
    pub manifest_id: Option<String>,
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
    /// Whether the upload's own manifests went on in the new one.
    #[serde(default)]
    with_history: bool,
    /// The manifest in base64, where the tenant keeps none with the photo: a signature does not
    /// come out the same twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    manifest: Option<String>,
}

/// A marked photo that is about to be recorded.
struct Recording<'a> {
    claim: &'a Claim<'a>,
    /// Whether the photo was not registered before.
    is_new: bool,
    /// Whether the manifest is published, if it is kept.
    is_published: bool,
    registration: &'a Registration,
    tenant: &'a OpenTenant,
    marked: &'a Marked,
}

/// Why a photo was not protected.
enum Failure {
    /// Secret or policy of the tenant are no longer those that the photo was marked by.
    Outdated,
    Error(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        Self::Error(error.into())
    }
}

impl Marked {
    fn answer(self, photo: PhotoId, copies: u32, replayed: bool) -> Protected {
        Protected {
            photo,
            bytes: self.bytes,
            format: self.picture.format,
            sha256: self.sha256,
            report: self.picture.report,
            dropped: self.dropped,
            growth: self.growth,
            manifest_id: self.manifest.map(|manifest| manifest.manifest_id),
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
            let done = Box::pin(protect_new(ctx, caller, request, &claim)).await;
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
    let stored = manifests::find(&mut tx, photo).await?;
    tx.commit().await?;
    let sent = found
        .ok_or(idempotency::PHOTO_IS_GONE)?
        .protected
        .ok_or_else(corrupt)?;
    let manifest = match stored {
        None => Manifest::None,
        Some(mut stored) => {
            let in_outcome = || STANDARD.decode(outcome.manifest.as_deref()?).ok();
            stored.store = stored.store.or_else(in_outcome);
            if stored.store.is_none() {
                return Err(corrupt());
            }
            let with_history = outcome.with_history;
            Manifest::Again {
                stored,
                with_history,
            }
        }
    };
    let options = MarkingOptions {
        // The idempotency key stands for the same bytes, which were checked the first time.
        expected: Vec::new(),
        metadata: request.metadata,
        privacy,
        key: engine::watermark_key(&secret, photo),
        manifest,
    };
    let marked = mark_and_sign(ctx, &caller.tenant, request.image, limits, options).await?;
    if marked.sha256 != sent.sha256 {
        return Err(Error::Conflict(
            "the photo was protected by another version of the engine, which made other bytes of it: \
             they cannot be sent again",
        ));
    }
    tracing::info!(tenant.id = %caller.tenant, photo.id = %photo, "answered again");
    Ok(marked.answer(photo, outcome.copies, true))
}

/// Marks the photo and records it; the work of a call that is not a repetition. What this server
/// remembers of the tenant may be outdated: then it is done anew by what holds.
async fn protect_new(
    ctx: &Context,
    caller: &Caller,
    request: Request,
    claim: &Claim<'_>,
) -> Result<Protected, Error> {
    let name = &caller.tenant;
    let mut is_remembered = true;
    let mut tenant = if let Some(tenant) = ctx.tenants.find(name) {
        tenant
    } else {
        is_remembered = false;
        tenant_cache::read(ctx, name).await?
    };
    loop {
        let failure = match Box::pin(protect_by(ctx, caller, &request, claim, &tenant)).await {
            Ok(protected) => return Ok(protected),
            Err(failure) => failure,
        };
        let rests_on_policy = matches!(
            failure,
            Failure::Error(Error::Image(_) | Error::ContentHash(_))
        );
        match failure {
            Failure::Error(error) if !(is_remembered && rests_on_policy) => return Err(error),
            Failure::Error(error) => {
                let now = tenant_cache::read(ctx, name).await?;
                if now.settings == tenant.settings {
                    return Err(error);
                }
                tenant = now;
            }
            Failure::Outdated => tenant = tenant_cache::read(ctx, name).await?,
        }
        is_remembered = false;
    }
}

/// Marks the photo and records it by secret and policy of its tenant.
async fn protect_by(
    ctx: &Context,
    caller: &Caller,
    request: &Request,
    claim: &Claim<'_>,
    tenant: &OpenTenant,
) -> Result<Protected, Failure> {
    let (name, photo) = (&caller.tenant, claim.photo);
    let policy = &tenant.settings.policy;
    let registered = find_registered(ctx, name, request).await?;
    let expected = match policy.content_hash {
        ContentHashPolicy::Strict => expected_hashes(request, registered.as_ref()),
        ContentHashPolicy::Format => Vec::new(),
    };
    let told = completed(&request.registration, registered);

    let options = MarkingOptions {
        expected,
        metadata: request.metadata,
        privacy: policy.privacy,
        key: engine::watermark_key(&tenant.secret, photo),
        manifest: Manifest::new(ctx, name, photo, told)?,
    };
    let limits = images::limits(ctx, policy.max_megapixels);
    let work = mark_and_sign(ctx, name, request.image.clone(), limits, options);
    let marked = Box::pin(claim.hold(work)).await?;

    let mut registration = request.registration.clone();
    registration.content_hash = Some(marked.picture.source);
    let recording = Recording {
        claim,
        is_new: request.photo.is_none(),
        is_published: request
            .publish
            .unwrap_or(policy.publication == PublicationPolicy::On),
        registration: &registration,
        tenant,
        marked: &marked,
    };
    let copies = record(ctx, caller, &recording).await?;
    ctx.metrics
        .count_protected(engine::mark_strength(marked.picture.report.level).as_str());
    tracing::info!(
        tenant.id = %name,
        photo.id = %photo,
        z.sent = marked.picture.report.z_sent,
        z.small = marked.picture.report.z_small,
        iterations = marked.picture.report.iterations,
        copies,
        "protected"
    );
    if copies >= MANY_COPIES {
        tracing::warn!(
            tenant.id = %name,
            photo.id = %photo,
            copies,
            "the same picture was protected several times: who holds three copies can combine them to one without a mark"
        );
    }
    Ok(marked.answer(photo, copies, false))
}

/// What was registered of the photo that the request names; `None` if it names none.
async fn find_registered(
    ctx: &Context,
    tenant: &TenantId,
    request: &Request,
) -> Result<Option<Registration>, Error> {
    let Some(photo) = request.photo else {
        return Ok(None);
    };
    let mut tx = ctx.db.begin(tenant).await?;
    let found = photos::find(&mut tx, photo).await?;
    tx.commit().await?;
    let registered = found.ok_or(Error::NotFound)?;
    if registered.protected.is_some() {
        return Err(Error::Conflict("the photo is protected already"));
    }
    Ok(Some(registered.registration))
}

/// What is told of the photo now, completed by what was registered.
fn completed(told: &Registration, registered: Option<Registration>) -> Registration {
    let registered = registered.unwrap_or_default();
    Registration {
        content_hash: told.content_hash.or(registered.content_hash),
        device_model: told.device_model.clone().or(registered.device_model),
        label: told.label.clone().or(registered.label),
        external_id: told.external_id.clone().or(registered.external_id),
        place: told.place.or(registered.place),
        publish_location: told.publish_location,
    }
}

/// Collects the hashes that the image must have: the one in this request, and the one that the
/// photo was registered with.
fn expected_hashes(request: &Request, registered: Option<&Registration>) -> Vec<ExpectedHash> {
    let mut expected = Vec::new();
    if let Some(hash) = request.registration.content_hash {
        expected.push(ExpectedHash {
            hash,
            mismatch: "it is not the SHA-256 of the image part",
        });
    }
    if let Some(hash) = registered.and_then(|registered| registered.content_hash) {
        expected.push(ExpectedHash {
            hash,
            mismatch: "the photo was registered with the hash of other bytes",
        });
    }
    expected
}

/// Writes the photo, its sealed record, its words and the event in one transaction; returns how
/// many photos now show the same picture.
async fn record(ctx: &Context, caller: &Caller, recording: &Recording<'_>) -> Result<u32, Failure> {
    let &Recording {
        claim,
        is_new,
        is_published,
        registration,
        tenant,
        marked,
    } = recording;
    let (now, photo) = (ctx.clock.now(), claim.photo);
    let (secret, policy) = (&tenant.secret, &tenant.settings.policy);
    let picture = &marked.picture;
    let protected = photos::ProtectedPhoto {
        protected_at: now,
        sha256: marked.sha256,
        format: engine::file_format(picture.format),
        width: i32::try_from(picture.width).map_err(Error::internal)?,
        height: i32::try_from(picture.height).map_err(Error::internal)?,
        protection_level: engine::mark_strength(picture.report.level),
    };
    let sealed = engine::seal_record(secret, photo, &picture.record, marked.sha256)?;
    let (kept, in_outcome) = split(marked.manifest.clone(), policy.manifests);
    let index = engine::index_key(secret);
    let (words, look) = (picture.words.all(), index.tokens(&picture.words.look));
    let sealed_words = match words.as_slice() {
        [] => None,
        words => Some(engine::seal_words(secret, photo, words)?),
    };
    let protection = Protection {
        photo,
        is_new,
        registration,
        protected: &protected,
        sealed: &sealed,
        manifest: kept.as_ref(),
        tokens: &index.tokens(&words),
        sealed_words: sealed_words.as_deref(),
        is_published,
        public_tokens: &engine::public_index_key().tokens(&words),
        look_token: copies::look_token(&picture.record, &look),
        look: &look,
        least_alike: copies::LEAST_WORDS,
    };
    let serialised = policy.max_copies.is_some();
    let mut tx = ctx.db.begin_protection(&caller.tenant, serialised).await?;
    let saved = protections::save(&mut tx, &protection).await?;
    match &saved.settings {
        None => return Err(Error::NotFound.into()),
        Some(settings) if *settings != tenant.settings => return Err(Failure::Outdated),
        Some(_) => {}
    }
    // Two calls may protect one registered photo at once: the second finds it protected, or
    // deleted.
    if !saved.is_saved {
        let meanwhile = Error::Conflict("the photo was protected or deleted meanwhile");
        return Err(claim.refusal(&mut tx, meanwhile).await?.into());
    }
    let copies = copies::count(&mut tx, secret, &picture.record, &saved).await?;
    if let Some(max) = policy.max_copies
        && copies > max.get()
    {
        return Err(Error::TooManyCopies(max.get()).into());
    }
    let has_kept = kept.is_some_and(|kept| kept.store.is_some());
    let outcome = ProtectOutcome {
        privacy: policy.privacy.as_str().to_owned(),
        copies,
        with_history: marked.with_history,
        manifest: in_outcome,
    };
    let along = Along {
        charged: Some(MeteredOperation::Protect),
        outcome: claim.outcome(&outcome)?,
    };
    let entry = event(caller, recording, &protected, is_published && has_kept);
    journal::commit_along(tx, &ctx.master, now, &entry, along).await?;
    Ok(copies)
}

/// The event of a photo that is recorded.
fn event(
    caller: &Caller,
    recording: &Recording<'_>,
    protected: &photos::ProtectedPhoto,
    is_published: bool,
) -> AuditEntry {
    let (photo, marked) = (recording.claim.photo, recording.marked);
    let entry = AuditEntry::new(caller.by(), Action::PhotoProtected, Subject::Photo(photo))
        .with("contentHash", marked.picture.source)
        .with("format", protected.format.as_str())
        .with("width", protected.width)
        .with("height", protected.height)
        .with("protectionLevel", protected.protection_level.as_str());
    match &marked.manifest {
        Some(manifest) => entry
            .with("manifestId", &manifest.manifest_id)
            .with("published", is_published),
        None => entry,
    }
}

/// The manifest as it is kept with the photo; under a policy that keeps none without its bytes,
/// which the outcome of the idempotency key then holds for as long as the call can be repeated.
fn split(
    manifest: Option<StoredManifest>,
    policy: ManifestPolicy,
) -> (Option<StoredManifest>, Option<String>) {
    match (manifest, policy) {
        (Some(mut manifest), ManifestPolicy::None) => {
            let store = manifest.store.take().map(|store| STANDARD.encode(store));
            (Some(manifest), store)
        }
        (manifest, _) => (manifest, None),
    }
}
