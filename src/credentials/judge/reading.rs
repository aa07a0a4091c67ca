//! From what the crate read to a judgement.

use c2pa::{Error, Manifest, Reader};
use serde_json::Value;

use super::{
    ingredients,
    judgement::{Judgement, code},
    signer, text,
    verdict::Findings,
};
use crate::credentials::PHOTO_ASSERTION;
use crate::domain::verdict::C2paStatus;

/// Most characters of a manifest's name: a URN with a UUID and a version has 60.
const ID_CHARS: usize = 200;
/// Most characters of a photo's name.
const PHOTO_CHARS: usize = 64;

/// Judges a manifest store that could be read.
pub(super) fn judgement(reader: &Reader) -> Judgement {
    let (Some(results), Some(manifest)) = (reader.validation_results(), reader.active_manifest())
    else {
        return Judgement::invalid(code::MANIFEST_UNREADABLE);
    };
    let findings = Findings::of(results);
    let status = findings.status();
    let signature = manifest
        .signature_info()
        .filter(|_| findings.has_good_signature());
    Judgement {
        status,
        trust: (status == C2paStatus::Valid).then(|| findings.trust()),
        signer: signature.and_then(signer::signer),
        signed_at: signature.and_then(signer::signed_at),
        time_stamped: findings.is_time_stamped(),
        manifest_id: (reader.active_label())
            .map(|label| text::clean(label, ID_CHARS))
            .filter(|label| !label.is_empty()),
        photo: photo(manifest),
        codes: findings.codes(),
        ingredients: ingredients::of(manifest, results),
        ..Judgement::missing(&[])
    }
}

/// Judges a file that the crate found no manifest in, or none that it could read.
pub(super) fn failure(error: &Error, has_carrier: bool) -> Judgement {
    match error {
        Error::JumbfNotFound if !has_carrier => Judgement::missing(&[]),
        Error::RemoteManifestUrl(_) if !has_carrier => Judgement::missing(&[code::INACCESSIBLE]),
        Error::JumbfNotFound | Error::RemoteManifestUrl(_) => {
            Judgement::invalid(code::CARRIER_DAMAGED)
        }
        Error::OperationCancelled => Judgement::invalid(code::TIMEOUT),
        _ if has_carrier => Judgement::invalid(code::MANIFEST_UNREADABLE),
        _ => Judgement::invalid(code::CONTAINER_UNREADABLE),
    }
}

/// Returns the photo that a manifest names. One that has several assertions for it names none.
fn photo(manifest: &Manifest) -> Option<String> {
    let mut ours =
        (manifest.assertions().iter()).filter(|assertion| assertion.label() == PHOTO_ASSERTION);
    let (Some(assertion), None) = (ours.next(), ours.next()) else {
        return None;
    };
    let photo = assertion
        .value()
        .ok()?
        .get("photoId")
        .and_then(Value::as_str)?;
    let is_plain = !photo.is_empty()
        && photo.len() <= PHOTO_CHARS
        && photo.bytes().all(|b| b.is_ascii_graphic());
    is_plain.then(|| photo.to_owned())
}
