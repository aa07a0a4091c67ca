//! Counts how often a tenant has protected the same picture.
//!
//! Three copies of one picture, each marked under another id, can be combined into one without a
//! mark. So each is counted, and a tenant's policy may refuse one too many. Two originals are the
//! same picture when their bytes are the same, or their fingerprints differ in at most
//! [`SAME_PICTURE`] of 256 bits: a file that was saved again, scaled or filtered stays within that,
//! another shot of the same scene does not. Records of strict privacy have no fingerprint; there
//! only the bytes count.
//!
//! Photos with one fingerprint have one look token, so the record of one of them tells of all: a
//! picture that was protected a hundred times is counted without opening any.

use sha2::{Digest, Sha256};

use super::{Error, engine};
use crate::{
    auth::TenantSecret,
    db::{
        TenantTransaction, photos,
        protections::{LookToken, Saved},
    },
    domain::PhotoId,
    watermark::Record,
};

/// Most bits in which two fingerprints of the same picture differ.
const SAME_PICTURE: u32 = 12;
/// Of the 16 visual words of the look, at least so many are the same in spite of that many bits.
pub(super) const LEAST_WORDS: i64 = 16 - SAME_PICTURE as i64;

/// The hash of a look's tokens: 16 keyed words, which are the fingerprint's bits. `None` for a
/// record without a fingerprint.
pub(super) fn look_token(record: &Record, look: &[i32]) -> Option<LookToken> {
    record.fingerprint()?;
    let mut hash = Sha256::new();
    for token in look {
        hash.update(token.to_le_bytes());
    }
    hash.finalize().first_chunk().copied()
}

/// Counts the protected photos of the same picture, including the one that was saved.
pub(super) async fn count(
    tx: &mut TenantTransaction,
    secret: &TenantSecret,
    record: &Record,
    saved: &Saved,
) -> Result<u32, Error> {
    let mut before = saved.copies;
    if let Some(fingerprint) = record.fingerprint()
        && !saved.near.is_empty()
    {
        let ids: Vec<PhotoId> = saved.near.iter().map(|near| near.photo).collect();
        for (photo, sealed) in photos::find_records(tx, &ids).await? {
            let other = engine::open_record(secret, photo, &sealed)?;
            let distance = other.fingerprint().map(|other| other.distance(fingerprint));
            if distance.is_some_and(|distance| distance <= SAME_PICTURE) {
                let near = saved.near.iter().find(|near| near.photo == photo);
                before += near.map_or(0, |near| near.photos);
            }
        }
    }
    let before = u32::try_from(before).map_err(Error::internal)?;
    Ok(before.saturating_add(1))
}
