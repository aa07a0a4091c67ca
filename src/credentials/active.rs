//! The active manifest of a store, without the manifests of ingredients.
//!
//! A store is a JUMBF superbox (ISO 19566-5): a description box, and a superbox for each manifest,
//! of which the last one is active (C2PA 2.4, 11.1.4).

/// Length of a box's head: 32 bits of length, and its type.
const HEAD: usize = 8;

/// The store of the active manifest alone; `None` for bytes that are no store.
pub fn active_manifest(store: &[u8]) -> Option<Vec<u8>> {
    let content = content(store, *b"jumb")?;
    let (description, mut rest) = split(content)?;
    self::content(description, *b"jumd")?;
    let mut active = None;
    while !rest.is_empty() {
        let (next, behind) = split(rest)?;
        active = Some(next);
        rest = behind;
    }
    let active = active?;
    let length = u32::try_from(HEAD + description.len() + active.len()).ok()?;
    Some([&length.to_be_bytes()[..], b"jumb", description, active].concat())
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
