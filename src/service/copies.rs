//! How often a tenant has protected the same picture.
//!
//! Marks of one picture under many ids can be averaged away by who holds all the copies, so a tenant may want to know, or to
//! stop. Two originals count as the same picture when their fingerprints differ in at most [`SAME_PICTURE`] of 256 bits: a file
//! that was saved again, scaled or filtered does, another shot of the same scene does not.

use super::{Context, Error, identify::open};
use crate::{
    db::{TenantTransaction, photos, words},
    domain::PhotoId,
    watermark::{Fingerprint, IndexKey, Words},
};

/// Most bits in which fingerprints of the same picture differ.
const SAME_PICTURE: u32 = 12;
/// Words of 16 of the look that are left untouched by that many bits, at least.
const LEAST_WORDS: i64 = 16 - SAME_PICTURE as i64;
/// Most photos that are counted.
const MOST: i64 = 100;

/// The protected photos of the transaction's tenant that show the same picture: all of them, or 100 of more.
pub async fn of_same_picture(
    ctx: &Context,
    tx: &mut TenantTransaction,
    words: &Words,
    fingerprint: &Fingerprint,
) -> Result<Vec<PhotoId>, Error> {
    let secret = ctx.tenant_secret(tx).await?;
    let tokens = IndexKey::derive(secret.as_bytes()).tokens(&words.look);
    let votes = words::vote(tx, &tokens, LEAST_WORDS, MOST).await?;
    let ids: Vec<PhotoId> = votes.iter().map(|vote| vote.photo).collect();
    let mut same = Vec::new();
    for (photo, sealed) in photos::find_records(tx, &ids).await? {
        let record = open(&secret, photo, &sealed)?;
        let distance = record
            .fingerprint()
            .map(|other| other.distance(fingerprint));
        if distance.is_some_and(|distance| distance <= SAME_PICTURE) {
            same.push(photo);
        }
    }
    Ok(same)
}
