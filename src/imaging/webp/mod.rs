//! WebP: samples in, samples out.
//!
//! [`riff`] walks the container; `image` decodes both codings. A file that came in lossless goes
//! out lossless, and a lossy one lossy. The decoder is given only the picture's own chunks, so that
//! nothing else in the file can cost time or contradict the picture.

mod encode;
mod own;
mod quality;
mod riff;

use std::io::Cursor;

use image::{ImageDecoder, codecs::webp};

pub(super) use self::encode::encode;
pub(super) use self::own::decode_own;
pub(super) use self::riff::Chunk;
use self::riff::{build_riff, parse_riff};
use super::{
    error::ImagingError,
    format::{Economy, Encoding, Format},
    limits::Limits,
    metadata::Metadata,
    photo::{Photo, Pixels},
    raster::{Layout, Raster, Samples},
};

/// Largest side, in pixels, that VP8 can have and that the decoder reads right (image-webp 0.2.4
/// takes 16384 for 0).
const MAX_SIDE: u32 = 16_383;

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
