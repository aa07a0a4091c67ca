//! The part of the received sums that the expected ones explain.
//!
//! Per band, over the comparable tiles, with `G_s` a Gaussian of s tiles normalised by them, c = h
//! + w and u the trust in each tile (trust.rs):
//!
//! ```text
//! good = tiles of u > 0.5
//! g    = least absolute deviations over the good tiles, then three times <q r, c> / <q c, c>,
//!        q = u / (1 + (d / 3 s)^2),  s = 1.5 sqrt(median d^2 of the good tiles)
//! a    = (G_3(q r c) + lambda g) / (G_3(q c^2) + lambda),   within g/2 .. 2 g + 0.05;   lambda = mean(c^2) / 2
//! d    = r - a c
//! E    = G_0.8(c^2)
//! e    = median of G_1(d^2) / (G_1(a^2 c^2) + chips / 2), lowest band, over the textured inner tiles of G_1(a^2 c^2) > 30
//! ```
//!
//! e is the share of energy that is not the photo's. Something laid over the whole picture, as in a
//! double exposure, has a photograph's spectrum and is as strong in the lowest band as above;
//! codecs, noise and blurs are weakest there.

use super::{
    neighbourhoods::{Neighbourhoods, TINY, quantile, squares},
    trust::Trust,
};
use crate::watermark::{
    geometry::coverage::Coverage,
    layout::{TILE_COUNT, TILES},
    signal::carrier::{BAND_CHIPS, BANDS, Sums},
};

/// Fewest tiles from which any conclusion is drawn.
const LEAST_TILES: usize = 32;
/// Trust from which a tile counts for the gain.
const GOOD: f32 = 0.5;
/// Fewest good tiles; with fewer, all tiles count for the gain.
const LEAST_GOOD: usize = 40;
/// Energy in the lowest band from which a tile shows what else shines through.
const STRONG: f32 = 30.0;
/// Fewest strong tiles; with fewer, e is 0.
const LEAST_STRONG: usize = 24;

/// Comparison of one band.
#[derive(Debug)]
pub(super) struct ExplainedBand {
    /// Expected sum c of each tile.
    pub(super) expected: Vec<f32>,
    /// Gain g of the band.
    pub(super) gain: f32,
    /// Local gain a of each tile.
    pub(super) local: Vec<f32>,
    /// Difference d of each tile.
    pub(super) difference: Vec<f32>,
    /// Energy E of each tile.
    pub(super) energy: Vec<f32>,
    /// `G_0.8(r^2)` of each tile.
    pub(super) received_energy: Vec<f32>,
}

/// Comparison of all bands.
#[derive(Debug)]
pub(super) struct Explained {
    pub(super) bands: Vec<ExplainedBand>,
    pub(super) region: Neighbourhoods,
}

impl Explained {
    /// Compares received and expected sums; `None` if too few tiles are comparable.
    pub(super) fn new(
        received: &Sums,
        expected: &Sums,
        comparable: &Coverage,
        trust: &Trust,
    ) -> Option<Self> {
        if comparable.count() < LEAST_TILES {
            return None;
        }
        let region = Neighbourhoods::new(comparable);
        let mut good: Vec<usize> = (comparable.shown())
            .filter(|&tile| trust.weights[tile] > GOOD)
            .collect();
        if good.len() < LEAST_GOOD {
            good.clone_from(&region.tiles);
        }
        let bands = (0..BANDS)
            .map(|band| {
                let r = region.inside(received.band(band));
                let c = region.inside(expected.band(band));
                explain(&r, c, &region, &trust.weights, &good)
            })
            .collect();
        Some(Self { bands, region })
    }

    /// Returns the gain of the lowest band, which filters change least.
    pub(super) fn gain(&self) -> f32 {
        self.bands[0].gain.max(1e-3)
    }

    /// Returns e; 0 where the photo has too little content to determine it.
    pub(super) fn foreign_energy(&self, trust: &Trust) -> f32 {
        let band = &self.bands[0];
        let rest = self.region.middle.of(&squares(&band.difference));
        let kept: Vec<f32> = (band.local.iter().zip(&band.expected))
            .map(|(a, c)| (a * c) * (a * c))
            .collect();
        let kept = self.region.middle.of(&kept);
        let inside = |at: usize| (1..TILES - 1).contains(&at);
        let strong: Vec<usize> = (self.region.tiles.iter().copied())
            .filter(|&tile| inside(tile % TILES) && inside(tile / TILES))
            .filter(|&tile| trust.textured[tile] && kept[tile] > STRONG)
            .collect();
        if strong.len() < LEAST_STRONG {
            return 0.0;
        }
        let noise = 0.5 * BAND_CHIPS[0] as f32;
        let share: Vec<f32> = rest
            .iter()
            .zip(&kept)
            .map(|(r, k)| r / (k + noise))
            .collect();
        quantile(&share, &strong, 0.5)
    }
}

fn explain(
    r: &[f32],
    c: Vec<f32>,
    region: &Neighbourhoods,
    trust: &[f32],
    good: &[usize],
) -> ExplainedBand {
    let (gain, local) = gains(r, &c, region, trust, good);
    let difference = (0..TILE_COUNT).map(|tile| r[tile] - local[tile] * c[tile]);
    ExplainedBand {
        difference: difference.collect(),
        energy: region.narrow.of(&squares(&c)),
        received_energy: region.narrow.of(&squares(r)),
        expected: c,
        gain,
        local,
    }
}

/// Returns g of the band and a of each tile.
fn gains(
    r: &[f32],
    c: &[f32],
    region: &Neighbourhoods,
    trust: &[f32],
    good: &[usize],
) -> (f32, Vec<f32>) {
    let mut gain = least_absolute(r, c, good);
    let mut weights = trust.to_vec();
    for _ in 0..3 {
        let squares: Vec<f32> = (r.iter().zip(c))
            .map(|(r, c)| (r - gain * c) * (r - gain * c))
            .collect();
        let scale = 1.5 * quantile(&squares, good, 0.5).sqrt() + 1e-3;
        let (mut product, mut square) = (0.0, 0.0);
        for (tile, weight) in weights.iter_mut().enumerate() {
            *weight = trust[tile] / (1.0 + squares[tile] / (9.0 * scale * scale));
            product += f64::from(*weight * r[tile] * c[tile]);
            square += f64::from(*weight * c[tile] * c[tile]);
        }
        gain = (product / (square + f64::from(TINY))).max(0.0) as f32;
    }
    let weighted = |values: &[f32]| -> Vec<f32> {
        let products: Vec<f32> = (0..TILE_COUNT)
            .map(|t| weights[t] * values[t] * c[t])
            .collect();
        region.wide.of(&products)
    };
    let energy = c.iter().map(|c| f64::from(c * c)).sum::<f64>() as f32;
    let lambda = 0.5 * energy / region.tiles.len() as f32 + TINY;
    let local = (weighted(r).iter().zip(weighted(c)))
        .map(|(product, square)| {
            ((product + lambda * gain) / (square + lambda)).clamp(0.5 * gain, 2.0 * gain + 0.05)
        })
        .collect();
    (gain, local)
}

/// Returns the g with the least `sum |r - g c|`: the median of r / c, weighted by |c|. Edits of up
/// to half of the energy do not move it far.
fn least_absolute(r: &[f32], c: &[f32], tiles: &[usize]) -> f32 {
    let mut slopes: Vec<(f32, f32)> = tiles
        .iter()
        .filter(|&&tile| c[tile].abs() > TINY)
        .map(|&tile| (r[tile] / c[tile], c[tile].abs()))
        .collect();
    slopes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = slopes.iter().map(|slope| f64::from(slope.1)).sum::<f64>() / 2.0;
    let mut below = 0.0;
    slopes
        .iter()
        .find(|slope| {
            below += f64::from(slope.1);
            below >= half
        })
        .map_or(0.0, |slope| slope.0.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watermark::layout::Tiling;

    fn trusted(weight: impl Fn(usize) -> f32) -> Trust {
        Trust {
            weights: (0..TILE_COUNT).map(weight).collect(),
            textured: vec![true; TILE_COUNT],
        }
    }

    fn pattern(tile: usize) -> f32 {
        (tile * 37 % 101) as f32 - 50.0
    }

    /// Sums of a picture whose first `other` tiles show something else, the rest at 0.8 of its
    /// contrast.
    fn pictures(other: usize) -> (Sums, Sums) {
        let expected = Sums::from_fn(Tiling::Fine, |at| pattern(at % TILE_COUNT) + 0.5);
        let received = Sums::from_fn(Tiling::Fine, |at| {
            let tile = at % TILE_COUNT;
            if tile < other {
                60.0 - pattern(tile * 3)
            } else {
                0.8 * expected.values()[at]
            }
        });
        (received, expected)
    }

    #[test]
    fn the_gain_is_that_of_the_larger_part_and_of_the_trusted_one() {
        let gain = |other: usize, trust: &Trust| {
            let (received, expected) = pictures(other);
            let found = Explained::new(&received, &expected, &Coverage::full(), trust).unwrap();
            found.gain()
        };
        assert!((gain(250, &trusted(|_| 1.0)) - 0.8).abs() < 0.02);
        let wary = trusted(|tile| if tile < 700 { 0.02 } else { 1.0 });
        assert!((gain(700, &wary) - 0.8).abs() < 0.02);
        assert!((gain(700, &trusted(|_| 1.0)) - 0.8).abs() > 0.1);
    }

    #[test]
    fn what_lies_over_all_of_the_picture_is_foreign_energy() {
        let (_, expected) = pictures(0);
        let over = |share: f32| {
            let received = Sums::from_fn(Tiling::Fine, |at| {
                expected.values()[at] + share * pattern(at % TILE_COUNT * 29 + 11)
            });
            let trust = trusted(|_| 1.0);
            let found = Explained::new(&received, &expected, &Coverage::full(), &trust).unwrap();
            found.foreign_energy(&trust)
        };
        assert!(
            over(0.05) < 0.05 && over(0.7) > 0.25,
            "{} {}",
            over(0.05),
            over(0.7)
        );
    }

    #[test]
    fn a_handful_of_tiles_is_no_sample() {
        let of = |count: usize| {
            let (received, expected) = pictures(0);
            let few = Coverage::from_fn(|tile| tile < count);
            Explained::new(&received, &expected, &few, &trusted(|_| 1.0))
        };
        assert!(of(LEAST_TILES - 1).is_none());
        assert!(of(LEAST_TILES).unwrap().gain().is_finite());
    }
}
