//! Writing a WebP: `image` encodes ordinary lossless pictures, libwebp sparse and lossy ones.

use image::{ExtendedColorType, codecs::webp};
use webpx::{EncoderConfig, Unstoppable};

use super::{
    super::{
        error::ImagingError,
        format::{Economy, Encoding, Sparse},
        metadata::Metadata,
        raster::{Layout, Raster, Samples},
    },
    quality,
    riff::{build_riff, parse_riff},
};

/// Highest quality at which libwebp encodes a picture again, and the quality assumed for a source
/// of unknown quality. Beyond it files grow fast (97: +19 %) and fidelity does not (+0.9 dB), since
/// the conversion of chroma is what remains.
const MAX_QUALITY: f32 = 95.0;
/// libwebp's effort for lossy pictures, 0 to 6. Against 0 it takes two thirds off the growth and,
/// all of `protect` counted, half as much time again; 2 does neither, and beyond 4 nothing is
/// gained.
const LOSSY_METHOD: u8 = 4;

/// Encodes a WebP file.
pub(in super::super) fn encode(
    raster: &Raster,
    encoding: Encoding,
    economy: Economy,
    metadata: &Metadata,
) -> Result<Vec<u8>, ImagingError> {
    let Samples::U8(samples) = raster.samples() else {
        return Err(ImagingError::encode("WebP has no 16-bit samples"));
    };
    if !matches!(raster.layout(), Layout::Rgb | Layout::Rgba) {
        return Err(ImagingError::encode("WebP has no grey samples"));
    }
    let file = match encoding {
        Encoding::Lossless => match economy {
            Economy::Sparse(sparse) if keeps_layout(raster, samples) => {
                encode_by_libwebp(raster, samples, sparse_config(sparse))?
            }
            _ => encode_lossless(raster, samples)?,
        },
        Encoding::Lossy => encode_by_libwebp(raster, samples, lossy_config(economy))?,
    };
    let (own_chunks, _) = parse_riff(&file)?;
    let picture = own_chunks.into_iter().filter(|(tag, _)| tag != b"VP8X");
    let (before, after): (Vec<_>, Vec<_>) =
        metadata.webp_chunks().partition(|(tag, _)| tag == b"ICCP");
    let chunks = before.into_iter().chain(picture).chain(after);
    Ok(build_riff(raster.width(), raster.height(), chunks))
}

/// Returns whether libwebp keeps the layout: it leaves out an alpha that hides nothing.
fn keeps_layout(raster: &Raster, samples: &[u8]) -> bool {
    match raster.layout() {
        Layout::Rgba => samples
            .as_chunks::<4>()
            .0
            .iter()
            .any(|pixel| pixel[3] < u8::MAX),
        _ => true,
    }
}

fn encode_lossless(raster: &Raster, samples: &[u8]) -> Result<Vec<u8>, ImagingError> {
    let colour = match raster.layout() {
        Layout::Rgba => ExtendedColorType::Rgba8,
        _ => ExtendedColorType::Rgb8,
    };
    let mut file = Vec::new();
    webp::WebPEncoder::new_lossless(&mut file)
        .encode(samples, raster.width(), raster.height(), colour)
        .map_err(ImagingError::encode)?;
    Ok(file)
}

/// Encodes with libwebp; alpha is always lossless.
fn encode_by_libwebp(
    raster: &Raster,
    samples: &[u8],
    config: EncoderConfig,
) -> Result<Vec<u8>, ImagingError> {
    let (width, height) = (raster.width(), raster.height());
    // The colour under transparent pixels is the owner's.
    let config = config.exact(true);
    let file = match raster.layout() {
        Layout::Rgba => config.encode_rgba(samples, width, height, Unstoppable),
        _ => config.encode_rgb(samples, width, height, Unstoppable),
    };
    file.map_err(|error| ImagingError::encode(format_args!("libwebp: {error}")))
}

/// The lossy coding: quantisers half as coarse as the source's, so that they add a quarter of its
/// error.
fn lossy_config(economy: Economy) -> EncoderConfig {
    let quality = match economy {
        Economy::Quality(source) => quality::twice_as_fine(source).min(MAX_QUALITY),
        _ => MAX_QUALITY,
    };
    EncoderConfig::new().quality(quality).method(LOSSY_METHOD)
}

/// The lossless coding of a sparse picture, in which libwebp finds what repeats: the method is its
/// overall effort, the quality that of the search. The greater one takes three times as long.
fn sparse_config(sparse: Sparse) -> EncoderConfig {
    let (method, quality) = if sparse.nearly_empty {
        (2, 50.0)
    } else {
        (0, 20.0)
    };
    EncoderConfig::new()
        .lossless(true)
        .method(method)
        .quality(quality)
}
