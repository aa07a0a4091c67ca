//! The carrier: which numbers of a picture are marked, with which sign and how strongly.
//!
//! The 256 x 256 grid has 32 x 32 *tiles* of 8 x 8. The lapped transform gives a tile 4 x 4 low
//! coefficients (i, j), i down and j across, at `f_k = 16 (k + 1/2)` cycles per picture. The 14 of them with
//! `12 <= F <= 72`, `F = sqrt(f_i^2 + f_j^2)`, are its *chips*. Chips of similar F make a *band*.
//!
//! ```text
//! F       8..28        28..44          44..60                 60..72
//! band    0            1               2                      3
//! chips   (0,1) (1,0)  (1,1)(0,2)(2,0) (1,2)(2,1)(2,2)(0,3)(3,0)  (1,3)(3,1)(2,3)(3,2)
//! sum     S_b(tile) = sum over the band's chips of  sign * coefficient
//! ```
//!
//! A tile is thus seen through 4 keyed sums, a picture through 4096: all that the record keeps of it.
//! Weights fall as `W = 40 / F`, like the spectrum of photographs, so that every chip is hidden equally well.

use rand_chacha::rand_core::Rng;

use super::key::{Stream, WatermarkKey};

/// Samples on a side of the canonical grid.
pub(super) const GRID: usize = 256;
/// Samples on a side of a tile, the hop of the lapped transform.
pub(super) const TILE: usize = 8;
/// Tiles on a side of the grid.
pub(super) const TILES: usize = GRID / TILE;
/// Tiles of the grid.
pub(super) const TILE_COUNT: usize = TILES * TILES;
/// Frequencies per axis of a tile that chips may use.
pub(super) const FREQUENCIES: usize = 4;
/// Chips of a tile.
pub(super) const CHIPS: usize = 14;
/// Bands, and so sums of a tile.
pub(super) const BANDS: usize = 4;
/// Sums of a picture.
pub(super) const SUMS: usize = BANDS * TILE_COUNT;

/// The (i, j) of a tile's chips, by F: the order in which the key's stream gives their signs.
pub(super) const CHIP_FREQUENCIES: [(usize, usize); CHIPS] = [
    (0, 1),
    (1, 0),
    (1, 1),
    (0, 2),
    (2, 0),
    (1, 2),
    (2, 1),
    (2, 2),
    (0, 3),
    (3, 0),
    (1, 3),
    (3, 1),
    (2, 3),
    (3, 2),
];

/// How many chips each band sums; they follow each other in [`CHIP_FREQUENCIES`].
pub(super) const BAND_CHIPS: [usize; BANDS] = [2, 3, 5, 4];

/// One number per chip: coefficients, signs or marked coefficients. Tile by tile in rows, 14 each.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chips(Vec<f32>);

impl Chips {
    /// Makes chips of zeros.
    pub(super) fn zeros() -> Self {
        Self(vec![0.0; TILE_COUNT * CHIPS])
    }

    /// Draws the signs of a key, +1 or -1: one bit per chip, the lowest bit of a byte first.
    pub(super) fn signs(key: &WatermarkKey) -> Self {
        let mut bytes = [0; TILE_COUNT * CHIPS / 8];
        key.stream(Stream::Signs).fill_bytes(&mut bytes);
        let mut signs = Vec::with_capacity(TILE_COUNT * CHIPS);
        for byte in bytes {
            signs.extend((0..8).map(|bit| if byte >> bit & 1 == 1 { 1.0 } else { -1.0 }));
        }
        Self(signs)
    }

    /// Returns the chips of each tile, 14 at a time, tile rows first.
    pub(super) fn tiles(&self) -> impl Iterator<Item = &[f32]> {
        self.0.chunks_exact(CHIPS)
    }

    /// Returns the chips of each tile for writing.
    pub(super) fn tiles_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.0.chunks_exact_mut(CHIPS)
    }

    /// Turns signs into the coefficients of a field of unit RMS: `sign * W / sqrt(sum W^2 / 64)`.
    pub(super) fn field(&self) -> Self {
        let amplitudes = amplitudes();
        let mut field = self.clone();
        for tile in field.tiles_mut() {
            for (chip, amplitude) in tile.iter_mut().zip(amplitudes) {
                *chip *= amplitude;
            }
        }
        field
    }

    /// Projects coefficients on signs: the keyed sums.
    pub(super) fn sums(&self, signs: &Self) -> Sums {
        let mut sums = Sums::zeros();
        for (tile, (chips, signs)) in self.tiles().zip(signs.tiles()).enumerate() {
            let mut first = 0;
            for (band, count) in BAND_CHIPS.into_iter().enumerate() {
                let mut sum = 0.0;
                for (chip, sign) in chips[first..first + count].iter().zip(&signs[first..]) {
                    sum += chip * sign;
                }
                sums.0[band * TILE_COUNT + tile] = sum;
                first += count;
            }
        }
        sums
    }
}

/// One number per tile and band: four planes of 32 x 32, band 0 first.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sums(Vec<f32>);

impl Sums {
    /// Makes sums of zeros.
    pub(super) fn zeros() -> Self {
        Self(vec![0.0; SUMS])
    }

    /// Makes sums from one value per tile and band; `value` gets the index into the planes.
    pub(super) fn from_fn(value: impl FnMut(usize) -> f32) -> Self {
        Self((0..SUMS).map(value).collect())
    }

    /// Returns the 32 x 32 plane of a band.
    pub(super) fn band(&self, band: usize) -> &[f32] {
        &self.0[band * TILE_COUNT..(band + 1) * TILE_COUNT]
    }

    /// Returns all values, band by band.
    pub(super) fn values(&self) -> &[f32] {
        &self.0
    }
}

/// Amplitude of each chip of a field of unit RMS.
///
/// The field `M^T (s W) M` has `sum W^2` of energy in the 64 samples of a tile, whatever the signs.
pub(super) fn amplitudes() -> [f32; CHIPS] {
    let weights = CHIP_FREQUENCIES.map(|(i, j)| {
        let f = |k: usize| 16.0 * (k as f64 + 0.5);
        40.0 / (f(i) * f(i) + f(j) * f(j)).sqrt()
    });
    let energy: f64 = weights.iter().map(|weight| weight * weight).sum();
    let rms = (energy / (TILE * TILE) as f64).sqrt();
    weights.map(|weight| (weight / rms) as f32)
}

/// What the unit field adds to the keyed sum of each band: the sum of its chips' amplitudes.
pub(super) fn band_amplitudes() -> [f32; BANDS] {
    let amplitudes = amplitudes();
    let mut first = 0;
    BAND_CHIPS.map(|count| {
        first += count;
        amplitudes[first - count..first].iter().sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chips_are_the_frequencies_from_12_to_72_in_four_bands() {
        let frequency = |(i, j): (usize, usize)| 16.0 * (i as f32 + 0.5).hypot(j as f32 + 0.5);
        let inside = (0..8)
            .flat_map(|i| (0..8).map(move |j| (i, j)))
            .filter(|&chip| (12.0..=72.0).contains(&frequency(chip)));
        assert_eq!(inside.clone().count(), CHIPS);
        assert!(inside.clone().all(|chip| CHIP_FREQUENCIES.contains(&chip)));
        assert!(CHIP_FREQUENCIES.map(frequency).is_sorted());
        let edges = [0.0, 28.0, 44.0, 60.0, 72.0];
        for (band, count) in BAND_CHIPS.into_iter().enumerate() {
            let in_band =
                |&chip: &(usize, usize)| (edges[band]..edges[band + 1]).contains(&frequency(chip));
            assert_eq!(inside.clone().filter(in_band).count(), count);
        }
    }

    #[test]
    fn the_signs_of_a_key_are_pinned() {
        let signs = Chips::signs(&WatermarkKey::derive(&[7; 32], &[9; 16]));
        let first: String = signs.0[..28]
            .iter()
            .map(|&sign| if sign > 0.0 { '+' } else { '-' })
            .collect();
        assert_eq!(first, "-+---++-++---+++++-----+--++");
        let positive = signs.0.iter().filter(|&&sign| sign > 0.0).count();
        assert_eq!(positive, 7158);
        assert!(signs.0.iter().all(|sign| [1.0, -1.0].contains(sign)));
    }

    #[test]
    fn the_sum_of_signs_with_themselves_counts_the_chips() {
        let signs = Chips::signs(&WatermarkKey::derive(&[1; 32], &[2; 16]));
        let sums = signs.sums(&signs);
        for (band, count) in BAND_CHIPS.into_iter().enumerate() {
            assert!(sums.band(band).iter().all(|&sum| sum as usize == count));
        }
        let field = signs.field().sums(&signs);
        for (band, amplitude) in band_amplitudes().into_iter().enumerate() {
            assert!((field.band(band)[77] - amplitude).abs() < 1e-5);
        }
    }
}
