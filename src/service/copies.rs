//! Counts how often a tenant has protected the same picture.
//!
//! Three copies of one picture, each marked under another id, can be combined into one without a
//! mark. So each is counted, and a tenant's policy may refuse one too many. Two originals are the
//! same picture when their bytes are the same, or their fingerprints differ in at most
//! [`SAME_PICTURE`] of 256 bits: a file that was saved again, scaled or filtered stays within that,
//! another shot of the same scene does not. Records of strict privacy have no fingerprint; there
//! only the bytes count.

use super::{Error, engine};
use crate::{
    auth::TenantSecret,
    db::{TenantTransaction, photos, words},
    domain::{ContentHash, PhotoId, TenantPolicy},
    watermark::{Record, VisualWords},
};

/// Most bits in which two fingerprints of the same picture differ.
const SAME_PICTURE: u32 = 12;
/// Of the 16 visual words of the look, at least so many are the same in spite of that many bits.
const LEAST_WORDS: i64 = 16 - SAME_PICTURE as i64;
/// Most photos whose fingerprints are compared. If there are more copies, some with other bytes may
/// not be counted.
const MOST: i64 = 100;

/// An original that is about to be saved.
pub(super) struct SourcePhoto<'a> {
    /// SHA-256 of its file.
    pub content: ContentHash,
    /// The engine's record of it.
    pub record: &'a Record,
    /// The visual words that it is found by.
    pub words: &'a VisualWords,
}

/// Counts the protected photos of the same picture, including the new one; refuses one too many.
///
/// Under a limit, no other photo of the tenant is saved until the transaction ends.
pub(super) async fn count(
    tx: &mut TenantTransaction,
    secret: &TenantSecret,
    policy: &TenantPolicy,
    original: &SourcePhoto<'_>,
) -> Result<u32, Error> {
    if policy.max_copies.is_some() {
        photos::lock_protection(tx).await?;
    }
    let alike = of_same_look(tx, secret, original).await?;
    let before = photos::count_copies(tx, original.content, &alike).await?;
    let before = u32::try_from(before).map_err(Error::internal)?;
    match policy.max_copies {
        Some(max) if before >= max.get() => Err(Error::TooManyCopies(max.get())),
        _ => Ok(before.saturating_add(1)),
    }
}

/// Finds the protected photos that look the same: all of them, or 100 if there are more.
async fn of_same_look(
    tx: &mut TenantTransaction,
    secret: &TenantSecret,
    original: &SourcePhoto<'_>,
) -> Result<Vec<PhotoId>, Error> {
    let Some(fingerprint) = original.record.fingerprint() else {
        return Ok(Vec::new());
    };
    let tokens = engine::index_key(secret).tokens(&original.words.look);
    let votes = words::vote(tx.rows(), &tokens, LEAST_WORDS, MOST).await?;
    let ids: Vec<PhotoId> = votes.iter().map(|vote| vote.photo).collect();
    let mut same = Vec::new();
    for (photo, sealed) in photos::find_records(tx, &ids).await? {
        let record = engine::open_record(secret, photo, &sealed)?;
        let distance = record
            .fingerprint()
            .map(|other| other.distance(fingerprint));
        if distance.is_some_and(|distance| distance <= SAME_PICTURE) {
            same.push(photo);
        }
    }
    Ok(same)
}
