//! Finds which photo of the tenant an image is, without being given an id.
//!
//! ```text
//! look     decode; judge the manifest; visual words of the picture      gate
//! ask      photos that share words, the photo of these very bytes, and  database; words
//!          the one that the manifest names                              a standby, if any
//! rank     open their records, compare fingerprints, keep the likeliest
//! decide   read the mark of each; z is corrected for the number of       gate
//!          candidates
//! ```
//!
//! What `decide` needs of the picture is kept meanwhile, some 5 MB in place of its pixels, as long
//! as the budget of bodies has room for it; otherwise the file is decoded again.
//!
//! Visual words and fingerprints choose the candidates; only the mark decides. An unmarked copy of
//! a photo is found by its look, and is no match. So a standby may say who shares words: what it
//! names is read from the primary, and a photo that is gone is no candidate.

use std::{cmp::Ordering, collections::HashMap};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::{
    Context, Error,
    admission::bodies::BodyMemory,
    engine, images, standby,
    stated::FileCredentials,
    usage,
    verification::{Asked, Verification},
};
use crate::{
    auth::TenantSecret,
    cpu::Job,
    credentials::{Judge, Judgement},
    db::{
        TenantTransaction, WalPosition,
        manifests::ManifestSummary,
        photos::{self, SealedRecord, StoredPhoto},
        words::{self, Vote},
    },
    domain::{
        ContentHash, MeteredOperation, PhotoId, TenantId,
        verdict::{Policy, WatermarkStatus},
    },
    imaging::{self, Limits},
    watermark::{IndexKey, IndexQuery, ReceivedImage, Record},
};

/// Fewest words that a candidate must share.
const LEAST_WORDS: i64 = 2;
/// Most candidates whose records are opened.
const MOST_OPENED: i64 = 100;
/// Most candidates whose mark is read.
const MOST_READ: usize = 64;
/// Most bits in which the fingerprints of two pictures that look the same differ, of 256. Unrelated
/// ones differ in 128, with a standard deviation of 8.
const SAME_LOOK: u32 = 70;

/// A photo whose mark is in the image.
#[derive(Debug)]
pub struct Match {
    /// The photo that the image is.
    pub photo: StoredPhoto,
    /// The evidence, corrected for the number of candidates.
    pub found: Verification,
}

/// The photos whose marks are in an image.
#[derive(Debug)]
pub struct Identification {
    /// Best first.
    pub matches: Vec<Match>,
    /// When the image had been examined.
    pub examined_at: OffsetDateTime,
}

/// Finds the tenant's photos whose marks are in an image, best first: usually one, often none. A
/// use of the tenant's.
///
/// # Errors
///
/// An image that cannot be read is [`Error::Image`].
pub async fn identify(
    ctx: &Context,
    tenant: &TenantId,
    image: Bytes,
) -> Result<Identification, Error> {
    let found = recognise(ctx, tenant, image).await?;
    usage::count(ctx, tenant, MeteredOperation::Identify);
    Ok(found)
}

/// The same for somebody whose use is not the tenant's.
///
/// # Errors
///
/// An image that cannot be read is [`Error::Image`].
pub(super) async fn recognise(
    ctx: &Context,
    tenant: &TenantId,
    image: Bytes,
) -> Result<Identification, Error> {
    let mut tx = ctx.db.begin(tenant).await?;
    let (secret, limits) = images::tenant(ctx, &mut tx).await?;
    let written = standby::written(ctx, &mut tx).await?;
    tx.commit().await?;

    let (index, judge) = (engine::index_key(&secret), ctx.signers.judge());
    let (seen, picture, judgement) = images::run(
        ctx,
        tenant,
        MeteredOperation::Identify,
        (image.clone(), limits),
        move |job, image, limits| look(job, image, limits, &index, &judge),
    )
    .await?;
    let kept = KeptPicture::within_budget(ctx, tenant, picture);

    let suggested = ask_standby(ctx, tenant, &seen, written).await;
    let mut tx = ctx.db.begin(tenant).await?;
    let candidates = candidates(ctx, &mut tx, &seen, suggested).await?;
    tx.commit().await?;
    let credentials = FileCredentials::resolve(ctx, tenant, judgement, None).await?;

    let asked = candidates.votes.len();
    let likely = likeliest(&seen, candidates, &secret)?;
    let marked = if likely.is_empty() {
        Vec::new()
    } else {
        images::run(
            ctx,
            tenant,
            MeteredOperation::Identify,
            (image, limits),
            move |job, image, limits| {
                if job.abandoned() {
                    return Err(Error::Abandoned);
                }
                if let Some(kept) = kept {
                    return decide(job, &kept.picture, &likely, &secret, &credentials);
                }
                let photo = imaging::decode(image, limits)?;
                let received = ReceivedImage::new(&photo);
                decide(job, &received, &likely, &secret, &credentials)
            },
        )
        .await?
    };
    let examined_at = ctx.clock.now();
    let matches = matches(ctx, tenant, marked).await?;
    tracing::info!(
        tenant.id = %tenant,
        candidates = asked,
        matches = matches.len(),
        photo.id = matches.first().map(|found| found.photo.photo.to_string()),
        "identified"
    );
    Ok(Identification {
        matches,
        examined_at,
    })
}

/// Tells what is kept of the photos whose marks were found. One that was deleted meanwhile is no
/// match any more.
async fn matches(
    ctx: &Context,
    tenant: &TenantId,
    marked: Vec<(PhotoId, Verification)>,
) -> Result<Vec<Match>, Error> {
    if marked.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<PhotoId> = marked.iter().map(|(photo, _)| *photo).collect();
    let mut tx = ctx.db.begin(tenant).await?;
    let mut kept: HashMap<PhotoId, StoredPhoto> = photos::find_all(&mut tx, &ids)
        .await?
        .into_iter()
        .map(|photo| (photo.photo, photo))
        .collect();
    tx.commit().await?;
    let matches = marked.into_iter().filter_map(|(photo, found)| {
        let photo = kept.remove(&photo)?;
        Some(Match { photo, found })
    });
    Ok(matches.collect())
}

/// The part of a received image that the database is asked with.
struct Seen {
    sha256: ContentHash,
    sought: IndexQuery,
    tokens: Vec<i32>,
}

/// A received picture without its pixels, kept while the database is asked. Any number of requests
/// may wait, so its memory counts as that of a body.
struct KeptPicture {
    picture: ReceivedImage<'static>,
    _memory: BodyMemory,
}

impl KeptPicture {
    /// Keeps a picture; `None` if there is no room.
    fn within_budget(
        ctx: &Context,
        tenant: &TenantId,
        picture: ReceivedImage<'static>,
    ) -> Option<Self> {
        let mut memory = ctx.bodies.receive(tenant);
        memory.take(picture.bytes()).ok()?;
        Some(Self {
            picture,
            _memory: memory,
        })
    }
}

/// The first part of the CPU's work: decode, judge the manifest, and find words.
fn look(
    job: &Job,
    image: &Bytes,
    limits: &Limits,
    index: &IndexKey,
    judge: &Judge,
) -> Result<(Seen, ReceivedImage<'static>, Judgement), Error> {
    if job.abandoned() {
        return Err(Error::Abandoned);
    }
    let photo = imaging::decode(image, limits)?;
    let judgement = judge.judge(image, photo.format);
    job.charge(judgement.cpu);
    if job.abandoned() {
        return Err(Error::Abandoned);
    }
    let received = ReceivedImage::new(&photo);
    let sought = received.index_query();
    let seen = Seen {
        sha256: ContentHash::from_digest(Sha256::digest(image).into()),
        tokens: index.tokens(&sought.words()),
        sought,
    };
    Ok((seen, received.keep(), judgement))
}

/// Photos that may be in the image.
struct Candidates {
    /// One for each candidate; infinite weight for those with the very bytes.
    votes: Vec<Vote>,
    records: Vec<(PhotoId, SealedRecord)>,
}

/// The votes of a standby that has all that was there when the call began.
async fn ask_standby(
    ctx: &Context,
    tenant: &TenantId,
    seen: &Seen,
    written: Option<WalPosition>,
) -> Option<Vec<Vote>> {
    let mut tx = standby::begin(ctx, tenant, written).await?;
    let votes = words::vote(tx.rows(), &seen.tokens, LEAST_WORDS, MOST_OPENED).await;
    standby::voted(ctx, votes)
}

/// Finds the photos that may be in the image: their votes, unless a standby has given them, and
/// their records.
async fn candidates(
    ctx: &Context,
    tx: &mut TenantTransaction,
    seen: &Seen,
    suggested: Option<Vec<Vote>>,
) -> Result<Candidates, Error> {
    ctx.metrics.count_votes(suggested.is_some());
    let mut votes = match suggested {
        Some(votes) => votes,
        None => words::vote(tx.rows(), &seen.tokens, LEAST_WORDS, MOST_OPENED).await?,
    };
    let same_bytes = photos::with_protected_sha256(tx, seen.sha256, MOST_OPENED).await?;
    for photo in same_bytes {
        if votes.iter().all(|vote| vote.photo != photo) {
            let weight = f64::INFINITY;
            votes.push(Vote { photo, weight });
        }
    }
    let ids: Vec<PhotoId> = votes.iter().map(|vote| vote.photo).collect();
    let records = photos::find_records(tx, &ids).await?;
    Ok(Candidates { votes, records })
}

/// A candidate whose record is open.
struct LikelyPhoto {
    photo: PhotoId,
    record: Record,
    exact_match: bool,
    manifest: Option<ManifestSummary>,
    /// Distance of the fingerprints in bits, 0 to 256; [`u32::MAX`] for a record without one.
    distance: u32,
    weight: f64,
}

impl LikelyPhoto {
    /// Orders the likelier one first: the same bytes, then the same look, then the weight of shared
    /// words.
    fn order(&self, other: &Self) -> Ordering {
        let look = |distance: u32| distance.min(SAME_LOOK + 1);
        (other.exact_match.cmp(&self.exact_match))
            .then(look(self.distance).cmp(&look(other.distance)))
            .then(other.weight.total_cmp(&self.weight))
    }
}

/// Opens the records and keeps the likeliest photos, best first.
fn likeliest(
    seen: &Seen,
    candidates: Candidates,
    secret: &TenantSecret,
) -> Result<Vec<LikelyPhoto>, Error> {
    let Candidates { votes, records } = candidates;
    let mut found = Vec::with_capacity(records.len());
    for (photo, sealed) in records {
        let record = engine::open_record(secret, photo, &sealed)?;
        found.push(LikelyPhoto {
            photo,
            exact_match: sealed.protected_sha256 == seen.sha256.as_bytes(),
            manifest: sealed.manifest,
            distance: seen.sought.distance(&record).unwrap_or(u32::MAX),
            weight: votes
                .iter()
                .find(|vote| vote.photo == photo)
                .map_or(0.0, |vote| vote.weight),
            record,
        });
    }
    found.sort_by(LikelyPhoto::order);
    found.truncate(MOST_READ);
    Ok(found)
}

/// The second part of the CPU's work: read the marks of the likeliest photos.
fn decide(
    job: &Job,
    received: &ReceivedImage<'_>,
    likely: &[LikelyPhoto],
    secret: &TenantSecret,
    credentials: &FileCredentials,
) -> Result<Vec<(PhotoId, Verification)>, Error> {
    let mut matches = Vec::new();
    for candidate in likely {
        if job.abandoned() {
            return Err(Error::Abandoned);
        }
        let key = engine::watermark_key(secret, candidate.photo);
        let detection = received.detect(&candidate.record, &key);
        let z = detection.z;
        let asked = Asked {
            candidates: likely.len(),
            exact_match: candidate.exact_match,
            policy: Policy::Standard,
        };
        let found = Verification::weigh(received, &candidate.record, detection, asked);
        if found.evidence.watermark == WatermarkStatus::Detected {
            matches.push((z, candidate, found));
        }
    }
    let marked: Vec<PhotoId> = matches.iter().map(|(_, one, _)| one.photo).collect();
    // By the measured values: published ones come in steps.
    matches.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
    Ok(matches
        .into_iter()
        .map(|(_, one, found)| {
            let manifest = one.manifest.as_ref();
            let found = found.with_credentials(credentials.clone(), one.photo, manifest, &marked);
            (one.photo, found)
        })
        .collect())
}
