//! The 8 x 8 block DCT of a picture interpolated from the grid, computed without making that
//! picture.
//!
//! Enlarging the grid r and the block DCT are both linear and separable, so their product is a
//! short row of weights on r for every block and frequency of an axis:
//!
//! ```text
//! R(x)      = sum over i of  U(x, i) r_i                  U: grid to pixels (bicubic)
//! B_k(b, i) = sum over x = 0..7 of  c_k(x) U(8 b + x, i)  c_k: orthonormal DCT; pixels outside repeat the edge
//! R_kl(a,b) = sum over i, j of  B_k(a, i) r_ij B_l(b, j)
//! ```
//!
//! The block DCT of the *carrier*, averaged over its random signs, follows from the same weights:
//! chips are orthonormal with independent signs, so energies add up. With phi the lapped basis of a
//! tile t and A the chips' amplitudes,
//!
//! ```text
//! G_k(i)    = mean over b of  sum over t of  (sum over x of B_k(b, x) phi_t,i(x))^2
//! rms_kl^2  = sum over chips (i, j) of  A_ij^2  G_k(i) G_l(j)
//! ```

use crate::{
    imaging::Plane,
    watermark::{
        layout::{GRID, TILES},
        sampling::{dct::dct_basis, resample::Taps},
        signal::{
            carrier::{CHIP_FREQUENCIES, FREQUENCIES, amplitudes},
            transform,
        },
    },
};

/// Pixels on a side of a block.
const BLOCK: usize = 8;
/// Number of blocks of an axis that [`BlockAxis::energy`] samples, spread over the whole axis.
const ENERGY_BLOCKS: usize = 64;

/// The weights `B_k(b, i)` of one axis.
#[derive(Debug)]
pub(in crate::watermark) struct BlockAxis {
    /// First grid sample under each block.
    first: Vec<usize>,
    /// Number of grid samples that a block's weights span.
    span: usize,
    /// For each frequency and each of `span` grid samples, the weights of all blocks.
    weights: Vec<f32>,
}

impl BlockAxis {
    /// Computes the weights of an axis of `side` pixels.
    pub(in crate::watermark) fn new(side: u32) -> Self {
        let side = side as usize;
        let taps = Taps::from_grid(side);
        let blocks = side.div_ceil(BLOCK);
        let pixel = |block: usize, x: usize| (block * BLOCK + x).min(side - 1);
        let end = |block: usize| {
            let (first, weights) = taps.run(pixel(block, BLOCK - 1));
            first + weights.len()
        };
        let start = |block: usize| taps.run(pixel(block, 0)).0;
        let span = (0..blocks)
            .map(|block| end(block) - start(block))
            .max()
            .unwrap_or(0);
        let mut axis = Self {
            first: Vec::with_capacity(blocks),
            span,
            weights: vec![0.0; blocks * FREQUENCIES * span],
        };
        for block in 0..blocks {
            // The last blocks reach back, so that every span lies on the grid.
            let first = start(block).min(GRID - span);
            axis.first.push(first);
            for k in 0..FREQUENCIES {
                let mut sums = vec![0.0; span];
                for x in 0..BLOCK {
                    let (from, weights) = taps.run(pixel(block, x));
                    for (sum, weight) in sums[from - first..].iter_mut().zip(weights) {
                        *sum += dct_basis(k, x) * f64::from(*weight);
                    }
                }
                for (tap, sum) in sums.into_iter().enumerate() {
                    axis.weights[(k * span + tap) * blocks + block] = sum as f32;
                }
            }
        }
        axis
    }

    /// Returns the number of blocks; the last one may lie partly outside the picture.
    pub(in crate::watermark) fn blocks(&self) -> usize {
        self.first.len()
    }

    /// Returns the first grid sample of a block, and the weights `B_k` from there on.
    #[inline(always)]
    fn run(&self, block: usize, k: usize) -> (usize, impl Iterator<Item = f32>) {
        let weights = (0..self.span).map(move |tap| self.tap(k, tap)[block]);
        (self.first[block], weights)
    }

    /// Returns the weights of all blocks on one of their grid samples.
    #[inline(always)]
    fn tap(&self, k: usize, tap: usize) -> &[f32] {
        let start = (k * self.span + tap) * self.blocks();
        &self.weights[start..start + self.blocks()]
    }

    /// Returns `G_k(i)` as `[k][i]`.
    fn energy(&self) -> [[f64; FREQUENCIES]; FREQUENCIES] {
        let stride = self.blocks().div_ceil(ENERGY_BLOCKS);
        let mut energy = [[0.0; FREQUENCIES]; FREQUENCIES];
        let mut chips = [0.0; TILES * FREQUENCIES];
        let mut blocks = 0.0;
        for block in (0..self.blocks()).step_by(stride) {
            for (k, energy) in energy.iter_mut().enumerate() {
                let (first, weights) = self.run(block, k);
                let mut line = [0.0; GRID];
                for (sample, weight) in line[first..].iter_mut().zip(weights) {
                    *sample = weight;
                }
                transform::forward_line(&line, &mut chips);
                for chips in chips.chunks_exact(FREQUENCIES) {
                    for (energy, chip) in energy.iter_mut().zip(chips) {
                        *energy += f64::from(chip * chip);
                    }
                }
            }
            blocks += 1.0;
        }
        energy.map(|row| row.map(|sum| sum / blocks))
    }
}

/// Returns `rms_kl` of the carrier's block DCT as `[k][l]`, k down and l across.
pub(in crate::watermark) fn carrier_rms(
    down: &BlockAxis,
    across: &BlockAxis,
) -> [[f32; FREQUENCIES]; FREQUENCIES] {
    let (down, across) = (down.energy(), across.energy());
    let amplitudes = amplitudes();
    std::array::from_fn(|k| {
        std::array::from_fn(|l| {
            let chips = CHIP_FREQUENCIES.iter().zip(amplitudes);
            let energy: f64 = chips
                .map(|(&(i, j), a)| f64::from(a * a) * down[k][i] * across[l][j])
                .sum();
            energy.sqrt() as f32
        })
    })
}

/// The grid samples under each block of a row: for each of an axis's taps, those of all blocks.
#[derive(Debug)]
pub(in crate::watermark) struct GatheredRow(Vec<f32>);

impl GatheredRow {
    /// Prepares for the blocks of an axis.
    pub(in crate::watermark) fn new(across: &BlockAxis) -> Self {
        Self(vec![0.0; across.span * across.blocks()])
    }

    /// Reduces axis y of the grid to frequency k of a row of blocks, and lays out the samples.
    #[inline(always)]
    pub(in crate::watermark) fn gather(
        &mut self,
        grid: &Plane,
        (down, across): (&BlockAxis, &BlockAxis),
        row: usize,
        k: usize,
    ) {
        let (first, weights) = down.run(row, k);
        let mut line = [0.0; GRID];
        for (y, weight) in (first..).zip(weights) {
            for (sum, sample) in line.iter_mut().zip(grid.row(y)) {
                *sum += weight * sample;
            }
        }
        for (tap, samples) in self.0.chunks_exact_mut(across.blocks()).enumerate() {
            for (sample, first) in samples.iter_mut().zip(&across.first) {
                *sample = line[first + tap];
            }
        }
    }

    /// Computes `R_kl` of all blocks, for the k that was gathered.
    #[inline(always)]
    pub(in crate::watermark) fn coefficients(&self, across: &BlockAxis, l: usize, out: &mut [f32]) {
        out.fill(0.0);
        for (tap, samples) in self.0.chunks_exact(across.blocks()).enumerate() {
            for ((out, sample), weight) in out.iter_mut().zip(samples).zip(across.tap(l, tap)) {
                *out += sample * weight;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watermark::{
        WatermarkKey, layout::Tiling, sampling::resample::resample, signal::carrier::Signs,
    };

    fn field() -> Plane {
        let key = WatermarkKey::derive(&[7; 32], &[9; 16]);
        transform::inverse(&Signs::new(&key, Tiling::Fine).field())
    }

    #[test]
    fn coefficients_are_those_of_the_enlarged_field() {
        let field = field();
        // 301 is no multiple of 8; 203 is smaller than the grid.
        let (width, height) = (301, 203);
        let x = Taps::from_grid(width);
        let y = Taps::from_grid(height);
        let full = resample(&field, &x, &y);
        let (across, down) = (BlockAxis::new(301), BlockAxis::new(203));
        let mut row = vec![0.0; across.blocks()];
        let mut gathered = GatheredRow::new(&across);
        for (a, b, k, l) in [(0, 0, 0, 0), (3, 5, 1, 2), (25, 37, 0, 1), (25, 37, 3, 3)] {
            gathered.gather(&field, (&down, &across), a, k);
            gathered.coefficients(&across, l, &mut row);
            let mut expected = 0.0;
            for py in 0..8 {
                for px in 0..8 {
                    let sample =
                        full.row((8 * a + py).min(height - 1))[(8 * b + px).min(width - 1)];
                    expected += f64::from(sample) * dct_basis(k, py) * dct_basis(l, px);
                }
            }
            assert!(
                (f64::from(row[b]) - expected).abs() < 1e-4,
                "{a} {b} {k} {l}"
            );
        }
    }

    #[test]
    fn the_expected_rms_is_that_of_a_field() {
        let field = field();
        let (across, down) = (BlockAxis::new(1200), BlockAxis::new(800));
        let rms = carrier_rms(&down, &across);
        let mut row = vec![0.0; across.blocks()];
        let mut gathered = GatheredRow::new(&across);
        for (k, l) in [(0, 0), (0, 1), (1, 1)] {
            let mut energy = 0.0;
            for a in 0..down.blocks() {
                gathered.gather(&field, (&down, &across), a, k);
                gathered.coefficients(&across, l, &mut row);
                energy += row.iter().map(|r| r * r).sum::<f32>();
            }
            let measured = (energy / (across.blocks() * down.blocks()) as f32).sqrt();
            assert!(
                (measured / rms[k][l] - 1.0).abs() < 0.03,
                "{k} {l} {measured} {}",
                rms[k][l]
            );
        }
    }
}
