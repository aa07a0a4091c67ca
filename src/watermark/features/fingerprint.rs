//! The appearance of a whole picture in 256 bits.
//!
//! ```text
//! c(v, u) = sum over the 256 x 256 luma grid of  y cos(pi (2 row + 1) v / 512) cos(pi (2 column + 1) u / 512)
//! bit     = c(v, u) > 0,   v, u = 1 ..= 16
//! ```
//!
//! The sixteen lowest frequencies of either axis survive compression, scaling and blur; a change of
//! brightness or contrast scales them all. The idea is that of PDQ (Meta, "The TMK+PDQF
//! video-hashing algorithm and the PDQ image-hashing algorithm", 2019), with two differences: the
//! bits are signs, not comparisons with the median, so that one coefficient does not move the
//! others and a mirror image or a quarter turn of the picture is an exact exchange of bits; and the
//! picture is not blurred first, since taking only low frequencies does that.
//!
//! Unrelated pictures differ in 128 bits on average, with a standard deviation of 8. A fingerprint
//! finds candidates and decides nothing: the mark does.

use std::{f64::consts::PI, sync::LazyLock};

use pulp::Simd;

use crate::{
    imaging::{Orientation, Plane},
    simd,
    watermark::{error::WatermarkError, layout::GRID},
};

/// Frequencies along an axis.
pub(in crate::watermark) const SIDE: usize = 16;
/// Bits of a fingerprint.
pub(in crate::watermark) const BITS: usize = SIDE * SIDE;
/// Bytes of a fingerprint.
const BYTES: usize = BITS / 8;

/// `cos(pi (2 at + 1) frequency / 512)` for each sample of a line, frequencies 1 to 16.
static BASIS: LazyLock<[[f32; SIDE]; GRID]> = LazyLock::new(|| {
    std::array::from_fn(|at| {
        std::array::from_fn(|index| {
            let phase = PI * (2 * at + 1) as f64 * (index + 1) as f64 / (2 * GRID) as f64;
            phase.cos() as f32
        })
    })
});

/// Low frequencies of a picture: a fingerprint together with the certainty of each bit.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::watermark) struct Spectrum {
    /// Row-major: v selects the row.
    coefficients: [f32; BITS],
}

impl Spectrum {
    /// Transforms an upright 256 x 256 luma grid.
    pub(in crate::watermark) fn of(grid: &Plane) -> Self {
        let mut coefficients = [0.0; BITS];
        transform(grid, &BASIS, &mut coefficients);
        Self { coefficients }
    }

    /// Returns the coefficients, lowest frequencies v^2 + u^2 first.
    pub(in crate::watermark) fn ordered(&self) -> [f32; BITS] {
        let mut order: [usize; BITS] = std::array::from_fn(|index| index);
        order.sort_by_key(|index| (index / SIDE + 1).pow(2) + (index % SIDE + 1).pow(2));
        order.map(|index| self.coefficients[index])
    }

    /// Returns the spectrum of the picture after a change of orientation.
    pub(in crate::watermark) fn turned(&self, change: Orientation) -> Self {
        // cos(pi (2 (N - 1 - i) + 1) k / 2 N) = (-1)^k cos(pi (2 i + 1) k / 2 N): mirroring negates
        // odd frequencies.
        let (transpose, mirror_x, mirror_y) = match change {
            Orientation::Upright => (false, false, false),
            Orientation::MirrorH => (false, true, false),
            Orientation::Rotate180 => (false, true, true),
            Orientation::MirrorV => (false, false, true),
            Orientation::Transpose => (true, false, false),
            Orientation::Rotate90 => (true, true, false),
            Orientation::Transverse => (true, true, true),
            Orientation::Rotate270 => (true, false, true),
        };
        let coefficients = std::array::from_fn(|index| {
            let (v, u) = (index / SIDE, index % SIDE);
            let source = if transpose { u * SIDE + v } else { index };
            // Frequencies start at 1, so even indices are odd frequencies.
            let negated = (mirror_x && u % 2 == 0) != (mirror_y && v % 2 == 0);
            let coefficient = self.coefficients[source];
            if negated { -coefficient } else { coefficient }
        });
        Self { coefficients }
    }

    /// Returns the signs of the coefficients.
    pub(in crate::watermark) fn fingerprint(&self) -> Fingerprint {
        let mut words = [0; BITS / 64];
        for (word, coefficients) in words.iter_mut().zip(self.coefficients.chunks_exact(64)) {
            for (bit, coefficient) in coefficients.iter().enumerate() {
                *word |= u64::from(*coefficient > 0.0) << bit;
            }
        }
        Fingerprint(words)
    }
}

/// Writes the coefficients of a grid. Each is a sum from left to right, and then from top to
/// bottom; those of all frequencies run side by side.
#[pulp::with_simd(transform = simd::arch())]
#[inline(always)]
fn transform_lanes<'a, S: Simd>(
    _: S,
    grid: &'a Plane,
    basis: &'a [[f32; SIDE]; GRID],
    coefficients: &'a mut [f32; BITS],
) {
    let mut spectrum = [[0.0; SIDE]; SIDE];
    for (y, weights) in basis.iter().enumerate() {
        let mut line = [0.0; SIDE];
        for (sample, basis) in grid.row(y).iter().zip(basis) {
            for (sum, basis) in line.iter_mut().zip(basis) {
                *sum += sample * basis;
            }
        }
        for (out, weight) in spectrum.iter_mut().zip(weights) {
            for (out, sum) in out.iter_mut().zip(&line) {
                *out += weight * sum;
            }
        }
    }
    coefficients.copy_from_slice(spectrum.as_flattened());
}

/// Perceptual hash of a whole picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u64; BITS / 64]);

impl Fingerprint {
    /// Returns the number of bits in which two pictures differ, 0..=256: 0 to 20 after compression,
    /// scaling or a filter, 128 on average between unrelated pictures.
    pub fn distance(&self, other: &Self) -> u32 {
        self.0
            .iter()
            .zip(&other.0)
            .map(|(a, b)| (a ^ b).count_ones())
            .sum()
    }

    /// Writes the section of a record: 32 bytes.
    pub(in crate::watermark) fn to_bytes(self) -> Vec<u8> {
        self.0.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Reads the section of a record.
    ///
    /// # Errors
    ///
    /// [`WatermarkError::InvalidRecord`] if it has another length.
    pub(in crate::watermark) fn from_bytes(bytes: &[u8]) -> Result<Self, WatermarkError> {
        let bytes: &[u8; BYTES] = bytes
            .try_into()
            .map_err(|_| WatermarkError::InvalidRecord("a fingerprint of another length"))?;
        let (words, _) = bytes.as_chunks::<8>();
        Ok(Self(std::array::from_fn(|i| u64::from_le_bytes(words[i]))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watermark::{sampling::grid::upright_luma, tests::pictures::scene_photo};

    fn grid() -> Plane {
        upright_luma(&scene_photo(600, 400))
    }

    #[test]
    fn turning_the_spectrum_is_turning_the_picture() {
        let grid = grid();
        let spectrum = Spectrum::of(&grid);
        for change in Orientation::ALL {
            let turned = Spectrum::of(&change.apply(&grid)).fingerprint();
            let distance = spectrum.turned(change).fingerprint().distance(&turned);
            assert!(distance <= 1, "{change:?}: {distance}");
        }
        let mirrored = spectrum.turned(Orientation::MirrorH).fingerprint();
        assert!(spectrum.fingerprint().distance(&mirrored) > 60);
    }

    #[test]
    fn coefficients_are_the_same_on_every_instruction_set() {
        let grid = grid();
        let look = || Spectrum::of(&grid).coefficients.map(f32::to_bits);
        assert_eq!(simd::narrow::run(look), look());
    }

    #[test]
    fn brightness_and_contrast_change_no_bit() {
        let grid = grid();
        let mut faded = grid.clone();
        for sample in faded.data_mut() {
            *sample = 0.5 * *sample + 60.0;
        }
        let (one, other) = (Spectrum::of(&grid), Spectrum::of(&faded));
        assert_eq!(one.fingerprint().distance(&other.fingerprint()), 0);
    }

    #[test]
    fn a_fingerprint_comes_back_from_its_bytes() {
        let fingerprint = Spectrum::of(&grid()).fingerprint();
        let bytes = fingerprint.to_bytes();
        assert_eq!(bytes.len(), 32);
        assert_eq!(Fingerprint::from_bytes(&bytes).unwrap(), fingerprint);
        assert!(Fingerprint::from_bytes(&bytes[1..]).is_err());
    }
}
