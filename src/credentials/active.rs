//! The active manifest of a store, without the manifests of ingredients.
//!
//! A store is a JUMBF superbox (ISO 19566-5): a description box, and a superbox for each manifest,
//! of which the last one is active (C2PA 2.4, 11.1.4).

/// Length of a box's head: 32 bits of length, and its type.
const HEAD: usize = 8;

/// A description box up to its label: type of the content, and toggles (ISO 19566-5, 5.3).
const BEFORE_LABEL: usize = 17;
/// The toggle that says that there is a label.
const HAS_LABEL: u8 = 0b10;

/// The store of the active manifest alone; `None` for bytes that are no store.
pub fn active_manifest(store: &[u8]) -> Option<Vec<u8>> {
    let (description, active) = parts(store)?;
    let length = u32::try_from(HEAD + description.len() + active.len()).ok()?;
    Some([&length.to_be_bytes()[..], b"jumb", description, active].concat())
}

/// The URN of the active manifest, which is the label of its box; `None` for bytes that are no
/// store, or whose active manifest has none.
///
/// What else is in the manifest is not looked at, so that this is cheap whatever came.
pub fn active_urn(store: &[u8]) -> Option<&str> {
    let (_, active) = parts(store)?;
    let (description, _) = split(content(active, *b"jumb")?)?;
    let (fixed, labelled) = content(description, *b"jumd")?.split_at_checked(BEFORE_LABEL)?;
    let end = labelled.iter().position(|byte| *byte == 0)?;
    let label = std::str::from_utf8(&labelled[..end]).ok()?;
    let has_label = fixed.last().is_some_and(|toggles| toggles & HAS_LABEL != 0);
    (has_label && label.starts_with("urn:")).then_some(label)
}

/// The description of a store, and its active manifest.
fn parts(store: &[u8]) -> Option<(&[u8], &[u8])> {
    let content = content(store, *b"jumb")?;
    let (description, mut rest) = split(content)?;
    self::content(description, *b"jumd")?;
    let mut active = None;
    while !rest.is_empty() {
        let (next, behind) = split(rest)?;
        active = Some(next);
        rest = behind;
    }
    Some((description, active?))
}

/// The first box, and what follows it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u32::from_be_bytes(*bytes.first_chunk()?);
    let length = usize::try_from(length).ok()?;
    if length < HEAD {
        return None;
    }
    bytes.split_at_checked(length)
}

/// What is in a box of that type, which is all there is.
fn content(bytes: &[u8], kind: [u8; 4]) -> Option<&[u8]> {
    let (whole, behind) = split(bytes)?;
    (behind.is_empty() && whole[4..HEAD] == kind).then_some(&whole[HEAD..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_box(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEAD + content.len()).unwrap();
        [&length.to_be_bytes()[..], &kind, content].concat()
    }

    fn described(toggles: u8, label: &[u8]) -> Vec<u8> {
        let description = [&[7; 16][..], &[toggles], label].concat();
        in_box(*b"jumb", &in_box(*b"jumd", &description))
    }

    #[test]
    fn the_active_manifest_is_called_by_its_label() {
        let store_of = |manifest: &[u8]| {
            let first = described(3, b"urn:c2pa:first\0");
            let inside = [&in_box(*b"jumd", b"c2pa")[..], &first, manifest].concat();
            in_box(*b"jumb", &inside)
        };
        let store = store_of(&described(3, b"urn:c2pa:second\0"));
        assert_eq!(active_urn(&store), Some("urn:c2pa:second"));
        for end in 0..store.len() {
            assert_eq!(active_urn(&store[..end]), None, "cut at {end}");
        }
        for without in [
            described(1, b"urn:c2pa:x\0"),
            described(3, b"urn:c2pa:x"),
            described(3, b"c2pa.claim\0"),
            described(3, b"urn:\xff\0"),
            described(3, b""),
            in_box(*b"jumb", b""),
            in_box(*b"jumb", &in_box(*b"jumd", &[3; 16])),
        ] {
            assert_eq!(active_urn(&store_of(&without)), None, "{without:?}");
        }
        assert_eq!(active_urn(b"softbinding-conformance-fixture:1"), None);
    }

    #[test]
    fn the_last_manifest_is_kept_with_the_description() {
        let description = in_box(*b"jumd", b"c2pa");
        let manifests = [b"first".as_slice(), b"second"].map(|one| in_box(*b"jumb", one));
        let store = in_box(
            *b"jumb",
            &[&description[..], &manifests[0], &manifests[1]].concat(),
        );
        let alone = in_box(*b"jumb", &[&description[..], &manifests[1]].concat());
        assert_eq!(active_manifest(&store).unwrap(), alone);
        assert_eq!(active_manifest(&alone).unwrap(), alone);
        for end in 0..store.len() {
            assert_eq!(active_manifest(&store[..end]), None, "cut at {end}");
        }
        assert_eq!(active_manifest(&in_box(*b"jumb", &description)), None);
        assert_eq!(active_manifest(&in_box(*b"jumb", &[])), None);
    }
}
