//! Recognises a format by its first bytes alone.
//!
//! Names and declared types are never looked at. Other formats are named in `foreign`, so that the
//! sender learns what is wrong.

use super::{
    error::ImagingError,
    foreign, foreign_text,
    format::{Format, PNG_SIGNATURE},
};

const LINE_ENDS: &str = "its line ends were changed by a transfer in text mode; send the file as it was at first, as bytes (binary)";
/// Line feeds up to which the absence of bare ones may be chance: one line feed in 256 has a
/// carriage return before it.
const FEW_LINE_FEEDS: usize = 2;

/// Returns the format of a file.
pub(super) fn format(bytes: &[u8]) -> Result<Format, ImagingError> {
    if bytes.starts_with(b"\xff\xd8\xff") {
        return unless_sent_as_text(bytes, Format::Jpeg);
    }
    if bytes.starts_with(PNG_SIGNATURE) {
        return Ok(Format::Png);
    }
    // The signature has both kinds of line ends so that it shows a transfer that changed them (PNG,
    // 12.12).
    if bytes.starts_with(b"\x89PNG") {
        return Err(ImagingError::invalid(LINE_ENDS));
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        if foreign_text::is_reencoded_webp(bytes) {
            let (what, cure) = foreign_text::REENCODED;
            return Err(ImagingError::Foreign { what, cure });
        }
        return unless_sent_as_text(bytes, Format::WebP);
    }
    let (what, cure) = foreign::name(bytes);
    Err(ImagingError::Foreign { what, cure })
}

/// Refuses a file in which a carriage return was put before every line feed. JPEG and WebP have no
/// protection against it, and some decoders accept such a file and show shreds.
fn unless_sent_as_text(bytes: &[u8], format: Format) -> Result<Format, ImagingError> {
    let mut line_feeds = 0;
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        if bytes[at - 1] != b'\r' {
            return Ok(format);
        }
        line_feeds += 1;
    }
    if line_feeds > FEW_LINE_FEEDS {
        return Err(ImagingError::invalid(LINE_ENDS));
    }
    Ok(format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides() {
        assert_eq!(format(b"\xff\xd8\xff\xe0"), Ok(Format::Jpeg));
        assert_eq!(format(b"\x89PNG\r\n\x1a\n...."), Ok(Format::Png));
        assert_eq!(format(b"RIFF\0\0\0\0WEBPVP8 "), Ok(Format::WebP));
    }

    /// Asserts what the bytes are said to be; tests/it/messages.rs holds whole sentences.
    #[track_caller]
    fn is_named(bytes: &[u8], expected: &str) {
        match format(bytes) {
            Err(ImagingError::Foreign { what, .. }) => {
                assert!(what.contains(expected), "{what}: not {expected}");
            }
            other => panic!("{other:?}: not {expected}"),
        }
    }

    #[test]
    fn what_is_refused_is_named() {
        let cases: [(&[u8], &str); 13] = [
            (b"", "empty"),
            (b"\0\0\0", "zero bytes"),
            (b"\0", "zero bytes"),
            (b"\n\xff\xd8\xff", "JPEG with other bytes"),
            (b"RIFF\0\0\0\0WAVE", "sound"),
            (b"RIFF", "plain text"),
            (b"BM is a bank.....", "plain text"),
            (b"BM6\0\x0c\0\0\0\0\0", "BMP"),
            (b"\x90\x91\x92", "not known"),
            (b"\xff\xfe", "UTF-16"),
            (b"<", "XML"),
            (b"<!-- no end", "XML"),
            (b"\0\0\0\x0cftyp", "film"),
        ];
        for (bytes, what) in cases {
            is_named(bytes, what);
        }
    }

    #[test]
    fn brands_are_read_in_order_of_what_they_say() {
        for (brands, what) in [
            ("avifmif1miaf", "AVIF"),
            ("mif1\0\0\0\0mif1avif", "AVIF"),
            ("mif1\0\0\0\0mif1heic", "HEIC"),
            ("mif1\0\0\0\0", "HEIF"),
            ("isom\0\0\0\0mif1heic", "film"),
            ("qt  ", "QuickTime"),
            ("crx \0\0\0\x01", "CR3"),
        ] {
            let length = u32::try_from(brands.len() + 8).unwrap();
            let mut file = length.to_be_bytes().to_vec();
            file.extend(b"ftyp");
            file.extend(brands.as_bytes());
            is_named(&file, what);
        }
    }

    #[test]
    fn text_in_place_of_bytes_is_told_from_text() {
        let letters: String = "A9b+/".chars().cycle().take(70).collect();
        for (text, what) in [
            (letters.as_str(), "base64"),
            (
                "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ",
                "plain text",
            ),
            ("a picture, 100 words long", "plain text"),
            ("Ø is a letter", "plain text"),
            ("ÿØÿà\0\u{10}JFIF", "UTF-8"),
            ("‰PNG\r\n", "UTF-8"),
            ("\u{a0}╪\u{a0}α", "UTF-8"),
            ("\u{feff}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\0", "UTF-8"),
            ("<?xml version='1.0'?><!-- a --><!DOCTYPE x><s:svg/>", "SVG"),
            ("<!DOCTYPE a [ <!ENTITY b 'c'> ]><svg>", "SVG"),
            ("<!DOCTYPE a [ <!ENTITY b 'c'>", "XML"),
            ("<!DOCTYPE a", "XML"),
            ("<!DOCTYPE HTML PUBLIC '-//W3C//DTD HTML 4.01//EN'>", "HTML"),
            ("<feed>", "XML"),
        ] {
            is_named(text.as_bytes(), what);
        }
    }
}
