//! What finding a photo without an id has in common, among a tenant's photos and among published
//! ones: what the database is asked with, the order of candidates, and their marks, which decide.

use std::cmp::Ordering;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{
    Context, Error,
    admission::bodies::BodyMemory,
    engine,
    verification::{Asked, Verification},
};
use crate::{
    auth::TenantSecret,
    cpu::Job,
    db::{manifests::ManifestSummary, photos::SealedRecord},
    domain::{
        ContentHash, PhotoId, TenantId,
        verdict::{Policy, WatermarkStatus},
    },
    watermark::{IndexKey, IndexQuery, ReceivedImage, Record, WatermarkKey},
};

/// Fewest words that a candidate must share.
pub(super) const LEAST_WORDS: i64 = 2;
/// Most candidates whose records are opened.
pub(super) const MOST_OPENED: i64 = 100;
/// Most candidates whose mark is read.
const MOST_READ: usize = 64;
/// Most bits in which the fingerprints of two pictures that look the same differ, of 256. Unrelated
/// ones differ in 128, with a standard deviation of 8.
const SAME_LOOK: u32 = 70;

/// The part of a received image that the database is asked with.
pub(super) struct Seen {
    pub(super) sha256: ContentHash,
    sought: IndexQuery,
    pub(super) tokens: Vec<i32>,
}

impl Seen {
    /// Finds the words of a picture, and their tokens in the index of that key.
    pub(super) fn new(image: &Bytes, received: &ReceivedImage<'_>, index: &IndexKey) -> Self {
        let sought = received.index_query();
        Self {
            sha256: ContentHash::from_digest(Sha256::digest(image).into()),
            tokens: index.tokens(&sought.words()),
            sought,
        }
    }
}

/// A received picture without its pixels, kept while the database is asked. Any number of requests
/// may wait, so its memory counts as that of a body.
pub(super) struct KeptPicture {
    pub(super) picture: ReceivedImage<'static>,
    _memory: BodyMemory,
}

impl KeptPicture {
    /// Keeps a picture; `None` if there is no room.
    pub(super) fn within_budget(
        ctx: &Context,
        party: &TenantId,
        picture: ReceivedImage<'static>,
    ) -> Option<Self> {
        let mut memory = ctx.bodies.receive(party);
        memory.take(picture.bytes()).ok()?;
        Some(Self {
            picture,
            _memory: memory,
        })
    }
}

/// A candidate whose record is open.
pub(super) struct LikelyPhoto {
    pub(super) photo: PhotoId,
    key: WatermarkKey,
    record: Record,
    exact_match: bool,
    pub(super) manifest: Option<ManifestSummary>,
    /// Distance of the fingerprints in bits, 0 to 256; [`u32::MAX`] for a record without one.
    distance: u32,
    weight: f64,
}

impl LikelyPhoto {
    /// Opens the record of a photo whose votes weigh so much.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] for a record that is damaged.
    pub(super) fn open(
        seen: &Seen,
        secret: &TenantSecret,
        photo: PhotoId,
        sealed: SealedRecord,
        weight: f64,
    ) -> Result<Self, Error> {
        let record = engine::open_record(secret, photo, &sealed)?;
        Ok(Self {
            photo,
            key: engine::watermark_key(secret, photo),
            exact_match: sealed.protected_sha256 == seen.sha256.as_bytes(),
            manifest: sealed.manifest,
            distance: seen.sought.distance(&record).unwrap_or(u32::MAX),
            weight,
            record,
        })
    }

    /// Whether the picture looks like the photo as a whole.
    pub(super) fn looks_the_same(&self) -> bool {
        self.exact_match || self.distance <= SAME_LOOK
    }

    /// Orders the likelier one first: the same bytes, then the same look, then the weight of shared
    /// words.
    fn order(&self, other: &Self) -> Ordering {
        let look = |distance: u32| distance.min(SAME_LOOK + 1);
        (other.exact_match.cmp(&self.exact_match))
            .then(look(self.distance).cmp(&look(other.distance)))
            .then(other.weight.total_cmp(&self.weight))
    }
}

/// Keeps the likeliest photos, best first.
pub(super) fn likeliest(mut found: Vec<LikelyPhoto>) -> Vec<LikelyPhoto> {
    found.sort_by(LikelyPhoto::order);
    found.truncate(MOST_READ);
    found
}

/// Reads the marks of the likeliest photos: those whose mark is in the picture, best first, with
/// evidence that is corrected for the number of candidates.
///
/// # Errors
///
/// [`Error::Abandoned`] when nobody waits any more.
pub(super) fn read_marks<'l>(
    job: &Job,
    received: &ReceivedImage<'_>,
    likely: &'l [LikelyPhoto],
) -> Result<Vec<(&'l LikelyPhoto, Verification)>, Error> {
    let mut marked = Vec::new();
    for candidate in likely {
        if job.abandoned() {
            return Err(Error::Abandoned);
        }
        let detection = received.detect(&candidate.record, &candidate.key);
        let z = detection.z;
        let asked = Asked {
            candidates: likely.len(),
            exact_match: candidate.exact_match,
            policy: Policy::Standard,
        };
        let found = Verification::weigh(received, &candidate.record, detection, asked);
        if found.evidence.watermark == WatermarkStatus::Detected {
            marked.push((z, candidate, found));
        }
    }
    // By the measured values: published ones come in steps.
    marked.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
    let marked = marked.into_iter().map(|(_, one, found)| (one, found));
    Ok(marked.collect())
}
