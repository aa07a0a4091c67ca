//! Pictures inside metadata: thumbnails, previews, whole originals.
//!
//! They are found by their first bytes wherever they are, raw or in base64, because their carriers
//! are unbounded: EXIF, maker notes, Photoshop resources, XMP, application segments, comments.

use std::ops::Range;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// Largest side of a thumbnail, in pixels: those of cameras and of Photoshop have 160 to 256.
const MAX_THUMBNAIL_SIDE: u32 = 320;
/// Length, in bytes, from which a picture is too long for a thumbnail: one of EXIF shares a segment
/// of 64 KiB with everything else.
const LONG_THUMBNAIL_BYTES: usize = 64 * 1024;
/// Most segments of a header that are walked.
const MOST_SEGMENTS: usize = 100;
/// First bytes of PNG and of GIF.
const OTHER_STARTS: [&[u8]; 3] = [b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a"];
/// Base64 of the first bytes of JPEG, PNG, WebP and GIF.
const BASE64_STARTS: [&[u8]; 4] = [b"/9j", b"iVBORw0KGgo", b"UklGR", b"R0lGOD"];
/// Fewest base64 characters of a picture.
const LEAST_BASE64: usize = 120;

/// Width and height in pixels.
pub(super) type Size = (u32, u32);

/// Returns the position where the first picture begins.
pub(super) fn find(bytes: &[u8]) -> Option<usize> {
    (0..bytes.len()).find(|&at| starts(&bytes[at..]))
}

/// Returns whether a picture begins here.
fn starts(bytes: &[u8]) -> bool {
    match bytes {
        // Start of image, and a marker that may follow it (T.81, table B.1).
        [0xff, 0xd8, 0xff, marker, ..] => {
            matches!(marker, 0xc0..=0xc4 | 0xdb | 0xdd | 0xe0..=0xef | 0xfe)
        }
        [b'R', b'I', b'F', b'F', _, _, _, _, rest @ ..] => rest.starts_with(b"WEBP"),
        [0x89 | b'G', ..] => OTHER_STARTS.iter().any(|start| bytes.starts_with(start)),
        _ => false,
    }
}

/// Returns the positions of pictures that could stand for a photo of that size, in order.
///
/// A picture whose size cannot be read counts if it is too long for a thumbnail.
pub(super) fn find_copies(bytes: &[u8], photo: Size) -> Vec<Range<usize>> {
    let mut copies = Vec::new();
    let mut from = 0;
    while let Some(at) = find(&bytes[from..]) {
        let picture = &bytes[from + at..];
        let is_copy = match size(picture) {
            Some(size) => is_copy(size, photo),
            None => picture.len() > LONG_THUMBNAIL_BYTES,
        };
        let length = if is_copy { length(picture) } else { 4 };
        if is_copy {
            copies.push(from + at..from + at + length);
        }
        from += at + length;
    }
    copies
}

/// Returns whether a picture of this size could stand for a photo of that size: it is larger than a
/// thumbnail, or more than half as wide.
pub(super) fn is_copy((width, height): Size, photo: Size) -> bool {
    let (side, of) = (width.max(height), photo.0.max(photo.1));
    side > MAX_THUMBNAIL_SIDE || 2 * side > of
}

/// Returns the length of the picture that begins here: for a JPEG up to its end marker, for others
/// all the bytes there are.
pub(super) fn length(picture: &[u8]) -> usize {
    let end = || {
        let scan = walk_jpeg(picture).find(|(marker, _)| *marker == 0xda)?.1;
        let end = picture[scan..]
            .windows(2)
            .position(|pair| pair == [0xff, 0xd9])?;
        Some(scan + end + 2)
    };
    end().unwrap_or(picture.len())
}

/// Returns the size in the header of the picture that begins here.
pub(super) fn size(picture: &[u8]) -> Option<Size> {
    if picture.starts_with(b"\xff\xd8") {
        return jpeg_size(picture);
    }
    let big = |at: usize| Some(u32::from_be_bytes(*picture.get(at..)?.first_chunk()?));
    let short = |at: usize| {
        let bytes = *picture.get(at..)?.first_chunk()?;
        Some(u32::from(u16::from_le_bytes(bytes)))
    };
    match picture.first()? {
        0x89 => Some((big(16)?, big(20)?)),
        b'G' => Some((short(6)?, short(8)?)),
        _ => None,
    }
}

/// Reads the frame header of a JPEG (T.81, B.2.2).
fn jpeg_size(picture: &[u8]) -> Option<Size> {
    let is_frame = |marker| matches!(marker, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf);
    let frame = walk_jpeg(picture).find(|(marker, _)| is_frame(*marker))?.1;
    let &[_, _, _, h0, h1, w0, w1] = picture.get(frame..)?.first_chunk()?;
    let side = |a, b| u32::from(u16::from_be_bytes([a, b]));
    Some((side(w0, w1), side(h0, h1)))
}

/// Returns the markers of a JPEG up to its first scan, and the position of each segment's length.
fn walk_jpeg(picture: &[u8]) -> impl Iterator<Item = (u8, usize)> {
    let mut at = 2;
    std::iter::from_fn(move || {
        let &[0xff, marker, high, low] = picture.get(at..)?.first_chunk()? else {
            return None;
        };
        let segment = at + 2;
        at = segment + usize::from(u16::from_be_bytes([high, low]));
        Some((marker, segment))
    })
    .take(MOST_SEGMENTS)
}

/// Decodes the first picture that a text holds in base64, by itself, in a data URI or among other
/// words.
pub(super) fn in_base64(mut text: &[u8]) -> Option<Vec<u8>> {
    loop {
        let begins = |at: &usize| {
            BASE64_STARTS
                .iter()
                .any(|start| text[*at..].starts_with(start))
        };
        let start = (0..text.len()).find(begins)?;
        let (characters, behind) = base64_run(&text[start..]);
        if characters.len() >= LEAST_BASE64
            && let Some(picture) = decode(characters)
        {
            return Some(picture);
        }
        text = behind;
    }
}

/// Takes the base64 characters that a text begins with, at least one, across line ends as they are
/// or as XML and JSON write them; also returns what follows.
fn base64_run(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut characters = vec![text[0]];
    let mut rest = &text[1..];
    loop {
        match rest {
            [c, behind @ ..] if c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/') => {
                characters.push(*c);
                rest = behind;
            }
            // An escaped slash is read as a slash in the next iteration.
            [b'\\', b'/', ..] => rest = &rest[1..],
            [b' ' | b'\t' | b'\r' | b'\n', behind @ ..] | [b'\\', b'n' | b'r', behind @ ..] => {
                rest = behind;
            }
            [b'&', b'#', behind @ ..] => match behind.iter().position(|&c| c == b';') {
                Some(end) if end <= 4 => rest = &behind[end + 1..],
                _ => return (characters, rest),
            },
            _ => return (characters, rest),
        }
    }
}

fn decode(mut characters: Vec<u8>) -> Option<Vec<u8>> {
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    if characters.len() % 4 == 1 {
        characters.pop();
    }
    let picture = GeneralPurpose::new(&alphabet::STANDARD, lenient)
        .decode(&characters)
        .ok()?;
    starts(&picture).then_some(picture)
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;

    use super::{super::super::tests::samples, *};

    #[test]
    fn pictures_are_found_and_measured() {
        let jpeg = samples::jpeg(640, 480, (2, 2), false);
        let block = [b"MM\0*some metadata".as_slice(), &jpeg, b"more"].concat();
        let found = find_copies(&block, (640, 480));
        assert_eq!(found.len(), 1);
        assert_eq!(&block[found[0].clone()], &jpeg[..]);
        assert_eq!(size(&jpeg), Some((640, 480)));
        let thumbnail = samples::jpeg(160, 120, (2, 2), false);
        assert_eq!(find(&thumbnail), Some(0));
        assert!(find_copies(&thumbnail, (640, 480)).is_empty());
        assert_eq!(find(b"\xff\xd8\xff\x00 \xff\xd8"), None);
    }

    #[test]
    fn a_copy_is_larger_than_a_thumbnail_or_than_half_of_the_photo() {
        assert!(!is_copy((160, 120), (4000, 3000)));
        assert!(!is_copy((160, 120), (320, 240)));
        assert!(is_copy((161, 120), (320, 240)));
        assert!(is_copy((640, 480), (4000, 3000)));
    }

    #[test]
    fn base64_is_read_as_writers_break_it() {
        let jpeg = samples::jpeg(64, 48, (1, 1), false);
        let text = BASE64_STANDARD.encode(&jpeg);
        let lines = |by: &str| {
            let lines: Vec<&str> = (0..text.len())
                .step_by(76)
                .map(|at| &text[at..text.len().min(at + 76)])
                .collect();
            lines.join(by)
        };
        for written in [
            text.clone(),
            format!("data:image/jpeg;base64,{text}"),
            lines("\r\n"),
            lines("&#xA;"),
            format!("{{\"thumb\":\"{}\"}}", text.replace('/', "\\/")),
        ] {
            let found = in_base64(written.as_bytes());
            assert!(found.as_ref() == Some(&jpeg), "{}", &written[..40]);
        }
        assert_eq!(in_base64(b"/9j/ is how JPEG begins"), None);
    }
}
