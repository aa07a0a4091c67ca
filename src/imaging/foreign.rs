//! Names a file that came in place of a JPEG, PNG or WebP, and the sender's remedy.
//!
//! The first bytes decide, as in `sniff`. Text is left to `foreign_text`.

use super::{
    foreign_text::{self, Name},
    format::PNG_SIGNATURE,
};

const SAVE: &str = "save it as JPEG, PNG or WebP and send that";
const EXPORT: &str = "export it as JPEG, PNG or WebP and send that";
const STILL: &str = "send a still photo as JPEG, PNG or WebP";
const UNPACK: &str = "unpack it and send the photo in it";
const STRIP: &str = "take them away, or send the file as it was at first";

/// Bytes in front of a photo that are searched for its beginning.
const LONGEST_JUNK_BYTES: usize = 1024;

/// Brands of the ISO base media file format, the most telling first (ISO/IEC 14496-12, 4.3;
/// 23008-12; AVIF, 2.2).
const BRANDS: [(&[u8; 4], Name); 12] = [
    (b"crx ", ("a raw photo of a Canon camera (CR3)", EXPORT)),
    (b"avif", ("an AVIF image", SAVE)),
    (b"avis", ("an AVIF image", SAVE)),
    (b"heic", ("a HEIC photo, as iPhones save them", SAVE)),
    (b"heix", ("a HEIC photo, as iPhones save them", SAVE)),
    (b"heim", ("a HEIC photo, as iPhones save them", SAVE)),
    (b"heis", ("a HEIC photo, as iPhones save them", SAVE)),
    (b"hevc", ("a HEIC photo, as iPhones save them", SAVE)),
    (b"hevx", ("a HEIC photo, as iPhones save them", SAVE)),
    (b"mif1", ("a HEIF photo", SAVE)),
    (b"msf1", ("a HEIF photo", SAVE)),
    (b"qt  ", ("a QuickTime film", STILL)),
];

/// First bytes of files, with their names.
const MAGICS: [(&[u8], Name); 35] = [
    (b"\xff\x0a", ("a JPEG XL image", SAVE)),
    (b"\0\0\0\x0cJXL \r\n\x87\n", ("a JPEG XL image", SAVE)),
    (b"\0\0\0\x0cjP  \r\n\x87\n", ("a JPEG 2000 image", SAVE)),
    (b"\xff\x4f\xff\x51", ("a JPEG 2000 image", SAVE)),
    (b"II\xbc", ("a JPEG XR image", SAVE)),
    (b"GIF8", ("a GIF image", SAVE)),
    (b"\0\0\x01\0", ("an icon (ICO)", SAVE)),
    (b"\0\0\x02\0", ("a cursor (CUR)", SAVE)),
    (b"8BPS", ("a Photoshop file (PSD)", EXPORT)),
    (b"gimp xcf", ("a GIMP file (XCF)", EXPORT)),
    (b"qoif", ("a QOI image", SAVE)),
    (b"v/1\x01", ("an OpenEXR image", SAVE)),
    (b"IIRO", ("a raw photo of an Olympus camera (ORF)", EXPORT)),
    (b"IIRS", ("a raw photo of an Olympus camera (ORF)", EXPORT)),
    (b"MMOR", ("a raw photo of an Olympus camera (ORF)", EXPORT)),
    (
        b"IIU\0",
        ("a raw photo of a Panasonic or Leica camera (RW2)", EXPORT),
    ),
    (
        b"FUJIFILMCCD-RAW",
        ("a raw photo of a Fujifilm camera (RAF)", EXPORT),
    ),
    (b"FOVb", ("a raw photo of a Sigma camera (X3F)", EXPORT)),
    (
        b"II*\0",
        (
            "a TIFF image, or a raw photo of a camera (such as NEF, ARW or DNG)",
            EXPORT,
        ),
    ),
    (
        b"MM\0*",
        (
            "a TIFF image, or a raw photo of a camera (such as NEF, ARW or DNG)",
            EXPORT,
        ),
    ),
    (b"II+\0", ("a BigTIFF image", EXPORT)),
    (b"MM\0+", ("a BigTIFF image", EXPORT)),
    (
        b"%PDF",
        (
            "a PDF document",
            "save the picture in it as JPEG, PNG or WebP and send that",
        ),
    ),
    (b"PK\x03\x04", ("a ZIP archive", UNPACK)),
    (b"PK\x05\x06", ("an empty ZIP archive", STILL)),
    (b"Rar!", ("a RAR archive", UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", ("a 7z archive", UNPACK)),
    (b"\x1f\x8b", ("compressed with gzip", UNPACK)),
    (b"\x28\xb5\x2f\xfd", ("compressed with Zstandard", UNPACK)),
    (b"\xfd7zXZ\0", ("compressed with xz", UNPACK)),
    (
        b"\0\x05\x16\x07",
        (
            "an AppleDouble file, which macOS puts beside the photo under a name that begins with \"._\"",
            "send the photo itself",
        ),
    ),
    (
        b"\0\x05\x16\0",
        ("an AppleSingle file, in which macOS packs a photo", UNPACK),
    ),
    (b"\x1aE\xdf\xa3", ("a film (Matroska or WebM)", STILL)),
    (b"OggS", ("a film or sound (Ogg)", STILL)),
    (b"ID3", ("a sound (MP3)", STILL)),
];

/// Names a file that is not a JPEG, PNG or WebP.
pub(super) fn name(bytes: &[u8]) -> Name {
    if bytes.is_empty() {
        return ("empty", "send a photo that has bytes");
    }
    if bytes.iter().all(|byte| *byte == 0) {
        let failed = "nothing but zero bytes, as a download or a copy leaves them that failed";
        return (failed, "get the photo again and send that");
    }
    by_structure(bytes)
        .or_else(|| by_magic(bytes))
        .or_else(|| foreign_text::name(bytes))
        .or_else(|| behind_junk(bytes))
        .unwrap_or(("of a kind that is not known here", SAVE))
}

fn by_magic(bytes: &[u8]) -> Option<Name> {
    let mut magics = MAGICS.iter();
    let found = magics.find(|(magic, _)| bytes.starts_with(magic));
    found.map(|(_, name)| *name)
}

/// Names the kinds that are recognised by more than their first bytes.
fn by_structure(bytes: &[u8]) -> Option<Name> {
    let at = |start: usize, magic: &[u8]| bytes.get(start..start + magic.len()) == Some(magic);
    if at(4, b"ftyp") {
        return Some(by_brand(bytes));
    }
    let movie: [&[u8]; 5] = [b"moov", b"mdat", b"wide", b"free", b"pnot"];
    if bytes.starts_with(&[0]) && movie.iter().any(|name| at(4, name)) {
        return Some(("a QuickTime film", STILL));
    }
    if at(0, b"II*\0") && at(8, b"CR") {
        return Some(("a raw photo of a Canon camera (CR2)", EXPORT));
    }
    // The bytes after the length of a BMP are reserved and zero; those of text are not.
    if at(0, b"BM") && at(6, &[0; 4]) {
        return Some(("a BMP image", SAVE));
    }
    if at(0, b"RIFF") && at(8, b"AVI ") {
        return Some(("a film (AVI)", STILL));
    }
    if at(0, b"RIFF") && at(8, b"WAVE") {
        return Some(("a sound (WAV)", STILL));
    }
    None
}

/// Names a file by the brands in its first box: the major brand stands first, and the compatible
/// ones after it.
fn by_brand(bytes: &[u8]) -> Name {
    let length = bytes
        .first_chunk()
        .map_or(0, |length| u32::from_be_bytes(*length));
    let end = (length as usize).clamp(12, 256).min(bytes.len());
    let brands = || bytes[8..end].as_chunks::<4>().0.iter();
    let of = |brand: &[u8; 4]| BRANDS.iter().find(|(known, _)| *known == brand);
    let general = |name: &&[u8; 4]| [b"mif1", b"msf1"].contains(name);
    let major = brands().next().filter(|brand| !general(brand)).and_then(of);
    let any = || {
        BRANDS
            .iter()
            .find(|(known, _)| brands().any(|brand| brand == *known))
    };
    match (major, brands().next()) {
        (Some((_, name)), _) => *name,
        // Photos often carry a compatible brand alone; it does not make a file a film.
        (None, Some(brand)) if general(&brand) => {
            any().map_or(("a HEIF photo", SAVE), |(_, name)| *name)
        }
        _ => ("a film (MP4)", STILL),
    }
}

/// Names a file in which a photo follows other bytes.
fn behind_junk(bytes: &[u8]) -> Option<Name> {
    let start = &bytes[..bytes.len().min(LONGEST_JUNK_BYTES)];
    let has = |magic: &[u8]| start.windows(magic.len()).any(|window| window == magic);
    if has(b"\xff\xd8\xff") {
        return Some(("a JPEG with other bytes in front of it", STRIP));
    }
    if has(PNG_SIGNATURE) {
        return Some(("a PNG with other bytes in front of it", STRIP));
    }
    let webp = |window: &[u8]| window.starts_with(b"RIFF") && window.ends_with(b"WEBP");
    (start.windows(12).any(webp)).then_some(("a WebP with other bytes in front of it", STRIP))
}
