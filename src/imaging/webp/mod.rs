//! WebP: samples in, samples out.
//!
//! The container is walked here; `image` decodes both codings. A file that came in lossless goes
//! out lossless, and a lossy one lossy. The decoder is given only the picture's own chunks, so that
//! nothing else in the file can cost time or contradict the picture.

mod encode;
mod quality;

use std::io::Cursor;

use image::{ImageDecoder, codecs::webp};

pub(super) use self::encode::encode;
use super::{
    error::ImagingError,
    format::{Economy, Encoding, Format},
    limits::Limits,
    metadata::Metadata,
    photo::{Photo, Pixels},
    raster::{Layout, Raster, Samples},
};

/// Most chunks of a file: real ones have at most six, floods tens of thousands.
const MAX_CHUNKS: usize = 2_000;
/// Largest side, in pixels, that VP8 can have and that the decoder reads right (image-webp 0.2.4
/// takes 16384 for 0).
const MAX_SIDE: u32 = 16_383;
/// VP8X flag: an ICCP chunk.
const FLAG_ICC: u8 = 0x20;
/// VP8X flag: alpha.
const FLAG_ALPHA: u8 = 0x10;
/// VP8X flag: an EXIF chunk.
const FLAG_EXIF: u8 = 0x08;
/// VP8X flag: an XMP chunk.
const FLAG_XMP: u8 = 0x04;

/// A chunk: its name and payload.
pub(super) type Chunk<'a> = ([u8; 4], &'a [u8]);

/// The chunks that make up the picture.
struct Picture<'a> {
    encoding: Encoding,
    width: u32,
    height: u32,
    /// The VP8 or VP8L chunk.
    image: Chunk<'a>,
    /// The ALPH chunk, which only VP8 needs.
    alpha: Option<Chunk<'a>>,
}

/// Decodes a WebP file.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Photo, ImagingError> {
    let (chunks, trailer) = parse_riff(bytes)?;
    let picture = find_picture(&chunks)?;
    limits.check_size(picture.width, picture.height)?;
    if picture.width.max(picture.height) > MAX_SIDE {
        return Err(ImagingError::unsupported(
            "a WebP image with a side of 16384 pixels",
        ));
    }
    let raster = decode_picture(&picture)?;
    let mut metadata = Metadata::from_webp(&chunks);
    metadata.note_trailer(trailer);
    let frame = picture.image.1;
    let economy = match picture.encoding {
        Encoding::Lossless => {
            let size = (picture.width, picture.height);
            Economy::of_lossless(size, raster.layout(), frame.len(), false, false)
        }
        Encoding::Lossy => quality::estimate(frame).map_or(Economy::Plain, Economy::Quality),
    };
    Ok(Photo {
        format: Format::WebP,
        orientation: metadata.orientation(),
        pixels: Pixels::Raster(raster),
        metadata,
        encoding: picture.encoding,
        economy,
    })
}

/// Returns the chunks of a RIFF file, and what follows its declared end.
fn parse_riff(bytes: &[u8]) -> Result<(Vec<Chunk<'_>>, &[u8]), ImagingError> {
    let cut_short = || ImagingError::invalid("it ends within a chunk");
    let ((_, mut rest), trailer) = chunk(bytes).ok_or_else(cut_short)?;
    // The RIFF chunk's payload starts with "WEBP", which decided the format.
    rest = rest.get(4..).ok_or_else(cut_short)?;
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        if chunks.len() == MAX_CHUNKS {
            return Err(ImagingError::invalid("more than 2,000 chunks"));
        }
        let (found, behind) = chunk(rest).ok_or_else(cut_short)?;
        chunks.push(found);
        rest = behind;
    }
    Ok((chunks, trailer))
}

/// Splits off the first chunk, with its padding byte.
fn chunk(bytes: &[u8]) -> Option<(Chunk<'_>, &[u8])> {
    let (&[t0, t1, t2, t3, l0, l1, l2, l3], rest) = bytes.split_first_chunk()?;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    let (payload, behind) = rest.split_at_checked(length)?;
    let behind = if length % 2 == 1 {
        behind.get(1..).unwrap_or_default() // some writers leave out the last padding byte
    } else {
        behind
    };
    Some((([t0, t1, t2, t3], payload), behind))
}

/// Finds the one picture and reads its size from its own header, which the canvas must equal.
fn find_picture<'a>(chunks: &[Chunk<'a>]) -> Result<Picture<'a>, ImagingError> {
    let all = |name: &'static [u8; 4]| chunks.iter().filter(move |(tag, _)| tag == name);
    if all(b"ANIM").chain(all(b"ANMF")).next().is_some() {
        return Err(ImagingError::unsupported("an animated WebP image"));
    }
    let mut images = all(b"VP8 ").chain(all(b"VP8L"));
    let (Some(&image), None) = (images.next(), images.next()) else {
        return Err(ImagingError::invalid("it does not have one picture"));
    };
    let encoding = match &image.0 {
        b"VP8L" => Encoding::Lossless,
        _ => Encoding::Lossy,
    };
    let size = match encoding {
        Encoding::Lossless => lossless_size(image.1),
        Encoding::Lossy => lossy_size(image.1),
    };
    let (width, height) =
        size.ok_or_else(|| ImagingError::invalid("a frame header is malformed"))?;
    match chunks {
        [(tag, _), ..] if *tag == image.0 => {}
        [(tag, canvas), ..] if *tag == *b"VP8X" => {
            if canvas_size(canvas) != Some((width, height)) {
                return Err(ImagingError::invalid("canvas and picture differ in size"));
            }
        }
        _ => return Err(ImagingError::invalid("its first chunk is not a picture")),
    }
    let alpha = match encoding {
        Encoding::Lossless => None,
        Encoding::Lossy => all(b"ALPH").next().copied(),
    };
    Ok(Picture {
        encoding,
        width,
        height,
        image,
        alpha,
    })
}

/// Reads the size in a VP8 key frame's header (RFC 6386, 9.1).
fn lossy_size(payload: &[u8]) -> Option<(u32, u32)> {
    let &[tag, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1] = payload.first_chunk()? else {
        return None;
    };
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    let is_key_frame = tag & 1 == 0;
    is_key_frame.then_some((side(w0, w1), side(h0, h1)))
}

/// Reads the size in a VP8L header (RFC 9649, 3.4).
fn lossless_size(payload: &[u8]) -> Option<(u32, u32)> {
    let &[0x2f, b0, b1, b2, b3] = payload.first_chunk()? else {
        return None;
    };
    let bits = u32::from_le_bytes([b0, b1, b2, b3]);
    let version = bits >> 29;
    (version == 0).then_some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
}

/// Reads the canvas size of VP8X (RFC 9649, 2.7).
fn canvas_size(payload: &[u8]) -> Option<(u32, u32)> {
    let &[_, _, _, _, w0, w1, w2, h0, h1, h2] = payload.first_chunk()?;
    let side = |b0, b1, b2| u32::from_le_bytes([b0, b1, b2, 0]) + 1;
    Some((side(w0, w1, w2), side(h0, h1, h2)))
}

fn decode_picture(picture: &Picture<'_>) -> Result<Raster, ImagingError> {
    let invalid = |_| ImagingError::invalid("its compressed pixels are not right");
    let chunks = picture.alpha.iter().chain([&picture.image]);
    let file = build_riff(picture.width, picture.height, chunks.copied());
    let decoder = webp::WebPDecoder::new(Cursor::new(file)).map_err(invalid)?;
    let layout = if decoder.color_type().has_alpha() {
        Layout::Rgba
    } else {
        Layout::Rgb
    };
    if decoder.dimensions() != (picture.width, picture.height) {
        return Err(ImagingError::invalid("its headers contradict each other"));
    }
    let size = usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX);
    let mut samples = vec![0; size];
    decoder.read_image(&mut samples).map_err(invalid)?;
    Raster::new(picture.width, picture.height, layout, Samples::U8(samples))
        .ok_or_else(|| ImagingError::invalid("the decoder gave the wrong number of samples"))
}

/// Writes chunks into a WebP file, extended (VP8X) if there is more than the picture.
fn build_riff<'a>(
    width: u32,
    height: u32,
    chunks: impl Iterator<Item = Chunk<'a>> + Clone,
) -> Vec<u8> {
    let flag = |(tag, payload): Chunk<'_>| match &tag {
        b"ICCP" => FLAG_ICC,
        b"ALPH" => FLAG_ALPHA,
        b"VP8L" if payload.get(4).is_some_and(|byte| byte & 0x10 != 0) => FLAG_ALPHA,
        b"EXIF" => FLAG_EXIF,
        b"XMP " => FLAG_XMP,
        _ => 0,
    };
    let size: usize = chunks.clone().map(|(_, payload)| payload.len() + 9).sum();
    let mut file = Vec::with_capacity(size + 30);
    file.extend(b"RIFF\0\0\0\0WEBP");
    if chunks.clone().count() > 1 {
        let flags = chunks.clone().map(flag).fold(0, |all, flag| all | flag);
        let [w0, w1, w2, _] = (width - 1).to_le_bytes();
        let [h0, h1, h2, _] = (height - 1).to_le_bytes();
        push_chunk(
            &mut file,
            (*b"VP8X", &[flags, 0, 0, 0, w0, w1, w2, h0, h1, h2]),
        );
    }
    for chunk in chunks {
        push_chunk(&mut file, chunk);
    }
    let riff_size = le_length(file.len() - 8);
    file[4..8].copy_from_slice(&riff_size);
    file
}

fn push_chunk(file: &mut Vec<u8>, (tag, payload): Chunk<'_>) {
    file.extend(tag);
    file.extend(le_length(payload.len()));
    file.extend_from_slice(payload);
    if payload.len() % 2 == 1 {
        file.push(0);
    }
}

/// Returns a chunk's length as RIFF writes it. Files here are far below 4 GiB.
fn le_length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}
