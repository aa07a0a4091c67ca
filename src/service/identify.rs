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

use std::collections::HashMap;

use bytes::Bytes;
use time::OffsetDateTime;

use super::{
    Context, Error, engine, images,
    recognition::{
        KeptPicture, LEAST_WORDS, LikelyPhoto, MOST_OPENED, Seen, likeliest, read_marks,
    },
    standby,
    stated::FileCredentials,
    usage,
    verification::Verification,
};
use crate::{
    auth::TenantSecret,
    cpu::Job,
    credentials::{Judge, Judgement},
    db::{
        TenantTransaction, WalPosition,
        photos::{self, SealedRecord, StoredPhoto},
        words::{self, Vote},
    },
    domain::{MeteredOperation, PhotoId, TenantId},
    imaging::{self, Limits},
    watermark::{IndexKey, ReceivedImage},
};

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
    let likely = open(&seen, candidates, &secret)?;
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
                    return decide(job, &kept.picture, &likely, &credentials);
                }
                let photo = imaging::decode(image, limits)?;
                let received = ReceivedImage::new(&photo);
                decide(job, &received, &likely, &credentials)
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
    let seen = Seen::new(image, &received, index);
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

/// Opens the records and keeps the likeliest photos, best first.
fn open(
    seen: &Seen,
    candidates: Candidates,
    secret: &TenantSecret,
) -> Result<Vec<LikelyPhoto>, Error> {
    let Candidates { votes, records } = candidates;
    let found = records.into_iter().map(|(photo, sealed)| {
        let vote = votes.iter().find(|vote| vote.photo == photo);
        let weight = vote.map_or(0.0, |vote| vote.weight);
        LikelyPhoto::open(seen, secret, photo, sealed, weight)
    });
    Ok(likeliest(found.collect::<Result<_, _>>()?))
}

/// The second part of the CPU's work: read the marks of the likeliest photos.
fn decide(
    job: &Job,
    received: &ReceivedImage<'_>,
    likely: &[LikelyPhoto],
    credentials: &FileCredentials,
) -> Result<Vec<(PhotoId, Verification)>, Error> {
    let matches = read_marks(job, received, likely)?;
    let marked: Vec<PhotoId> = matches.iter().map(|(one, _)| one.photo).collect();
    Ok(matches
        .into_iter()
        .map(|(one, found)| {
            let manifest = one.manifest.as_ref();
            let found = found.with_credentials(credentials.clone(), one.photo, manifest, &marked);
            (one.photo, found)
        })
        .collect())
}
