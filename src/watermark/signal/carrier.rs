//! The carrier: the numbers of a picture that are marked, with their signs and amplitudes.
//!
//! The 256 x 256 grid has 32 x 32 *tiles* of 8 x 8. The lapped transform gives a tile 4 x 4 low
//! coefficients (i, j), i down and j across, at `f_k = 16 (k + 1/2)` cycles per picture. The 14 of
//! them with `12 <= F <= 72`, `F = sqrt(f_i^2 + f_j^2)`, are its *chips*. Chips of similar F make a
//! *band*.
//!
//! ```text
//! F       8..28        28..44          44..60                 60..72
//! band    0            1               2                      3
//! chips   (0,1) (1,0)  (1,1)(0,2)(2,0) (1,2)(2,1)(2,2)(0,3)(3,0)  (1,3)(3,1)(2,3)(3,2)
//! sum     S_b(tile) = sum over the band's chips of  sign * coefficient
//! ```
//!
//! A tile is thus seen through 4 keyed sums, a picture through 4096: all that the record keeps of
//! it. A record of strict privacy adds up the sums of 2 x 2 tiles and keeps 1024: [`Tiling`].
//! Weights fall as `W = 40 / F`, like the spectrum of photographs, so that every chip is hidden
//! equally well.

use std::fmt;

use rand_chacha::rand_core::Rng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::watermark::{
    key::{Stream, WatermarkKey},
    layout::{TILE, TILE_COUNT, Tiling},
};

/// Frequencies per axis of a tile that chips may use.
pub(in crate::watermark) const FREQUENCIES: usize = 4;
/// Number of chips in a tile.
pub(in crate::watermark) const CHIPS: usize = 14;
/// Number of bands, and so of sums of a tile.
pub(in crate::watermark) const BANDS: usize = 4;

/// The (i, j) of a tile's chips, by F: the order in which the key's stream gives their signs.
pub(in crate::watermark) const CHIP_FREQUENCIES: [(usize, usize); CHIPS] = [
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

/// Number of chips that each band sums; they follow each other in [`CHIP_FREQUENCIES`].
pub(in crate::watermark) const BAND_CHIPS: [usize; BANDS] = [2, 3, 5, 4];

/// One number per chip of a picture or a field: tile by tile in row-major order, 14 each. Never
/// printed.
#[derive(Clone, PartialEq, Zeroize)]
pub(in crate::watermark) struct Chips(Vec<f32>);

/// The signs of a key, +1 or -1 a chip, and the tiling of the sums that are made with them.
///
/// Whoever has the signs has the mark: they are wiped from memory on drop and never printed.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(in crate::watermark) struct Signs {
    chips: Chips,
    #[zeroize(skip)]
    tiling: Tiling,
}

impl Signs {
    /// Draws the signs of a key: one bit per chip, the lowest bit of a byte first.
    pub(in crate::watermark) fn new(key: &WatermarkKey, tiling: Tiling) -> Self {
        let mut bytes = Zeroizing::new([0; TILE_COUNT * CHIPS / 8]);
        key.stream(Stream::Signs).fill_bytes(bytes.as_mut());
        let mut signs = Vec::with_capacity(TILE_COUNT * CHIPS);
        for byte in bytes.iter() {
            signs.extend((0..8).map(|bit| if byte >> bit & 1 == 1 { 1.0 } else { -1.0 }));
        }
        Self {
            chips: Chips(signs),
            tiling,
        }
    }

    /// Returns the same signs, but with those of one tile and band reversed.
    #[cfg(test)]
    pub(in crate::watermark) fn with_flipped(&self, tile: usize, band: usize) -> Self {
        let mut chips = self.chips.clone();
        let first: usize = BAND_CHIPS[..band].iter().sum();
        let start = tile * CHIPS + first;
        for sign in &mut chips.0[start..start + BAND_CHIPS[band]] {
            *sign = -*sign;
        }
        Self {
            chips,
            tiling: self.tiling,
        }
    }

    /// Returns the tiling of the sums.
    pub(in crate::watermark) fn tiling(&self) -> Tiling {
        self.tiling
    }

    /// Returns the signs of each tile, 14 at a time, row-major.
    pub(in crate::watermark) fn tiles(&self) -> impl Iterator<Item = &[f32]> {
        self.chips.tiles()
    }

    /// Returns the coefficients of a field of unit RMS: `sign * W / sqrt(sum W^2 / 64)`. As secret
    /// as the signs.
    pub(in crate::watermark) fn field(&self) -> Zeroizing<Chips> {
        let amplitudes = amplitudes();
        let mut field = Zeroizing::new(self.chips.clone());
        for tile in field.tiles_mut() {
            for (chip, amplitude) in tile.iter_mut().zip(amplitudes) {
                *chip *= amplitude;
            }
        }
        field
    }
}

impl fmt::Debug for Signs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signs({:?}, ..)", self.tiling)
    }
}

impl fmt::Debug for Chips {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chips(..)")
    }
}

impl Chips {
    /// Makes chips of zeros.
    pub(in crate::watermark) fn zeros() -> Self {
        Self(vec![0.0; TILE_COUNT * CHIPS])
    }

    /// Returns the chips of each tile, 14 at a time, row-major.
    pub(in crate::watermark) fn tiles(&self) -> impl Iterator<Item = &[f32]> {
        self.0.chunks_exact(CHIPS)
    }

    /// Returns the chips of each tile for writing.
    pub(in crate::watermark) fn tiles_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.0.chunks_exact_mut(CHIPS)
    }

    /// Projects coefficients on signs and returns the keyed sums in the tiling of the signs.
    pub(in crate::watermark) fn sums(&self, signs: &Signs) -> Sums {
        let tiling = signs.tiling;
        let mut sums = Sums::zeros(tiling);
        for (tile, (chips, signs)) in self.tiles().zip(signs.tiles()).enumerate() {
            let mut first = 0;
            for (band, count) in BAND_CHIPS.into_iter().enumerate() {
                let mut sum = 0.0;
                for (chip, sign) in chips[first..first + count].iter().zip(&signs[first..]) {
                    sum += chip * sign;
                }
                sums.values[band * tiling.count() + tiling.sum_of(tile)] += sum;
                first += count;
            }
        }
        sums
    }
}

/// The keyed sums of a picture: four planes of 32 x 32 (or 16 x 16), band 0 first. Never printed.
#[derive(Clone, PartialEq)]
pub(in crate::watermark) struct Sums {
    tiling: Tiling,
    values: Vec<f32>,
}

impl Sums {
    /// Makes sums of zeros.
    pub(in crate::watermark) fn zeros(tiling: Tiling) -> Self {
        Self::from_fn(tiling, |_| 0.0)
    }

    /// Makes sums from one value each; `value` gets the index into the planes.
    pub(in crate::watermark) fn from_fn(tiling: Tiling, value: impl FnMut(usize) -> f32) -> Self {
        Self {
            tiling,
            values: (0..BANDS * tiling.count()).map(value).collect(),
        }
    }

    /// Returns the tiling of the sums.
    pub(in crate::watermark) fn tiling(&self) -> Tiling {
        self.tiling
    }

    /// Returns sums of every tile, added up for a coarser tiling.
    pub(in crate::watermark) fn on(&self, tiling: Tiling) -> Self {
        debug_assert_eq!(self.tiling, Tiling::Fine);
        if tiling == Tiling::Fine {
            return self.clone();
        }
        let mut coarse = Self::zeros(tiling);
        for (index, value) in self.values.iter().enumerate() {
            let (band, tile) = (index / TILE_COUNT, index % TILE_COUNT);
            coarse.values[band * tiling.count() + tiling.sum_of(tile)] += value;
        }
        coarse
    }

    /// Returns the plane of a band.
    pub(in crate::watermark) fn band(&self, band: usize) -> &[f32] {
        let count = self.tiling.count();
        &self.values[band * count..(band + 1) * count]
    }

    /// Returns all values, band by band.
    pub(in crate::watermark) fn values(&self) -> &[f32] {
        &self.values
    }
}

impl fmt::Debug for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sums({:?}, ..)", self.tiling)
    }
}

/// Returns the amplitude of each chip of a field of unit RMS.
///
/// The field `M^T (s W) M` has `sum W^2` of energy in the 64 samples of a tile, whatever the signs.
pub(in crate::watermark) fn amplitudes() -> [f32; CHIPS] {
    let weights = CHIP_FREQUENCIES.map(|(i, j)| {
        let f = |k: usize| 16.0 * (k as f64 + 0.5);
        40.0 / (f(i) * f(i) + f(j) * f(j)).sqrt()
    });
    let energy: f64 = weights.iter().map(|weight| weight * weight).sum();
    let rms = (energy / (TILE * TILE) as f64).sqrt();
    weights.map(|weight| (weight / rms) as f32)
}

/// Returns the amount that the unit field adds to the keyed sum of each band: the sum of its chips'
/// amplitudes.
pub(in crate::watermark) fn band_amplitudes() -> [f32; BANDS] {
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
    use crate::watermark::layout::TILES;

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
        let signs = Signs::new(&WatermarkKey::derive(&[7; 32], &[9; 16]), Tiling::Fine);
        let signs = &signs.chips.0;
        let first: String = signs[..28]
            .iter()
            .map(|&sign| if sign > 0.0 { '+' } else { '-' })
            .collect();
        assert_eq!(first, "-+---++-++---+++++-----+--++");
        let positive = signs.iter().filter(|&&sign| sign > 0.0).count();
        assert_eq!(positive, 7158);
        assert!(signs.iter().all(|sign| [1.0, -1.0].contains(sign)));
    }

    #[test]
    fn the_sum_of_signs_with_themselves_counts_the_chips() {
        for tiling in [Tiling::Fine, Tiling::Coarse] {
            let signs = Signs::new(&WatermarkKey::derive(&[1; 32], &[2; 16]), tiling);
            let sums = signs.chips.sums(&signs);
            let field = signs.field().sums(&signs);
            let tiles = tiling.tiles_per_sum();
            for (band, count) in BAND_CHIPS.into_iter().enumerate() {
                assert_eq!(sums.band(band).len() * tiles, TILE_COUNT);
                assert!(
                    sums.band(band)
                        .iter()
                        .all(|&sum| sum as usize == tiles * count)
                );
                let expected = tiles as f32 * band_amplitudes()[band];
                assert!((field.band(band)[77] - expected).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn a_coarse_sum_adds_up_four_tiles() {
        let key = WatermarkKey::derive(&[1; 32], &[2; 16]);
        let chips = Chips((0..TILE_COUNT * CHIPS).map(|i| (i % 97) as f32).collect());
        let fine = chips.sums(&Signs::new(&key, Tiling::Fine));
        let coarse = chips.sums(&Signs::new(&key, Tiling::Coarse));
        let tiles = [2 * TILES + 6, 2 * TILES + 7, 3 * TILES + 6, 3 * TILES + 7];
        for band in 0..BANDS {
            let expected: f32 = tiles.iter().map(|&tile| fine.band(band)[tile]).sum();
            assert!((coarse.band(band)[16 + 3] - expected).abs() < 1e-3);
        }
        assert!(
            tiles
                .iter()
                .all(|&tile| Tiling::Coarse.sum_of(tile) == 16 + 3)
        );
    }

    #[test]
    fn nothing_secret_is_printed() {
        let signs = Signs::new(&WatermarkKey::derive(&[1; 32], &[2; 16]), Tiling::Fine);
        let sums = signs.chips.sums(&signs);
        assert_eq!(
            format!("{signs:?} {:?} {sums:?}", *signs.field()),
            "Signs(Fine, ..) Chips(..) Sums(Fine, ..)"
        );
    }
}
