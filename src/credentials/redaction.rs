//! What of an upload's own manifests may not go on: pictures, and what the client wants stripped.
//!
//! A manifest store is a tree of JUMBF boxes (ISO/IEC 19566-5): `c2pa`, in it the manifests, in
//! each an assertion store, in that the assertions. Only the labels and types of boxes are read
//! here; whether a manifest is sound is the judge's business.

use crate::imaging::MetadataPolicy;

/// UUID of a superbox that holds an embedded file, such as a thumbnail (ISO/IEC 19566-5, B.6).
const EMBEDDED_FILE: &[u8] = b"\x40\xCB\x0C\x32\xBB\x8A\x48\x9D\xA7\x0B\x2A\xD6\xF4\x7F\x43\x69";
/// Label of the box with a manifest's assertions (C2PA 2.4, 11.1.4).
const ASSERTION_STORE: &str = "c2pa.assertions";
/// Assertions that hold a manifest together: the specification forbids to redact the first two
/// (C2PA 2.4, 6.8), and without the others the chain of sources cannot be followed.
const STRUCTURE: [&str; 6] = [
    "c2pa.actions",
    "c2pa.hash.",
    "c2pa.ingredient",
    "c2pa.soft-binding",
    "c2pa.time-stamp",
    "c2pa.certificate-status",
];
/// What the members of a place are called, in lower case.
const PLACE_WORDS: [&str; 6] = ["gps", "latitude", "longitude", "location", "geo", "place"];
/// The first bytes of pictures: JPEG, PNG, GIF, TIFF, and those of the box format.
const PICTURES: [&[u8]; 9] = [
    b"\xFF\xD8\xFF\xE0",
    b"\xFF\xD8\xFF\xE1",
    b"\xFF\xD8\xFF\xDB",
    b"\x89PNG\r\n\x1A\n",
    b"GIF89a",
    b"WEBPVP8",
    b"ftypavif",
    b"ftypheic",
    b"ftypmif1",
];
/// One JUMBF superbox.
struct SuperBox<'a> {
    uuid: &'a [u8],
    label: &'a str,
    /// The boxes after the description.
    content: &'a [u8],
}

/// Splits the first box off; `None` at the end, and where the bytes are no box.
fn next_box<'a>(bytes: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (kind, mut payload) = rest.split_at_checked(4)?;
    let length = match u32::from_be_bytes(*length) {
        0 => bytes.len(),
        1 => {
            let (long, rest) = payload.split_first_chunk::<8>()?;
            payload = rest;
            usize::try_from(u64::from_be_bytes(*long)).ok()?
        }
        short => usize::try_from(short).ok()?,
    };
    let head = bytes.len() - payload.len();
    let payload = payload.get(..length.checked_sub(head)?)?;
    *bytes = &bytes[length..];
    Some((kind, payload))
}

/// The superboxes among the boxes in `bytes`.
fn superboxes(mut bytes: &[u8]) -> impl Iterator<Item = SuperBox<'_>> {
    std::iter::from_fn(move || next_box(&mut bytes)).filter_map(|(kind, payload)| {
        let mut content = payload;
        let (first, description) = (kind == b"jumb").then(|| next_box(&mut content))??;
        let (uuid, rest) = (first == b"jumd").then(|| description.split_at_checked(16))??;
        let label = rest.get(1..)?.split(|byte| *byte == 0).next()?;
        Some(SuperBox {
            uuid,
            label: std::str::from_utf8(label).ok()?,
            content,
        })
    })
}

/// The JUMBF URIs of the assertions in `store` that are to be redacted: all pictures, and under a
/// policy that strips metadata what the policy would strip from the file.
pub(super) fn redactions(store: &[u8], metadata: MetadataPolicy) -> Vec<String> {
    let mut found = Vec::new();
    for manifest in superboxes(store).flat_map(|store| superboxes(store.content)) {
        let stores = superboxes(manifest.content).filter(|part| part.label == ASSERTION_STORE);
        for assertion in stores.flat_map(|store| superboxes(store.content)) {
            if goes(&assertion, metadata) {
                found.push(format!(
                    "self#jumbf=/c2pa/{}/{ASSERTION_STORE}/{}",
                    manifest.label, assertion.label
                ));
            }
        }
    }
    found
}

fn goes(assertion: &SuperBox<'_>, metadata: MetadataPolicy) -> bool {
    if assertion.uuid == EMBEDDED_FILE || assertion.label.starts_with("c2pa.thumbnail") {
        return true;
    }
    if STRUCTURE
        .iter()
        .any(|name| assertion.label.starts_with(name))
    {
        return false;
    }
    match metadata {
        MetadataPolicy::Keep => false,
        MetadataPolicy::StripAll => true,
        MetadataPolicy::StripGps => {
            let words = assertion.content.to_ascii_lowercase();
            (PLACE_WORDS.iter()).any(|word| contains(&words, word.as_bytes()))
        }
    }
}

/// Whether a picture begins somewhere in `store`.
pub(super) fn holds_picture(store: &[u8]) -> bool {
    PICTURES.iter().any(|start| contains(store, start))
}

fn contains(bytes: &[u8], sought: &[u8]) -> bool {
    bytes.windows(sought.len()).any(|window| window == sought)
}
