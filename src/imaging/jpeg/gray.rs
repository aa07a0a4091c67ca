//! Grey pictures as this service makes them itself: JPEG files of one component, and what such a
//! file would make of a picture, without the file.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "samples are clamped to 0..=255, quantised values are small"
)]

use libjpeg_turbo_rs::{
    Decoder, PixelFormat, Subsampling,
    encode::{
        fdct::fdct_islow,
        tables::{STD_LUMINANCE_QUANT_TABLE, quality_scale_quant_table},
    },
    simd::{SimdRoutines, detect},
};
use pulp::Simd;

use crate::{
    imaging::{ImagingError, Plane},
    simd,
};

/// Pixels on a side of a block.
const BLOCK: usize = 8;

/// Encodes a grey picture, 0 to 255, as a baseline JPEG without metadata.
pub fn encode_gray_jpeg(plane: &Plane, quality: u8) -> Result<Vec<u8>, ImagingError> {
    let mut samples = vec![0; plane.data().len()];
    round(plane.data(), &mut samples);
    libjpeg_turbo_rs::compress(
        &samples,
        plane.width(),
        plane.height(),
        PixelFormat::Grayscale,
        quality,
        Subsampling::S444,
    )
    .map_err(ImagingError::encode)
}

/// Decodes the luma of a JPEG that this service made, such as [`encode_gray_jpeg`]'s. Not for
/// untrusted files.
pub fn decode_gray_jpeg(bytes: &[u8]) -> Result<Plane, ImagingError> {
    let image = Decoder::decode_to(bytes, PixelFormat::Grayscale)
        .map_err(|error| ImagingError::invalid(error.to_string()))?;
    let samples = image.data.iter().map(|&sample| f32::from(sample)).collect();
    Plane::from_vec(image.width, image.height, samples)
        .ok_or_else(|| ImagingError::invalid("the decoder gave the wrong number of samples"))
}

/// Returns what [`decode_gray_jpeg`] would make of [`encode_gray_jpeg`]'s file: the same transforms
/// and the same rounding, without entropy coding, which loses nothing.
pub(crate) fn through_gray_jpeg(plane: &Plane, quality: u8) -> Plane {
    through(&Quantiser::new(quality), plane)
}

#[pulp::with_simd(through = simd::arch())]
#[inline(always)]
fn through_lanes<'a, S: Simd>(_: S, quantiser: &'a Quantiser, plane: &'a Plane) -> Plane {
    let (width, height) = (plane.width(), plane.height());
    let padded = width.next_multiple_of(BLOCK);
    let mut strip = vec![0; BLOCK * padded];
    let mut out = Plane::new(width, height);
    for top in (0..height).step_by(BLOCK) {
        for (y, line) in (top..).zip(strip.chunks_exact_mut(padded)) {
            // The encoder repeats the last row and column to fill its blocks.
            round(plane.row(y.min(height - 1)), &mut line[..width]);
            let last = line[width - 1];
            line[width..].fill(last);
        }
        for left in (0..padded).step_by(BLOCK) {
            let block = quantiser.through(&strip[left..], padded);
            let across = BLOCK.min(width - left);
            for (y, row) in (top..height).zip(block.chunks_exact(BLOCK)) {
                let out = &mut out.row_mut(y)[left..left + across];
                for (out, sample) in out.iter_mut().zip(row) {
                    *out = f32::from(*sample);
                }
            }
        }
    }
    out
}

/// Rounds samples to bytes.
#[pulp::with_simd(round = simd::arch())]
#[inline(always)]
fn round_lanes<'a, S: Simd>(_: S, samples: &'a [f32], out: &'a mut [u8]) {
    for (out, sample) in out.iter_mut().zip(samples) {
        // As `f32::round`, which is a call on a processor without an instruction for it.
        let sample = sample.clamp(0.0, 255.0);
        let whole = sample as u8;
        *out = whole + u8::from(sample - f32::from(whole) >= 0.5);
    }
}

/// The luma quantiser of libjpeg at a quality.
struct Quantiser {
    /// Steps, in natural order.
    steps: [u16; 64],
    /// For each step `2^32 / (8 step)`, rounded up: the transform's output is eight times too
    /// large.
    reciprocals: [u64; 64],
    routines: SimdRoutines,
}

impl Quantiser {
    fn new(quality: u8) -> Self {
        let steps = quality_scale_quant_table(&STD_LUMINANCE_QUANT_TABLE, quality);
        Self {
            steps,
            reciprocals: steps.map(|step| (1 << 32) / (8 * u64::from(step)) + 1),
            routines: detect(),
        }
    }

    /// Transforms, quantises and restores the first block of a strip with rows of `width` samples.
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "quantised values are small"
    )]
    fn through(&self, strip: &[u8], width: usize) -> [u8; 64] {
        let mut samples = [0; 64];
        for (out, line) in samples.chunks_exact_mut(BLOCK).zip(strip.chunks(width)) {
            for (out, sample) in out.iter_mut().zip(line) {
                *out = i16::from(*sample) - 128;
            }
        }
        let mut coefficients = [0; 64];
        fdct_islow(&samples, &mut coefficients);
        let mut quantised = [0; 64];
        let factors = self.steps.iter().zip(&self.reciprocals);
        for ((out, coefficient), (step, reciprocal)) in
            quantised.iter_mut().zip(&coefficients).zip(factors)
        {
            let half = 4 * u32::from(*step);
            let magnitude = u64::from(coefficient.unsigned_abs() + half);
            // Exact: magnitudes are below 2^17 and divisors below 2^12.
            let whole = ((magnitude * reciprocal) >> 32) as i16;
            *out = if *coefficient < 0 { -whole } else { whole };
        }
        let mut block = [0; 64];
        (self.routines.idct_islow)(&quantised, &self.steps, &mut block);
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise from -20 to 274, so that it is clamped.
    fn plane(width: u16, height: u16) -> Plane {
        let sample = |at: u32| {
            let noise = u16::try_from(at * 7_919 % 1_471).unwrap();
            f32::from(noise) * 0.2 - 20.0
        };
        let samples = (0..u32::from(width) * u32::from(height)).map(sample);
        Plane::from_vec(width.into(), height.into(), samples.collect()).unwrap()
    }

    #[test]
    fn a_gray_plane_survives_a_fine_jpeg() {
        let samples = (0..40 * 24).map(|i: u16| f32::from(i % 40) * 6.0).collect();
        let plane = Plane::from_vec(40, 24, samples).unwrap();
        let back = decode_gray_jpeg(&encode_gray_jpeg(&plane, 95).unwrap()).unwrap();
        assert_eq!((back.width(), back.height()), (40, 24));
        for (a, b) in plane.data().iter().zip(back.data()) {
            assert!((a - b).abs() < 6.0, "{a} became {b}");
        }
    }

    #[test]
    fn samples_are_the_same_on_every_instruction_set() {
        let plane = plane(123, 77);
        let widest = through_gray_jpeg(&plane, 50);
        assert!(simd::narrow::run(|| through_gray_jpeg(&plane, 50)) == widest);
    }

    #[test]
    fn without_the_file_the_samples_are_the_same() {
        for (width, height) in [(64, 48), (61, 37), (8, 8), (1, 1), (200, 3)] {
            for quality in [5, 50, 75, 95, 100] {
                let plane = plane(width, height);
                let file = encode_gray_jpeg(&plane, quality).unwrap();
                let there_and_back = decode_gray_jpeg(&file).unwrap();
                assert!(
                    through_gray_jpeg(&plane, quality) == there_and_back,
                    "{width} x {height} at {quality}"
                );
            }
        }
    }
}
