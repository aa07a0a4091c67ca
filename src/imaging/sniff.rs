//! Which format bytes are, from their first bytes alone.
//!
//! Names and declared types are never looked at. Common formats that are not handled are named, so
//! that the sender learns what is wrong.

use super::{Format, ImagingError};

/// The eight bytes that every PNG starts with.
pub(super) const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Returns the format of a file.
pub(super) fn format(bytes: &[u8]) -> Result<Format, ImagingError> {
    if bytes.starts_with(b"\xff\xd8\xff") {
        return Ok(Format::Jpeg);
    }
    if bytes.starts_with(PNG_SIGNATURE) {
        return Ok(Format::Png);
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Ok(Format::WebP);
    }
    Err(ImagingError::unsupported(foreign_name(bytes)))
}

/// Names what the bytes are, if they are something that people send by mistake.
fn foreign_name(bytes: &[u8]) -> &'static str {
    const NAMES: [(&[u8], &str); 10] = [
        (b"GIF8", "a GIF image"),
        (b"BM", "a BMP image"),
        (b"II*\0", "a TIFF image"),
        (b"MM\0*", "a TIFF image"),
        (b"8BPS", "a Photoshop file"),
        (b"%PDF", "a PDF document"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\0\0\x01\0", "an icon"),
        (b"<svg", "an SVG image"),
        (b"<?xml", "an XML document"),
    ];
    if bytes.is_empty() {
        return "an empty file";
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        return match bytes.get(8..12) {
            Some(b"avif" | b"avis") => "an AVIF image",
            Some(b"heic" | b"heix" | b"mif1" | b"msf1" | b"hevc") => "an HEIC image",
            _ => "an MP4 container",
        };
    }
    NAMES
        .iter()
        .find(|(magic, _)| bytes.starts_with(magic))
        .map_or("this kind of file", |(_, name)| name)
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

    #[test]
    fn what_is_refused_is_named() {
        let cases: [(&[u8], &str); 6] = [
            (b"", "an empty file"),
            (b"GIF89a", "a GIF image"),
            (b"\0\0\0\x1cftypavif", "an AVIF image"),
            (b"\n\xff\xd8\xff", "this kind of file"),
            (b"RIFF\0\0\0\0WAVE", "this kind of file"),
            (b"\x89PNG\n\x1a\n", "this kind of file"),
        ];
        for (bytes, what) in cases {
            assert_eq!(format(bytes), Err(ImagingError::UnsupportedFormat { what }));
        }
    }
}
