//! The residual of the received sums after the expected ones, and the part of it that noise
//! explains.
//!
//! Per band, with d, a, c, E of explained.rs and u of trust.rs:
//!
//! ```text
//! m(T) = cumulative maximum, over classes of the tiles T by E, of median(d^2) / 0.455, between them linear in E
//! n    = min( m(all, 8 classes),  K (m(anchors, 4 classes) + 0.02 chips + 0.001 a^2 E) )       K = 4
//! v    = n + 0.02 chips + 0.0006 (1 + c^2) + 0.003 E + edge + 0.5 (share that may be lost) a^2 E
//! edge = ((a - a') / 2)^2 E + ((a - a') c / 4)^2 + W max(0, |dY' - g_0 dY| - 3)^2        a', dY: against the opposite edge
//! ```
//!
//! Noise is learned from the picture itself, so that the processing need not be known. But a
//! picture that is half something else would explain itself: the anchors, the 35 % of the stronger
//! tiles in which least is unexplained, show the effect of the same processing on what certainly is
//! the photo, and a tile may have K times that and no more.
//!
//! m grows with E beyond its last class; 0.0006 (1 + c^2) is the rounding of a companded h. 0.003 E
//! is the difference at strong edges between sums from a large JPEG's coefficients and from its
//! decoded pixels: without it an untouched dusk sky of 10 megapixels, decoded, had up to 1.9 times
//! the evidence of an alarm, with it 0.5. The lapped transform wraps around, so a tile at the
//! photo's edge holds half of the opposite one: where light falls unevenly, or the levels at both
//! edges moved apart, it holds what neither side's gain explains.
//!
//! Compression leaves d nearly normal; blurs, resampling and a registration that is slightly off
//! leave heavy tails, where a tile's chips were not all changed alike. The ratio of the quantiles
//! 0.9 and 0.5 of d^2 / v measures how heavy, and gives the degrees of freedom of a t distribution,
//! 2.5 at least: a picture of two halves has tails of any weight. 0.455 is the median of
//! chi-squared of one degree.

use super::{
    explained::{Explained, ExplainedBand},
    neighbourhoods::{Neighbourhoods, TINY, quantile, squares},
};
use crate::watermark::{
    layout::{TILE_COUNT, TILES},
    signal::carrier::{BAND_CHIPS, BANDS},
};

/// Number of classes by energy, of all tiles and of the anchors.
const CLASSES: (usize, usize) = (8, 4);
/// Share of the tiles, those of least energy, that cannot be anchors.
const WEAK: f32 = 0.25;
/// Share of the other tiles that are anchors.
const ANCHORS: f32 = 0.35;
/// Fewest anchors that bound the noise.
const LEAST_ANCHORS: usize = 24;
/// K: the most noise of a tile, as a multiple of the anchors'.
const CAP: f32 = 4.0;
/// Share of a tile's energy that counts as noise where all of it may be lost.
const LOST: f32 = 0.5;
/// W of each band.
const WRAP: [f32; BANDS] = [0.5, 0.25, 0.12, 0.06];
/// Levels by which two edges may move apart without widening the noise.
const WRAP_SLACK: f32 = 3.0;
/// Largest ratio of quantiles, that is, the heaviest tails: 2.5 degrees of freedom.
const MOST_TAIL: f32 = 10.62;
/// Ratio of the 0.9 and 0.5 quantiles of a squared t variable, its degrees of freedom, and
/// `ln(density(0) sqrt(2 pi))`: the logarithm of its density at 0 over the normal one's.
const TAILS: [(f32, f32, f32); 9] = [
    (6.18, 30.0, -0.0083),
    (6.71, 10.0, -0.0250),
    (7.10, 7.0, -0.0356),
    (7.69, 5.0, -0.0497),
    (8.28, 4.0, -0.0619),
    (9.47, 3.0, -0.0820),
    (10.62, 2.5, -0.0977),
    (12.79, 2.0, -0.1208),
    (18.03, 1.5, -0.1577),
];

/// Residual of one band.
#[derive(Debug)]
pub(super) struct BandResidual {
    /// Difference d of each tile.
    pub(super) difference: Vec<f32>,
    /// Variance v of each tile.
    pub(super) variance: Vec<f32>,
    /// Variance that replacing a tile by what is seen there would add to v: `a^2 E + G_0.8(r^2)`.
    pub(super) replaced: Vec<f32>,
    /// `a^2 E` of each tile, and its mean over the comparable ones.
    pub(super) kept: Vec<f32>,
    pub(super) usual: f32,
}

/// All bands, and the tails that they have in common.
#[derive(Debug)]
pub(super) struct Residual {
    pub(super) bands: Vec<BandResidual>,
    /// Degrees of freedom of the t distribution.
    pub(super) freedom: f32,
    /// Logarithm of the t density at 0 over the normal density there.
    pub(super) peak: f32,
}

impl Residual {
    /// Weights what is left unexplained. `steps` is how far the mean level of each tile and of the
    /// opposite edge's moved apart, in received levels; `None` if levels are not known.
    pub(super) fn new(explained: Explained, steps: Option<&[f32]>, gain: &[f32]) -> Self {
        let anchors = anchors(&explained);
        let region = &explained.region;
        let variances: Vec<Vec<f32>> = (explained.bands.iter().enumerate())
            .map(|(at, band)| {
                let mut variance = variance(band, BAND_CHIPS[at], region, &anchors);
                widen_edges(&mut variance, band, gain, WRAP[at], steps);
                variance
            })
            .collect();
        let mut tails: Vec<f32> = (explained.bands.iter().zip(&variances))
            .map(|(band, variance)| {
                let pairs = band.difference.iter().zip(variance);
                let standard: Vec<f32> = pairs.map(|(d, v)| d * d / v).collect();
                let of = |at| quantile(&standard, &region.tiles, at);
                of(0.9) / of(0.5).max(TINY)
            })
            .collect();
        tails.sort_unstable_by(f32::total_cmp);
        let (freedom, peak) = tail_shape(f32::midpoint(tails[1], tails[2]).min(MOST_TAIL));
        let bands = (explained.bands.into_iter().zip(variances))
            .map(|(band, variance)| BandResidual::new(band, variance, region.tiles.len()))
            .collect();
        Self {
            bands,
            freedom,
            peak,
        }
    }
}

impl Residual {
    /// Adds the variance that remains because a share of each tile was clipped, or was of colour
    /// and became light.
    pub(super) fn widen(&mut self, lost: &[f32]) {
        for band in &mut self.bands {
            for (tile, &share) in lost.iter().enumerate() {
                band.variance[tile] += LOST * share * band.kept[tile];
            }
        }
    }
}

impl BandResidual {
    fn new(band: ExplainedBand, variance: Vec<f32>, tiles: usize) -> Self {
        let kept: Vec<f32> = (band.local.iter().zip(&band.energy))
            .map(|(a, energy)| a * a * energy)
            .collect();
        Self {
            replaced: (kept.iter().zip(&band.received_energy))
                .map(|(kept, received)| kept + received + TINY)
                .collect(),
            usual: kept.iter().sum::<f32>() / tiles as f32,
            kept,
            difference: band.difference,
            variance,
        }
    }
}

/// Returns the tiles in which least of the energy is left unexplained, of those that have some.
fn anchors(explained: &Explained) -> Vec<usize> {
    let region = &explained.region;
    let mut strength = vec![0.0; TILE_COUNT];
    let mut unexplained = vec![0.0; TILE_COUNT];
    for (band, chips) in explained.bands.iter().zip(BAND_CHIPS) {
        let rest = region.middle.of(&squares(&band.difference));
        let kept: Vec<f32> = (band.local.iter().zip(&band.expected))
            .map(|(a, c)| (a * c) * (a * c))
            .collect();
        let kept = region.middle.of(&kept);
        for tile in 0..TILE_COUNT {
            let kept = kept[tile] + 0.5 * chips as f32;
            strength[tile] += kept;
            unexplained[tile] += f64::from(rest[tile] / kept + 1e-3).ln() as f32;
        }
    }
    let least = quantile(&strength, &region.tiles, WEAK);
    let strong: Vec<usize> = (region.tiles.iter().copied())
        .filter(|&tile| strength[tile] > least)
        .collect();
    if strong.is_empty() {
        return strong;
    }
    let most = quantile(&unexplained, &strong, ANCHORS);
    let agreeing = strong.into_iter().filter(|&tile| unexplained[tile] <= most);
    agreeing.collect()
}

/// Returns v of each tile, without the term of the edges.
fn variance(
    band: &ExplainedBand,
    chips: usize,
    region: &Neighbourhoods,
    anchors: &[usize],
) -> Vec<f32> {
    let own = noise(&band.difference, &band.energy, &region.tiles, CLASSES.0);
    let of_anchors = (anchors.len() >= LEAST_ANCHORS)
        .then(|| noise(&band.difference, &band.energy, anchors, CLASSES.1));
    let chips = 0.02 * chips as f32;
    (0..TILE_COUNT)
        .map(|tile| {
            let (a, c, energy) = (band.local[tile], band.expected[tile], band.energy[tile]);
            let most = of_anchors.as_ref().map_or(f32::INFINITY, |noise| {
                CAP * (noise[tile] + chips + 1e-3 * a * a * energy)
            });
            own[tile].min(most) + chips + 6e-4 * (1.0 + c * c) + 3e-3 * energy
        })
        .collect()
}

/// Adds the part of the opposite edge that the tiles at the photo's edge hold.
fn widen_edges(
    variance: &mut [f32],
    band: &ExplainedBand,
    gain: &[f32],
    wrap: f32,
    steps: Option<&[f32]>,
) {
    let last = TILES - 1;
    for at in 0..TILES {
        for (tile, opposite) in [
            (at * TILES, at * TILES + last),
            (at * TILES + last, at * TILES),
            (at, last * TILES + at),
            (last * TILES + at, at),
        ] {
            let step = band.local[tile] - band.local[opposite] * gain[opposite] / gain[tile];
            let c = band.expected[tile];
            variance[tile] += 0.25 * step * step * band.energy[tile] + (0.25 * step * c).powi(2);
            if let Some(steps) = steps {
                let apart = (steps[tile] - steps[opposite]).abs() - WRAP_SLACK;
                variance[tile] += wrap * apart.max(0.0).powi(2);
            }
        }
    }
}

/// Returns the degrees of freedom and the peak of tails, interpolated between the rows of
/// [`TAILS`].
fn tail_shape(ratio: f32) -> (f32, f32) {
    let next = TAILS.partition_point(|row| row.0 < ratio);
    let row = |index: usize| TAILS[index.min(TAILS.len() - 1)];
    let (upper, lower) = (row(next), row(next.saturating_sub(1)));
    let t = if upper.0 > lower.0 {
        (ratio - lower.0) / (upper.0 - lower.0)
    } else {
        0.0
    };
    let between = |a: f32, b: f32| a + t * (b - a);
    (between(lower.1, upper.1), between(lower.2, upper.2))
}

/// Returns m of every tile, from classes of some tiles.
fn noise(difference: &[f32], energy: &[f32], tiles: &[usize], count: usize) -> Vec<f32> {
    /// Median of chi-squared of one degree.
    const CHI_MEDIAN: f32 = 0.455;
    let mut order = tiles.to_vec();
    order.sort_by(|&a, &b| energy[a].total_cmp(&energy[b]));
    let mut classes: Vec<(f32, f32)> = Vec::with_capacity(count);
    for class in 0..count {
        let share = |end: usize| end * order.len() / count;
        let tiles = &order[share(class)..share(class + 1)];
        let centre = tiles.iter().map(|&tile| energy[tile]).sum::<f32>() / tiles.len() as f32;
        let mut squares: Vec<f32> = tiles.iter().map(|&tile| difference[tile].powi(2)).collect();
        let middle = squares.len() / 2;
        let median = *squares.select_nth_unstable_by(middle, f32::total_cmp).1;
        let least = classes.last().map_or(0.0, |class| class.1);
        classes.push((centre, (median / CHI_MEDIAN).max(least)));
    }
    energy
        .iter()
        .map(|&energy| interpolate(&classes, energy))
        .collect()
}

/// Interpolates linearly between the classes, constant before the first, proportional to the energy
/// after the last.
fn interpolate(classes: &[(f32, f32)], energy: f32) -> f32 {
    let next = classes.partition_point(|class| class.0 < energy);
    match (classes.get(next.wrapping_sub(1)), classes.get(next)) {
        (Some(&(x0, y0)), Some(&(x1, y1))) => y0 + (y1 - y0) * (energy - x0) / (x1 - x0).max(TINY),
        (Some(&(x, y)), None) => y * (energy / x.max(TINY)).max(1.0),
        (None, first) => first.map_or(0.0, |class| class.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watermark::{
        geometry::coverage::Coverage, layout::Tiling, signal::carrier::Sums, tamper::trust::Trust,
    };

    #[test]
    fn tails_are_read_between_the_rows_of_their_table() {
        for (ratio, expected) in [
            (5.0, 30.0),
            (6.18, 30.0),
            (8.875, 3.5),
            (18.03, 1.5),
            (90.0, 1.5),
        ] {
            let (freedom, peak) = tail_shape(ratio);
            assert!((freedom - expected).abs() < 1e-3, "{ratio}: {freedom}");
            assert!((-0.16..-0.008).contains(&peak));
        }
    }

    #[test]
    fn noise_is_interpolated_and_grows_beyond_its_classes() {
        let classes = [(1.0, 2.0), (3.0, 4.0)];
        for (energy, expected) in [(0.0, 2.0), (1.0, 2.0), (2.0, 3.0), (3.0, 4.0), (6.0, 8.0)] {
            assert!((interpolate(&classes, energy) - expected).abs() < 1e-6);
        }
    }

    /// Explained sums of a picture in which the right half was replaced by content as strong.
    fn half_replaced() -> Explained {
        let pattern = |at: usize| ((at * 7919 % 1009) as f32 - 504.0) / 20.0;
        let expected = Sums::from_fn(Tiling::Fine, pattern);
        let received = Sums::from_fn(Tiling::Fine, |at| {
            let noise = (at * 104_729 % 31) as f32 / 31.0 - 0.5;
            let from = if at % TILES < TILES / 2 {
                at
            } else {
                at + 1777
            };
            pattern(from) + noise
        });
        let trust = Trust {
            weights: (0..TILE_COUNT)
                .map(|tile| if tile % TILES < TILES / 2 { 1.0 } else { 0.02 })
                .collect(),
            textured: vec![true; TILE_COUNT],
        };
        Explained::new(&received, &expected, &Coverage::full(), &trust).unwrap()
    }

    #[test]
    fn a_half_that_was_replaced_does_not_explain_itself() {
        let residual = Residual::new(half_replaced(), None, &[1.0; TILE_COUNT]);
        for band in &residual.bands {
            let mean = |right: bool| {
                let columns = if right { 18..30 } else { 2..14 };
                let tiles = (0..TILE_COUNT).filter(|tile| columns.contains(&(tile % TILES)));
                let ratios: Vec<f32> = tiles
                    .map(|tile| band.difference[tile].powi(2) / band.variance[tile])
                    .collect();
                ratios.iter().sum::<f32>() / ratios.len() as f32
            };
            assert!(mean(true) > 20.0, "{}", mean(true));
            assert!(mean(false) < 3.0, "{}", mean(false));
        }
        assert!(residual.freedom >= 2.5);
    }

    #[test]
    fn edges_whose_levels_moved_apart_hold_more_noise() {
        let steps: Vec<f32> = (0..TILE_COUNT)
            .map(|tile| if tile % TILES == 0 { 40.0 } else { 0.0 })
            .collect();
        let of = |steps| Residual::new(half_replaced(), steps, &[1.0; TILE_COUNT]);
        let (without, with) = (of(None), of(Some(&steps[..])));
        let (before, after) = (&without.bands[0].variance, &with.bands[0].variance);
        for tile in 0..TILE_COUNT {
            let wraps = [0, TILES - 1].contains(&(tile % TILES));
            let added = after[tile] - before[tile];
            let expected = if wraps { 0.5 * 37.0 * 37.0 } else { 0.0 };
            assert!((added - expected).abs() < 1.0, "{tile}: {added}");
        }
    }
}
