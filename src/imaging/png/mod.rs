//! PNG: samples in, samples out, at the file's depth.
//!
//! [`chunks`] walks the file, checks every chunk's frame and refuses what is not handled; the `png`
//! crate inflates and unfilters. Palettes and depths below 8 become 8 bits, `tRNS` becomes alpha,
//! 16 bits stay 16 bits; [`encode`](encode::encode) writes a palette again if the source had one.
//! Text and profiles are carried as they are and never inflated, so a bomb in them costs nothing.
//!
//! A 16-bit picture is converted row by row: there is one buffer of the whole picture, never two.

mod chunks;
mod encode;
mod palette;

use std::io::Cursor;

use ::png::{
    BitDepth, ColorType, DecodeOptions, Decoder, DecodingError, Limits as DecoderLimits, Reader,
    Transformations,
};

use self::chunks::Chunks;
pub(crate) use self::palette::MAX_COLOURS;
pub use self::palette::Palette;
pub(super) use self::{chunks::AncillaryChunk, encode::encode};
use super::{
    error::ImagingError,
    format::{Economy, Encoding, Format},
    limits::Limits,
    metadata::Metadata,
    photo::{Photo, Pixels},
    raster::{Layout, Raster, Samples},
};

/// The seven passes of an interlaced picture: first column and row, then the steps between them
/// (PNG, 8.1).
const ADAM7: [(usize, usize, usize, usize); 7] = [
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
];
/// A picture that is not interlaced, as a single pass.
const ONE_PASS: [(usize, usize, usize, usize); 1] = [(0, 0, 1, 1)];

/// Memory that the decoder needs besides a row and the chunks that it keeps (and grows its buffers
/// for by doubling), in bytes.
const DECODER_SLACK_BYTES: usize = 1024 * 1024;
/// Decodes a PNG file.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Photo, ImagingError> {
    let chunks = Chunks::parse(bytes, limits)?;
    let mut reader = open(chunks.bytes, chunks.header.width).map_err(decode_error)?;
    let (colour, depth) = reader.output_color_type();
    let layout = match colour {
        ColorType::Grayscale => Layout::Gray,
        ColorType::GrayscaleAlpha => Layout::GrayAlpha,
        ColorType::Rgb => Layout::Rgb,
        ColorType::Rgba => Layout::Rgba,
        ColorType::Indexed => return Err(ImagingError::invalid("its palette is missing")),
    };
    let samples = if depth == BitDepth::Sixteen {
        read_words(&mut reader, layout).map(Samples::U16)
    } else {
        read_bytes(&mut reader).map(Samples::U8)
    };
    let samples = samples.map_err(decode_error)?;
    let raster = Raster::new(chunks.header.width, chunks.header.height, layout, samples)
        .ok_or_else(|| ImagingError::invalid("the decoder gave the wrong number of samples"))?;
    let same_samples =
        chunks.header.colour_type == colour as u8 && chunks.header.bit_depth == depth as u8;
    let mut metadata = Metadata::from_png(&chunks.ancillary, same_samples);
    metadata.note_trailer(&bytes[chunks.bytes.len()..]);
    Ok(Photo {
        format: Format::Png,
        orientation: metadata.orientation(),
        pixels: Pixels::Raster(raster),
        metadata,
        encoding: Encoding::Lossless,
        economy: economy(&chunks, depth, layout),
    })
}

/// Returns the reason why a file is small.
fn economy(chunks: &Chunks<'_>, depth: BitDepth, layout: Layout) -> Economy {
    if depth == BitDepth::Sixteen {
        return Economy::Plain;
    }
    let header = chunks.header;
    let carried: usize = chunks
        .ancillary
        .iter()
        .map(|chunk| chunk.payload.len())
        .sum();
    Economy::of_lossless(
        (header.width, header.height),
        layout,
        chunks.bytes.len() - carried,
        header.colour_type == ColorType::Indexed as u8,
        header.bit_depth == 1,
    )
}

type BytesReader<'a> = Reader<Cursor<&'a [u8]>>;

fn open(bytes: &[u8], width: u32) -> Result<BytesReader<'_>, DecodingError> {
    let mut options = DecodeOptions::default();
    options.set_ignore_adler32(false);
    options.set_skip_ancillary_crc_failures(true); // as viewers do; the walk left such chunks out
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    decoder.set_limits(DecoderLimits {
        bytes: width as usize * 8 + 2 * bytes.len() + DECODER_SLACK_BYTES,
    });
    decoder.set_transformations(Transformations::EXPAND);
    decoder.read_info()
}

fn read_bytes(reader: &mut BytesReader<'_>) -> Result<Vec<u8>, DecodingError> {
    let size = reader
        .output_buffer_size()
        .ok_or(DecodingError::LimitsExceeded)?;
    let mut samples = vec![0; size];
    reader.next_frame(&mut samples)?;
    reader.finish()?;
    Ok(samples)
}

fn read_words(reader: &mut BytesReader<'_>, layout: Layout) -> Result<Vec<u16>, DecodingError> {
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    let channels = layout.channels();
    let mut samples = vec![0; width * height * channels];
    let passes: &[_] = if reader.info().interlaced {
        &ADAM7
    } else {
        &ONE_PASS
    };
    for &(left, top, step_x, step_y) in passes.iter().filter(|pass| pass.0 < width) {
        let rows = samples.chunks_exact_mut(width * channels);
        for row in rows.skip(top).step_by(step_y) {
            let Some(source) = reader.next_row()? else {
                return Err(DecodingError::LimitsExceeded);
            };
            let pixels = row.chunks_exact_mut(channels).skip(left).step_by(step_x);
            for (pixel, words) in pixels.zip(source.data().chunks_exact(2 * channels)) {
                for (sample, word) in pixel.iter_mut().zip(words.as_chunks().0) {
                    *sample = u16::from_be_bytes(*word);
                }
            }
        }
    }
    reader.finish()?;
    Ok(samples)
}

/// Converts an error of the decoder to words for users; its own are for its authors.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that `map_err` wants"
)]
fn decode_error(error: DecodingError) -> ImagingError {
    ImagingError::invalid(match error {
        DecodingError::IoError(_) => "its pixels end too early",
        DecodingError::Format(_) => {
            "its header, its palette or its compressed pixels are not right"
        }
        DecodingError::Parameter(_) | DecodingError::LimitsExceeded => {
            "its pixels need more memory than their number allows"
        }
    })
}
