//! The lapped transform of the grid: tiles without visible edges.
//!
//! ```text
//! basis   phi_k[n] = sin(pi (n + 1/2) / 16) sqrt(2/8) cos(pi/8 (n + 1/2 + 4) (k + 1/2)),   n = 0..15
//! tile b  covers the samples 8 b - 4 .. 8 b + 11, with wrap-around
//! C = M Y M^T      M: the rows phi_k of all tiles, k = 0..3 of 8
//! ```
//!
//! This is the MDCT of Princen and Bradley, "Analysis/synthesis filter bank design based on time
//! domain aliasing cancellation" (1986). With all 8 frequencies M is orthonormal, so the transpose
//! is its inverse, a unit change of a chip is a unit of energy, and a mark made of chips fades out
//! over the neighbouring tiles.

use std::{f64::consts::PI, sync::LazyLock};

use pulp::Simd;

use super::carrier::{CHIP_FREQUENCIES, Chips, FREQUENCIES};
use crate::{
    imaging::Plane,
    simd,
    watermark::layout::{GRID, TILE, TILES},
};

/// Samples that a tile's basis covers along an axis.
const SUPPORT: usize = 2 * TILE;
/// Samples by which the support begins before its tile.
const LEAD: usize = TILE / 2;
/// Coefficients on a side of the transformed grid.
const SIDE: usize = TILES * FREQUENCIES;

/// Number of chips of bands 0 and 1, which come first.
pub(in crate::watermark) const LOW_CHIPS: usize = 5;
/// Frequencies per axis that the low chips use.
const LOW_FREQUENCIES: usize = 3;

/// `phi_k[n]`, evaluated in `f64` and rounded once, so that every machine has the same values.
static BASIS: LazyLock<[[f32; SUPPORT]; FREQUENCIES]> =
    LazyLock::new(|| std::array::from_fn(basis));

fn basis(k: usize) -> [f32; SUPPORT] {
    std::array::from_fn(|n| {
        let at = n as f64 + 0.5;
        let window = (PI * at / SUPPORT as f64).sin();
        let wave = (PI / TILE as f64 * (at + LEAD as f64) * (k as f64 + 0.5)).cos();
        (window * (2.0 / TILE as f64).sqrt() * wave) as f32
    })
}

/// The same as `[n][k]`, so that the frequencies of a tile are added up side by side.
static BASIS_BY_SAMPLE: LazyLock<[[f32; FREQUENCIES]; SUPPORT]> =
    LazyLock::new(|| std::array::from_fn(|n| std::array::from_fn(|k| BASIS[k][n])));

/// Transforms one line of the grid: 256 samples to `out[4 tile + k]`.
#[inline(always)]
pub(in crate::watermark) fn forward_line(line: &[f32], out: &mut [f32]) {
    let mut wrapped = [0.0; GRID + 2 * LEAD];
    wrapped[..LEAD].copy_from_slice(&line[GRID - LEAD..]);
    wrapped[LEAD..LEAD + GRID].copy_from_slice(line);
    wrapped[LEAD + GRID..].copy_from_slice(&line[..LEAD]);
    let basis = &*BASIS_BY_SAMPLE;
    for (tile, out) in out.as_chunks_mut::<FREQUENCIES>().0.iter_mut().enumerate() {
        let samples = &wrapped[tile * TILE..tile * TILE + SUPPORT];
        let mut sums = [0.0; FREQUENCIES];
        for (sample, phi) in samples.iter().zip(basis) {
            for (sum, phi) in sums.iter_mut().zip(phi) {
                *sum += sample * phi;
            }
        }
        *out = sums;
    }
}

/// Transforms a 256 x 256 grid to its chips.
pub(in crate::watermark) fn forward(grid: &Plane) -> Chips {
    forward_widest(grid)
}

#[pulp::with_simd(forward_widest = simd::arch())]
#[inline(always)]
fn forward_lanes<S: Simd>(_: S, grid: &Plane) -> Chips {
    let mut across = Plane::new(SIDE, GRID);
    for y in 0..GRID {
        forward_line(grid.row(y), across.row_mut(y));
    }
    let mut both = Plane::new(SIDE, SIDE);
    for tile in 0..TILES {
        for (k, phi) in BASIS.iter().enumerate() {
            let out = both.row_mut(tile * FREQUENCIES + k);
            for (n, phi) in phi.iter().enumerate() {
                for (out, value) in out.iter_mut().zip(across.row(row_of(tile, n))) {
                    *out += phi * value;
                }
            }
        }
    }
    let mut chips = Chips::zeros();
    for (tile, out) in chips.tiles_mut().enumerate() {
        for (out, (i, j)) in out.iter_mut().zip(CHIP_FREQUENCIES) {
            *out = both.row(tile / TILES * FREQUENCIES + i)[tile % TILES * FREQUENCIES + j];
        }
    }
    chips
}

/// Returns the first chips that a tile would have at every `step`-th place of a picture, row-major.
///
/// A place is the first sample of the tile's support of 16 x 16; both sides must have that many
/// samples. The first five chips have frequencies below 3 in both directions.
pub(in crate::watermark) fn sliding(picture: &Plane, step: usize) -> Vec<[f32; LOW_CHIPS]> {
    let places = |side: usize| (side - SUPPORT) / step + 1;
    let (columns, rows) = (places(picture.width()), places(picture.height()));
    let low = LOW_FREQUENCIES;
    let mut across = Plane::new(columns * low, picture.height());
    for y in 0..picture.height() {
        let samples = picture.row(y);
        for (place, out) in across.row_mut(y).chunks_exact_mut(low).enumerate() {
            let samples = &samples[place * step..place * step + SUPPORT];
            for (out, phi) in out.iter_mut().zip(BASIS.iter()) {
                *out = dot(samples, phi);
            }
        }
    }
    let mut chips = Vec::with_capacity(columns * rows);
    let mut down = Plane::new(columns * low, low);
    for row in 0..rows {
        down.data_mut().fill(0.0);
        for (i, phi) in BASIS.iter().enumerate().take(low) {
            for (n, phi) in phi.iter().enumerate() {
                let from = across.row(row * step + n);
                for (out, value) in down.row_mut(i).iter_mut().zip(from) {
                    *out += phi * value;
                }
            }
        }
        let (first, second, third) = (down.row(0), down.row(1), down.row(2));
        for column in 0..columns {
            let at = column * low;
            // CHIP_FREQUENCIES[..LOW_CHIPS], i down and j across.
            chips.push([
                first[at + 1],
                second[at],
                second[at + 1],
                first[at + 2],
                third[at],
            ]);
        }
    }
    chips
}

/// Returns a product of 16 samples, in eight sums side by side, so that the compiler vectorises it;
/// their order is fixed.
fn dot(samples: &[f32], phi: &[f32; SUPPORT]) -> f32 {
    let mut sums = [0.0_f32; SUPPORT / 2];
    for (samples, phi) in samples
        .chunks_exact(SUPPORT / 2)
        .zip(phi.chunks_exact(SUPPORT / 2))
    {
        for ((sum, y), phi) in sums.iter_mut().zip(samples).zip(phi) {
            *sum += y * phi;
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + e) + (b + f)) + ((c + g) + (d + h))
}

/// Adds up the basis functions of chips and returns the 256 x 256 grid whose chips they are.
pub(in crate::watermark) fn inverse(chips: &Chips) -> Plane {
    inverse_widest(chips)
}

#[pulp::with_simd(inverse_widest = simd::arch())]
#[inline(always)]
fn inverse_lanes<S: Simd>(_: S, chips: &Chips) -> Plane {
    let mut both = Plane::new(SIDE, SIDE);
    for (tile, chips) in chips.tiles().enumerate() {
        for (chip, (i, j)) in chips.iter().zip(CHIP_FREQUENCIES) {
            both.row_mut(tile / TILES * FREQUENCIES + i)[tile % TILES * FREQUENCIES + j] = *chip;
        }
    }
    let mut across = Plane::new(SIDE, GRID);
    for tile in 0..TILES {
        for (k, phi) in BASIS.iter().enumerate() {
            let coefficients = both.row(tile * FREQUENCIES + k);
            for (n, phi) in phi.iter().enumerate() {
                let out = across.row_mut(row_of(tile, n));
                for (out, value) in out.iter_mut().zip(coefficients) {
                    *out += phi * value;
                }
            }
        }
    }
    let mut grid = Plane::new(GRID, GRID);
    for y in 0..GRID {
        inverse_line(across.row(y), grid.row_mut(y));
    }
    grid
}

/// Adds up the basis functions of one line of coefficients.
#[inline(always)]
fn inverse_line(coefficients: &[f32], out: &mut [f32]) {
    let mut wrapped = [0.0; GRID + 2 * LEAD];
    for (tile, coefficients) in coefficients.chunks_exact(FREQUENCIES).enumerate() {
        let samples = &mut wrapped[tile * TILE..tile * TILE + SUPPORT];
        for (value, phi) in coefficients.iter().zip(BASIS.iter()) {
            for (sample, phi) in samples.iter_mut().zip(phi) {
                *sample += value * phi;
            }
        }
    }
    out.copy_from_slice(&wrapped[LEAD..LEAD + GRID]);
    for n in 0..LEAD {
        out[GRID - LEAD + n] += wrapped[n];
        out[n] += wrapped[LEAD + GRID + n];
    }
}

/// Returns the row of the grid under sample `n` of a tile's basis.
fn row_of(tile: usize, n: usize) -> usize {
    (tile * TILE + n + GRID - LEAD) % GRID
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watermark::{layout::Tiling, signal::carrier::Signs};

    /// Chips that are all different, and neither regular nor symmetric.
    fn arbitrary_chips() -> Chips {
        let mut chips = Chips::zeros();
        let mut value = 1.0_f32;
        for chip in chips.tiles_mut().flatten() {
            value = (value * 1.7 + 0.3) % 2.0;
            *chip = value - 1.0;
        }
        chips
    }

    #[test]
    fn all_eight_frequencies_are_orthonormal() {
        for (a, tile_a) in (0..8).flat_map(|k| [(k, 0_usize), (k, 1)]) {
            for b in 0..8 {
                let shift = tile_a * TILE;
                let product: f32 = (shift..SUPPORT)
                    .map(|n| basis(a)[n - shift] * basis(b)[n])
                    .sum();
                let expected = if a == b && tile_a == 0 { 1.0 } else { 0.0 };
                assert!(
                    (product - expected).abs() < 1e-6,
                    "{a} {b} {tile_a}: {product}"
                );
            }
        }
    }

    #[test]
    fn the_chips_of_a_sum_of_chips_are_those_chips() {
        let chips = arbitrary_chips();
        let back = forward(&inverse(&chips));
        for (a, b) in chips.tiles().flatten().zip(back.tiles().flatten()) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }

    #[test]
    fn sliding_chips_are_the_tiles_own_where_a_tile_begins() {
        let mut grid = inverse(&arbitrary_chips());
        grid.data_mut()[777] += 5.0;
        let chips = forward(&grid);
        let places = sliding(&grid, 2);
        let columns = (GRID - SUPPORT) / 2 + 1;
        for (row, column) in [(1, 1), (7, 20), (30, 30)] {
            let place = |tile: usize| (tile * TILE - LEAD) / 2;
            let slid = places[place(row) * columns + place(column)];
            let own = chips.tiles().nth(row * TILES + column).unwrap();
            for (a, b) in slid.iter().zip(own) {
                assert!((a - b).abs() < 1e-4, "{a} {b}");
            }
        }
    }

    #[test]
    fn a_field_has_unit_rms() {
        let key = crate::watermark::WatermarkKey::derive(&[7; 32], &[9; 16]);
        let field = inverse(&Signs::new(&key, Tiling::Fine).field());
        let energy: f32 = field.data().iter().map(|p| p * p).sum();
        assert!((energy / (GRID * GRID) as f32 - 1.0).abs() < 1e-3);
    }
}
