//! Grey pictures as this service makes them itself: JPEG files of one component, and what such a
//! file would make of a picture, without the file.

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
    let (width, height) = (plane.width(), plane.height());
    let quantiser = Quantiser::new(quality);
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
            let block = quantiser.through(|x, y| strip[y * padded + left + x]);
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
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0..=255; NaN becomes 0"
)]
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

    /// Transforms, quantises and restores a block of samples.
    fn through(&self, sample: impl Fn(usize, usize) -> u8) -> [u8; 64] {
        let samples = std::array::from_fn(|at| i16::from(sample(at % BLOCK, at / BLOCK)) - 128);
        let mut coefficients = [0; 64];
        fdct_islow(&samples, &mut coefficients);
        let mut quantised = [0; 64];
        for (at, quantised) in quantised.iter_mut().enumerate() {
            let half = 4 * u32::from(self.steps[at]);
            let magnitude = u64::from(coefficients[at].unsigned_abs() + half);
            // Exact: magnitudes are below 2^17 and divisors below 2^12.
            let whole = (magnitude * self.reciprocals[at]) >> 32;
            *quantised = whole as i16 * coefficients[at].signum() as i16;
        }
        let mut block = [0; 64];
        (self.routines.idct_islow)(&quantised, &self.steps, &mut block);
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(width: usize, height: usize) -> Plane {
        let sample = |at: usize| {
            let (x, y) = (at % width, at / width);
            let noise = (x * 7_919 + y * 104_729 + x * y * 31) % 211;
            (x as f32 * 0.7 + y as f32 * 0.3) % 200.0 + noise as f32 * 0.6 - 20.0
        };
        Plane::from_vec(width, height, (0..width * height).map(sample).collect()).unwrap()
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
