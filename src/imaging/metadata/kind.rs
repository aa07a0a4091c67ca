//! The kind of a segment or chunk, recognised by its name and first bytes.
//!
//! This is the one place that knows the containers' names for things. It is as lenient as readers
//! are: `ExifTool` 12.57 finds EXIF after up to four stray bytes and in any capitals, and XMP after
//! any header.

use super::super::format::Format;

pub(super) const EXIF_HEADER: &[u8] = b"Exif\0\0";
pub(super) const XMP_HEADER: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
pub(super) const EXTENDED_XMP_HEADER: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";
/// Headers of Photoshop resources, the second of old versions.
const PHOTOSHOP_HEADERS: [&[u8]; 2] = [b"Photoshop 3.0\0", b"Adobe_Photoshop2.5:"];
/// Most stray bytes that may precede EXIF's header.
const MOST_STRAY_BYTES: usize = 4;

/// Contents of a segment, as far as a policy cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A TIFF structure that starts at this offset of the payload; a payload that does not begin
    /// one continues the last one.
    Exif(usize),
    /// An XMP packet that starts at this offset of the payload.
    Xmp(usize),
    /// A part of the rest of an XMP packet that did not fit into one JPEG segment.
    ExtendedXmp,
    /// Photoshop resources that start at this offset of the payload.
    Photoshop(usize),
    /// A text chunk of a PNG, compressed or not.
    PngText,
    /// A text, in Latin letters or UTF-16.
    Text,
    /// Information for display of the samples: profile, gamma, primaries, density.
    Display,
    /// A known kind that no policy cares about.
    Harmless,
    /// A thumbnail or preview of that name.
    Picture(&'static str),
    /// Not true of a new file, by that name: an index of what followed the picture, content
    /// credentials, a description of the old samples.
    Stale(&'static str),
    /// A chunk that declares itself untrue of other samples, by the container's name.
    Unsafe,
    /// Part of the picture as the file had it; the encoder makes its own.
    Own,
    /// A kind that is not known.
    Unknown,
}

/// Returns the kind of a segment.
pub(super) fn kind(format: Format, tag: [u8; 4], payload: &[u8]) -> Kind {
    match format {
        Format::Jpeg => jpeg_kind(tag[1], payload),
        Format::Png => png_kind(tag, payload),
        Format::WebP => webp_kind(tag, payload),
    }
}

/// Returns whether EXIF is where viewers look for the orientation.
pub(super) fn is_plain_exif(format: Format, tag: [u8; 4], payload: &[u8]) -> bool {
    match format {
        Format::Jpeg => payload.starts_with(EXIF_HEADER),
        Format::Png => &tag == b"eXIf",
        Format::WebP => true,
    }
}

fn jpeg_kind(marker: u8, payload: &[u8]) -> Kind {
    let starts = |header: &[u8]| payload.starts_with(header);
    match marker {
        0xe0 if starts(b"JFXX\0") => Kind::Picture("jfif-thumbnail"),
        0xe1 if starts(EXTENDED_XMP_HEADER) => Kind::ExtendedXmp,
        0xe1 => exif_start(payload)
            .map(Kind::Exif)
            .or_else(|| xmp_start(payload).map(Kind::Xmp))
            .unwrap_or(Kind::Unknown),
        0xe2 if starts(b"ICC_PROFILE\0") => Kind::Display,
        // Multi-picture format and ISO 21496-1 gain maps point beyond EOI.
        0xe2 if starts(b"MPF\0") => Kind::Stale("multi-picture-index"),
        0xe2 if starts(b"urn:iso:std:iso:ts:21496:-1\0") => Kind::Stale("gain-map"),
        0xe2..=0xe5 if is_preview(payload) => Kind::Picture("preview"),
        0xe8 if starts(b"SPIFF\0") => Kind::Harmless,
        0xea if starts(b"UNICODE\0") => Kind::Text,
        0xeb if starts(b"JP") => Kind::Stale("content-credentials"),
        // Settings of the encoder, or of old cameras as text.
        0xec if starts(b"Ducky") || is_text(payload) => Kind::Text,
        0xed => {
            let header = PHOTOSHOP_HEADERS.iter().find(|header| starts(header));
            header.map_or(Kind::Unknown, |header| Kind::Photoshop(header.len()))
        }
        // GraphicConverter's note of the quality.
        0xef if payload.len() <= 8 && starts(b"Q") => Kind::Harmless,
        0xfe => Kind::Text,
        _ => Kind::Unknown,
    }
}

/// Returns whether a segment begins a preview, as cameras of Samsung, HP and `BenQ` write it.
fn is_preview(payload: &[u8]) -> bool {
    let bare = [b"QVGA\0".as_slice(), b"BGTH"]
        .iter()
        .find_map(|header| payload.strip_prefix(*header))
        .unwrap_or(payload);
    bare.starts_with(b"\xff\xd8\xff")
}

fn is_text(payload: &[u8]) -> bool {
    let is_letter = |byte: &u8| *byte >= b' ' || byte.is_ascii_whitespace() || *byte == 0;
    payload.iter().all(is_letter)
}

/// Returns the offset where TIFF starts after a header of EXIF.
fn exif_start(payload: &[u8]) -> Option<usize> {
    (0..=MOST_STRAY_BYTES).find_map(|stray| {
        let header = payload.get(stray..stray + EXIF_HEADER.len())?;
        header[..5]
            .eq_ignore_ascii_case(&EXIF_HEADER[..5])
            .then_some(stray + EXIF_HEADER.len())
    })
}

/// Returns the offset where an XMP packet starts.
fn xmp_start(payload: &[u8]) -> Option<usize> {
    if payload.starts_with(XMP_HEADER) {
        return Some(XMP_HEADER.len());
    }
    let contains = |text: &[u8]| payload.windows(text.len()).any(|window| window == text);
    let is_xmp = [
        b"<?xpacket".as_slice(),
        b"<x:xmpmeta",
        b"<rdf:RDF",
        b"<exif:",
    ]
    .iter()
    .any(|text| contains(text))
        || payload.starts_with(b"http:")
        || payload.starts_with(b"XMP\0");
    let start = payload.iter().position(|&byte| byte == b'<');
    is_xmp.then(|| start.unwrap_or(payload.len()))
}

fn png_kind(tag: [u8; 4], payload: &[u8]) -> Kind {
    match &tag {
        _ if tag.eq_ignore_ascii_case(b"exif") => Kind::Exif(exif_start(payload).unwrap_or(0)),
        b"tXMP" => Kind::Xmp(0),
        b"tEXt" | b"zTXt" | b"iTXt" => Kind::PngText,
        b"iCCP" | b"sRGB" | b"gAMA" | b"cHRM" | b"cICP" | b"mDCV" | b"cLLI" | b"mDCv" | b"cLLi"
        | b"sBIT" | b"pHYs" => Kind::Display,
        // What they say of pixels as units, and of the picture as a whole, is still true.
        b"sCAL" | b"pCAL" | b"sTER" | b"oFFs" | b"tIME" | b"bKGD" | b"sPLT" | b"gIFg" | b"gIFx"
        | b"vpAg" => Kind::Harmless,
        // Transparency, which is in the samples now; where Apple's encoder began its second half.
        b"tRNS" | b"iDOT" | b"fcTL" | b"fdAT" => Kind::Own,
        b"hIST" => Kind::Stale("png:hIST"), // goes with a palette
        b"caBX" => Kind::Stale("content-credentials"),
        b"dSIG" => Kind::Stale("png:dSIG"),
        // The fourth letter says whether an editor that does not know a chunk may copy it (PNG,
        // 5.4).
        [_, _, _, safe_to_copy] if safe_to_copy.is_ascii_lowercase() => Kind::Unknown,
        _ => Kind::Unsafe,
    }
}

fn webp_kind(tag: [u8; 4], payload: &[u8]) -> Kind {
    match &tag {
        b"EXIF" => Kind::Exif(exif_start(payload).unwrap_or(0)),
        // Some writers end the name with a zero.
        b"XMP " | b"XMP\0" => Kind::Xmp(0),
        b"ICCP" => Kind::Display,
        b"VP8X" | b"VP8 " | b"VP8L" | b"ALPH" => Kind::Own,
        b"C2PA" => Kind::Stale("content-credentials"),
        _ => Kind::Unknown,
    }
}

/// Returns a name of a segment for people and programs: `app7`, `comment`, `png:zTXt`, `webp:FUJI`.
pub(super) fn name(format: Format, tag: [u8; 4]) -> String {
    match (format, tag[1]) {
        (Format::Jpeg, 0xfe) => "comment".to_owned(),
        (Format::Jpeg, marker) => format!("app{}", marker & 15),
        (Format::Png, _) => format!("png:{}", tag.escape_ascii()),
        (Format::WebP, _) => format!("webp:{}", tag.escape_ascii()),
    }
}
