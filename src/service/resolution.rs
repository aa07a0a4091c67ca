//! Soft binding resolution (C2PA 2.4): from a picture, or from what a manifest binds, to the
//! manifest.
//!
//! ```text
//! fetch        the caller's own manifest of that URN, or a published one: stored, or of a photo
//! by binding   the photo that a soft binding of ours names, and what clients bound the value to
//! by content   look (gate) ── published photos of all tenants that share words ── their records,
//!              tenant by tenant ── read the marks of the likeliest (gate) ── their manifests
//! ```
//!
//! Nobody learns of a manifest that is not published, except its tenant: what tenants keep is found
//! in transactions of nobody's alone, which see what is public at the moment of the question.
//!
//! By content, candidates come by their look and the mark alone decides, with the correction for
//! all candidates of all tenants. An answer is one of two scores, so that it does not lead somebody
//! who changes a picture until the mark is lost; and it is given about one photo to one network of
//! addresses so often a day. A photo beyond that is no candidate any more; a picture that looks
//! like it is refused before any mark is read, so that the refusal says nothing of the mark.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;

use super::{
    Busy, Context, Error, engine, images,
    manifests::KeptManifest,
    recognition::{
        KeptPicture, LEAST_WORDS, LikelyPhoto, MOST_OPENED, Seen, likeliest, read_marks,
    },
};
use crate::{
    auth::HashUse,
    cpu::Job,
    credentials::active_manifest,
    db::{
        bindings::{self, Bound},
        manifests, photos,
        publications::{self, PublicVote, Publication},
        resolution_tallies, stored_manifests,
    },
    domain::{
        BindingAlgorithm, BindingValue, ManifestId, MeteredOperation, PhotoId, SourceHash,
        SourceNetwork, TenantId, verdict::Verdict,
    },
    imaging::{self, Limits},
    watermark::ReceivedImage,
};

/// The window of a network, in seconds.
const HOUR_SECONDS: f64 = 3_600.0;
/// Most questions by content from one network in an hour, without a token.
const MOST_OF_NETWORK: i32 = 30;
/// The window of a photo and a network.
const DAY_SECONDS: f64 = 86_400.0;
/// Most answers about one photo to one network in a day.
const MOST_OF_PHOTO: i32 = 20;
/// When to come again about such a photo: the day is over by then.
const TOMORROW_SECONDS: u32 = 86_400;

/// Separates the keyed hashes here from those of accounts and of checks.
const HASHED_FOR: &[u8] = b"resolution";

/// The score of a manifest that is named, and of a picture that is the very file.
const CERTAIN: u8 = 100;
/// The score of a picture that carries the mark.
const MARKED: u8 = 90;

/// A manifest that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Its URN.
    pub manifest_id: String,
    /// How sure it is, 0 to 100; says nothing of whether the picture was altered.
    pub score: u8,
}

impl Match {
    fn certain(manifest_id: String) -> Self {
        Self {
            manifest_id,
            score: CERTAIN,
        }
    }
}

/// Whoever asks: a tenant, or anybody.
#[derive(Debug, Clone)]
pub struct Asker {
    /// The tenant of the token; `None` without one.
    pub tenant: Option<TenantId>,
    /// The address of the call.
    pub source: IpAddr,
}

impl Asker {
    /// In whose shares of connections, memory and workers it is.
    pub fn party(&self) -> TenantId {
        self.tenant.clone().unwrap_or_else(TenantId::anybody)
    }

    /// The keyed hash of its network, alone or with a photo.
    fn hash(&self, ctx: &Context, photo: Option<PhotoId>) -> SourceHash {
        let network = SourceNetwork::of(self.source).octets();
        let photo = photo.map(PhotoId::as_uuid);
        let photo = photo.as_ref().map_or(&[][..], |id| id.as_bytes());
        let parts = [HASHED_FOR, photo, &network, b"", b""];
        ctx.master.keyed_hash(HashUse::KnownSource, &parts)
    }
}

/// The manifest store of that URN, the caller's own or one that is published; `active_alone` leaves
/// out the manifests of ingredients.
///
/// # Errors
///
/// [`Error::NotFound`] for any other; [`Error::Invalid`] for the active manifest of stored bytes
/// that have none.
pub async fn fetch(
    ctx: &Context,
    asker: &Asker,
    id: &ManifestId,
    active_alone: bool,
) -> Result<Vec<u8>, Error> {
    let found = find(ctx, asker, id).await?;
    if !active_alone {
        return Ok(found.into_bytes());
    }
    match found {
        Found::OfPhoto(kept) => active_manifest(&kept.store)
            .ok_or_else(|| Error::internal("a kept manifest cannot be read")),
        Found::Stored(bytes) => active_manifest(&bytes).ok_or_else(|| {
            Error::invalid(
                "returnActiveManifest",
                "asks for what is not in the stored bytes",
            )
        }),
    }
}

/// A manifest that was found.
enum Found {
    /// One that we signed.
    OfPhoto(KeptManifest),
    /// The bytes of one that a client stored.
    Stored(Vec<u8>),
}

impl Found {
    fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::OfPhoto(kept) => kept.store,
            Self::Stored(bytes) => bytes,
        }
    }
}

/// The caller's own first. What we signed goes before what was stored under its name: that it is
/// the manifest is known.
async fn find(ctx: &Context, asker: &Asker, id: &ManifestId) -> Result<Found, Error> {
    if let Some(tenant) = &asker.tenant {
        let mut tx = ctx.db.begin(tenant).await?;
        let own = manifests::find_by_id(&mut tx, id.as_str()).await?;
        let stored = stored_manifests::find(&mut tx, id).await?;
        tx.commit().await?;
        let own = own.and_then(KeptManifest::of).map(Found::OfPhoto);
        let stored = stored.map(|stored| Found::Stored(stored.bytes));
        if let Some(own) = own.or(stored) {
            return Ok(own);
        }
    }
    let mut tx = ctx.db.begin_public(&asker.party()).await?;
    let published = publications::find(&mut tx, id.as_str()).await?;
    let stored = stored_manifests::find_public(&mut tx, id).await?;
    tx.commit().await?;
    if let Some(published) = published {
        let mut tx = ctx.db.begin(&published.tenant).await?;
        let kept = manifests::find(&mut tx, published.photo).await?;
        tx.commit().await?;
        if let Some(kept) = kept.and_then(KeptManifest::of) {
            return Ok(Found::OfPhoto(kept));
        }
    }
    let stored = stored.ok_or(Error::NotFound)?;
    Ok(Found::Stored(stored.bytes))
}

/// The manifests that bind a value by an algorithm: the caller's own first, then public ones, at
/// most `most`. A value that a client bound without an algorithm is found under any but ours: what
/// our marks lead to, no client says.
///
/// # Errors
///
/// The database does not answer.
pub async fn by_binding(
    ctx: &Context,
    asker: &Asker,
    value: &str,
    algorithm: &str,
    most: usize,
) -> Result<Vec<Match>, Error> {
    let mut found = if algorithm == ctx.settings.soft_binding {
        of_mark(ctx, asker, value).await?
    } else {
        of_client(ctx, asker, value, algorithm, most).await?
    };
    let mut seen = HashSet::new();
    found.retain(|manifest_id| seen.insert(manifest_id.clone()));
    found.truncate(most);
    ctx.metrics.count_resolution("binding", !found.is_empty());
    Ok(found.into_iter().map(Match::certain).collect())
}

/// The manifests of the photo whose mark it is: the value is its id (src/credentials/manifest.rs).
async fn of_mark(ctx: &Context, asker: &Asker, value: &str) -> Result<Vec<String>, Error> {
    let bytes = STANDARD.decode(value).ok();
    let Some(photo) = bytes.and_then(|bytes| PhotoId::from_bytes(&bytes)) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    if let Some(tenant) = &asker.tenant {
        let mut tx = ctx.db.begin(tenant).await?;
        let own = manifests::find(&mut tx, photo).await?;
        tx.commit().await?;
        found.extend(own.and_then(KeptManifest::of).map(|kept| kept.manifest_id));
    }
    let mut tx = ctx.db.begin_public(&asker.party()).await?;
    let published = publications::of_photo(&mut tx, photo).await?;
    tx.commit().await?;
    found.extend(published.into_iter().map(|one| one.manifest_id));
    Ok(found)
}

/// The manifests that clients bound the value to.
async fn of_client(
    ctx: &Context,
    asker: &Asker,
    value: &str,
    algorithm: &str,
    most: usize,
) -> Result<Vec<String>, Error> {
    let Some(value) = BindingValue::new(value) else {
        return Ok(Vec::new());
    };
    let algorithm = BindingAlgorithm::parse(algorithm);
    let bound = Bound {
        value: &value,
        alg: algorithm.as_ref(),
    };
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let mut found = Vec::new();
    if let Some(tenant) = &asker.tenant {
        let mut tx = ctx.db.begin(tenant).await?;
        found = bindings::find(&mut tx, bound, limit).await?;
        tx.commit().await?;
    }
    let mut tx = ctx.db.begin_public(&asker.party()).await?;
    // Those of the caller are among them.
    found.extend(bindings::find_public(&mut tx, bound, limit.saturating_mul(2)).await?);
    tx.commit().await?;
    Ok(found)
}

/// Lets a question by content in, before its body is read. The calls of a tenant are counted as all
/// of its calls are.
///
/// # Errors
///
/// [`Error::Busy`] when there is too much to do; [`Error::Throttled`] above the limit of a network.
pub async fn admit(ctx: &Context, asker: &Asker) -> Result<(), Error> {
    if asker.tenant.is_some() {
        return Ok(());
    }
    let party = asker.party();
    (ctx.images.admits(&Some(party.clone()))).map_err(|full| Busy {
        bound: super::Bound::Server,
        retry_after_seconds: full.retry_after_seconds,
    })?;
    let mut tx = ctx.db.begin_public(&party).await?;
    let network = asker.hash(ctx, None);
    let window = resolution_tallies::count(&mut tx, network, HOUR_SECONDS).await?;
    if window.used > MOST_OF_NETWORK {
        // Rolled back: what is refused counts nothing.
        return Err(Error::Throttled(wait(window.left_seconds)));
    }
    resolution_tallies::sweep(&mut tx).await?;
    Ok(tx.commit().await?)
}

/// Whole seconds until a window ends, at least 1.
fn wait(left_seconds: f64) -> u32 {
    let left = Duration::try_from_secs_f64(left_seconds).unwrap_or_default();
    u32::try_from(left.as_secs() + 1).unwrap_or(u32::MAX)
}

/// The published manifests of photos whose mark is in an image, best first, at most `most`.
///
/// # Errors
///
/// An image that cannot be read is [`Error::Image`]; [`Error::Throttled`] for a picture that looks
/// like a photo about which this network was answered too often.
pub async fn by_content(
    ctx: &Context,
    asker: &Asker,
    image: Bytes,
    most: usize,
) -> Result<Vec<Match>, Error> {
    let (party, limits) = (asker.party(), images::limits(ctx, None));
    let operation = MeteredOperation::Identify;
    let (seen, picture) =
        images::run(ctx, &party, operation, (image.clone(), limits), look).await?;
    let kept = KeptPicture::within_budget(ctx, &party, picture);
    let votes = vote(ctx, asker, &seen).await?;
    let likely = open(ctx, &seen, &votes).await?;
    if likely.is_empty() {
        ctx.metrics.count_resolution("content", false);
        return Ok(Vec::new());
    }
    let marked = images::run(
        ctx,
        &party,
        operation,
        (image, limits),
        move |job, image, limits| {
            if let Some(kept) = kept {
                return decide(job, &kept.picture, &likely);
            }
            let photo = imaging::decode(image, limits)?;
            decide(job, &ReceivedImage::new(&photo), &likely)
        },
    )
    .await?;
    let found = tell(ctx, asker, marked, &votes).await?;
    ctx.metrics.count_resolution("content", !found.is_empty());
    let candidates = votes.votes.len();
    tracing::info!(candidates, matches = found.len(), "resolved by content");
    Ok(found.into_iter().take(most).collect())
}

/// The first part of the CPU's work: decode, and find words.
fn look(
    job: &Job,
    image: &Bytes,
    limits: &Limits,
) -> Result<(Seen, ReceivedImage<'static>), Error> {
    if job.abandoned() {
        return Err(Error::Abandoned);
    }
    let photo = imaging::decode(image, limits)?;
    let received = ReceivedImage::new(&photo);
    let seen = Seen::new(image, &received, &engine::public_index_key());
    Ok((seen, received.keep()))
}

/// The published photos that share words with the picture, and those of them about which this
/// network was answered too often.
async fn vote(ctx: &Context, asker: &Asker, seen: &Seen) -> Result<Votes, Error> {
    let mut tx = ctx.db.begin_public(&asker.party()).await?;
    let votes = publications::vote(&mut tx, &seen.tokens, LEAST_WORDS, MOST_OPENED).await?;
    let photos: HashMap<SourceHash, PhotoId> = (votes.iter())
        .map(|vote| vote.publication.photo)
        .map(|photo| (asker.hash(ctx, Some(photo)), photo))
        .collect();
    let counted: Vec<SourceHash> = photos.keys().copied().collect();
    let used_up = resolution_tallies::used_up(&mut tx, &counted, MOST_OF_PHOTO).await?;
    tx.commit().await?;
    let used_up = used_up.iter().filter_map(|hash| photos.get(&hash[..]));
    Ok(Votes {
        used_up: used_up.copied().collect(),
        votes,
    })
}

/// What the database says of the published photos.
struct Votes {
    votes: Vec<PublicVote>,
    used_up: HashSet<PhotoId>,
}

/// Opens the records of the candidates, tenant by tenant: the likeliest, best first.
///
/// # Errors
///
/// [`Error::Throttled`] when one looks like the picture and is used up for this network.
async fn open(ctx: &Context, seen: &Seen, votes: &Votes) -> Result<Vec<LikelyPhoto>, Error> {
    let mut by_tenant: HashMap<&TenantId, Vec<PhotoId>> = HashMap::new();
    for vote in &votes.votes {
        let Publication { tenant, photo, .. } = &vote.publication;
        by_tenant.entry(tenant).or_default().push(*photo);
    }
    let weight = |photo| {
        let vote = votes
            .votes
            .iter()
            .find(|vote| vote.publication.photo == photo);
        vote.map_or(0.0, |vote| vote.weight)
    };
    let mut found = Vec::new();
    for (tenant, ids) in by_tenant {
        let mut tx = ctx.db.begin(tenant).await?;
        let (secret, _) = images::tenant(ctx, &mut tx).await?;
        let records = photos::find_records(&mut tx, &ids).await?;
        tx.commit().await?;
        for (photo, sealed) in records {
            let likely = LikelyPhoto::open(seen, &secret, photo, sealed, weight(photo))?;
            if !votes.used_up.contains(&photo) {
                found.push(likely);
            } else if likely.looks_the_same() {
                return Err(Error::Throttled(TOMORROW_SECONDS));
            }
        }
    }
    Ok(likeliest(found))
}

/// The second part of the CPU's work: which of the likeliest photos the picture is, and whether it
/// is the very file. A mark that was carried to other content leads to no manifest.
fn decide(
    job: &Job,
    received: &ReceivedImage<'_>,
    likely: &[LikelyPhoto],
) -> Result<Vec<(PhotoId, bool)>, Error> {
    let marked = read_marks(job, received, likely)?.into_iter();
    let same = marked.filter(|(_, found)| found.evidence.verdict() != Verdict::Conflict);
    Ok(same
        .map(|(one, found)| (one.photo, found.evidence.exact_match))
        .collect())
}

/// The manifests of the photos whose marks were found, as far as they are still published; each is
/// counted.
async fn tell(
    ctx: &Context,
    asker: &Asker,
    marked: Vec<(PhotoId, bool)>,
    votes: &Votes,
) -> Result<Vec<Match>, Error> {
    let mut tx = ctx.db.begin_public(&asker.party()).await?;
    let mut found = Vec::new();
    for (photo, is_the_file) in marked {
        let published = publications::of_photo(&mut tx, photo).await?;
        let named = |vote: &&PublicVote| published.contains(&vote.publication);
        let Some(vote) = votes.votes.iter().find(named) else {
            continue;
        };
        let counted = asker.hash(ctx, Some(photo));
        resolution_tallies::count(&mut tx, counted, DAY_SECONDS).await?;
        found.push(Match {
            manifest_id: vote.publication.manifest_id.clone(),
            score: if is_the_file { CERTAIN } else { MARKED },
        });
    }
    tx.commit().await?;
    Ok(found)
}
