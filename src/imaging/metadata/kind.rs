//! What a segment or chunk holds, told from its name and first bytes.
//!
//! This is the one place that knows the containers' names for things. A policy only asks for a
//! [`Kind`].

use super::super::Format;

pub(super) const EXIF_HEADER: &[u8] = b"Exif\0\0";
pub(super) const XMP_HEADER: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
pub(super) const EXTENDED_XMP_HEADER: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";
/// What a segment holds, as far as a policy cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A TIFF structure that starts at this offset of the payload.
    Exif(usize),
    /// An XMP packet that starts at this offset of the payload.
    Xmp(usize),
    /// A part of the rest of an XMP packet that did not fit into one JPEG segment.
    ExtendedXmp,
    /// Metadata that cannot be edited here, since it is compressed or in hexadecimal.
    Opaque,
    /// How the samples are to be shown: profile, gamma, primaries, density.
    Display,
    /// Void in a new file: appended media, content credentials, what described the old samples.
    Stale,
    /// Anything else.
    Other,
}

/// Tells what a segment holds.
pub(super) fn kind(format: Format, tag: [u8; 4], payload: &[u8]) -> Kind {
    match format {
        Format::Jpeg => jpeg_kind(tag[1], payload),
        Format::Png => png_kind(tag, payload),
        Format::WebP => webp_kind(tag, payload),
    }
}

fn jpeg_kind(marker: u8, payload: &[u8]) -> Kind {
    match marker {
        0xe1 if payload.starts_with(EXIF_HEADER) => Kind::Exif(EXIF_HEADER.len()),
        0xe1 if payload.starts_with(XMP_HEADER) => Kind::Xmp(XMP_HEADER.len()),
        0xe1 if payload.starts_with(EXTENDED_XMP_HEADER) => Kind::ExtendedXmp,
        0xe2 if payload.starts_with(b"ICC_PROFILE\0") => Kind::Display,
        // Multi-picture format and ISO 21496-1 gain maps point behind EOI.
        0xe2 if payload.starts_with(b"MPF\0") => Kind::Stale,
        0xe2 if payload.starts_with(b"urn:iso:std:iso:ts:21496:-1\0") => Kind::Stale,
        // JUMBF: content credentials.
        0xeb if payload.starts_with(b"JP") => Kind::Stale,
        _ => Kind::Other,
    }
}

fn png_kind(tag: [u8; 4], payload: &[u8]) -> Kind {
    match &tag {
        b"eXIf" if payload.starts_with(EXIF_HEADER) => Kind::Exif(EXIF_HEADER.len()),
        b"eXIf" => Kind::Exif(0),
        b"iTXt" => international_text_kind(payload),
        b"zTXt" => Kind::Opaque,
        b"tEXt" if payload.starts_with(b"Raw profile type") => Kind::Opaque,
        b"iCCP" | b"sRGB" | b"gAMA" | b"cHRM" | b"cICP" | b"mDCV" | b"cLLI" | b"mDCv" | b"cLLi"
        | b"sBIT" | b"pHYs" => Kind::Display,
        b"tEXt" | b"tIME" | b"bKGD" => Kind::Other,
        // Transparency is in the samples now; a histogram goes with a palette.
        b"tRNS" | b"hIST" => Kind::Stale,
        // The fourth letter says whether an editor that does not know a chunk may copy it (PNG,
        // 5.4). Content credentials (caBX) say no.
        [_, _, _, safe_to_copy] if safe_to_copy.is_ascii_lowercase() => match &tag {
            b"fcTL" | b"fdAT" => Kind::Stale,
            _ => Kind::Other,
        },
        _ => Kind::Stale,
    }
}

/// Tells what an iTXt chunk holds: keyword, 0, compressed or not, method, language, 0, translation,
/// 0, text.
fn international_text_kind(payload: &[u8]) -> Kind {
    let Some(rest) = payload.strip_prefix(b"XML:com.adobe.xmp\0") else {
        let compressed = payload
            .iter()
            .position(|&byte| byte == 0)
            .map(|end| payload.get(end + 1));
        return match compressed {
            Some(Some(0)) => Kind::Other,
            _ => Kind::Opaque,
        };
    };
    let [0, _, texts @ ..] = rest else {
        return Kind::Opaque;
    };
    let mut ends = (0..texts.len()).filter(|&index| texts[index] == 0);
    match (ends.next(), ends.next()) {
        (Some(_), Some(end)) => Kind::Xmp(payload.len() - texts.len() + end + 1),
        _ => Kind::Opaque,
    }
}

fn webp_kind(tag: [u8; 4], payload: &[u8]) -> Kind {
    match &tag {
        b"EXIF" if payload.starts_with(EXIF_HEADER) => Kind::Exif(EXIF_HEADER.len()),
        b"EXIF" => Kind::Exif(0),
        b"XMP " => Kind::Xmp(0),
        b"ICCP" => Kind::Display,
        // The picture's own chunks, and content credentials.
        b"VP8X" | b"VP8 " | b"VP8L" | b"ALPH" | b"C2PA" => Kind::Stale,
        _ => Kind::Other,
    }
}
