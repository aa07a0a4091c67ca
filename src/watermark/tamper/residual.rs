//! What remains of the received sums after the expected ones, and how much noise explains.
//!
//! Per band, over the comparable tiles, with `G_s` a Gaussian of s tiles normalised by them and c = h + w:
//!
//! ```text
//! g    = least absolute deviations, then three times <q r, c> / <q c, c>,
//!        q = 1 / (1 + (d / 3 s)^2),  s = 1.5 sqrt(median d^2)
//! a    = (G_3(q r c) + lambda g) / (G_3(q c^2) + lambda),   within g/2 .. 2 g + 0.05;   lambda = mean(c^2) / 2
//! d    = r - a c
//! E    = G_0.8(c^2)      n = cumulative maximum, over 8 classes of tiles by E, of median(d^2) / 0.455
//! v    = n(E) + 0.02 chips + 0.0006 (1 + c^2) + 0.003 E
//! ```
//!
//! n grows with E beyond its last class; 0.0006 (1 + c^2) is the rounding of a companded h. 0.003 E is what
//! sums from a large JPEG's coefficients and from its decoded pixels differ by at strong edges: without it an untouched
//! dusk sky of 10 megapixels, decoded, had up to 1.9 times the evidence of an alarm, with it 0.5. Compression leaves d
//! nearly normal; blurs, resampling and a registration that is a little off leave heavy tails, where a tile's chips
//! were not all changed alike. The ratio of the quantiles 0.9 and 0.5 of d^2 / v tells how heavy, and gives the
//! degrees of freedom of a t distribution. 0.455 is the median of chi-squared of one degree.

use crate::watermark::{
    blur::Blur,
    carrier::{BAND_CHIPS, BANDS, Sums, TILE_COUNT, TILES},
    coverage::Coverage,
};

/// Fewest tiles that a noise model is made from.
const LEAST_TILES: usize = 32;
/// Classes of tiles by energy.
const CLASSES: usize = 8;
/// Keeps quotients of empty sums finite.
const TINY: f32 = 1e-6;
/// Ratio of the 0.9 and 0.5 quantiles of a squared t variable, its degrees of freedom, and
/// `ln(density(0) sqrt(2 pi))`: how its density at 0 differs from the normal one's.
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

/// One band.
#[derive(Debug)]
pub(super) struct BandResidual {
    /// d of each tile.
    pub(super) difference: Vec<f32>,
    /// v of each tile.
    pub(super) variance: Vec<f32>,
    /// What replacing a tile would add to v: `a^2 E + G_0.8(r^2)`.
    pub(super) replaced: Vec<f32>,
    /// g.
    gain: f32,
    /// The 0.9 quantile of d^2 / v over the 0.5 quantile.
    tail: f32,
}

/// All bands, and the tails that they have in common.
#[derive(Debug)]
pub(super) struct Residual {
    pub(super) bands: Vec<BandResidual>,
    /// Degrees of freedom.
    pub(super) freedom: f32,
    /// Logarithm of the t density at 0 over the normal density there.
    pub(super) peak: f32,
}

impl Residual {
    /// Compares received and expected sums; nothing if too few tiles are comparable.
    pub(super) fn new(received: &Sums, expected: &Sums, comparable: &Coverage) -> Option<Self> {
        if comparable.count() < LEAST_TILES {
            return None;
        }
        let region = Neighbourhoods::new(comparable);
        let bands: Vec<BandResidual> = (0..BANDS)
            .map(|band| {
                band_residual(
                    received.band(band),
                    expected.band(band),
                    BAND_CHIPS[band],
                    &region,
                )
            })
            .collect();
        let mut tails: Vec<f32> = bands.iter().map(|band| band.tail).collect();
        tails.sort_unstable_by(f32::total_cmp);
        let (freedom, peak) = tail_shape(f32::midpoint(tails[1], tails[2]));
        Some(Self {
            bands,
            freedom,
            peak,
        })
    }

    /// Change of tone, as the logarithm of the lowest band's gain: the band that filters change least.
    pub(super) fn tone(&self) -> f32 {
        f64::from(self.bands[0].gain.max(1e-3)).ln() as f32
    }
}

/// Degrees of freedom and peak of tails, between the rows of [`TAILS`].
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

/// Means over neighbouring comparable tiles.
struct Neighbourhoods {
    weights: Vec<f32>,
    tiles: Vec<usize>,
    narrow: Blur,
    narrow_norm: Vec<f32>,
    wide: Blur,
    wide_norm: Vec<f32>,
}

impl Neighbourhoods {
    fn new(comparable: &Coverage) -> Self {
        let weights = comparable.weights();
        let norm = |blur: &Blur| {
            blur.apply(TILES, &weights)
                .iter()
                .map(|w| w + TINY)
                .collect()
        };
        let (narrow, wide) = (Blur::gaussian(0.8), Blur::gaussian(3.0));
        Self {
            tiles: (0..TILE_COUNT)
                .filter(|&tile| comparable.shows(tile))
                .collect(),
            narrow_norm: norm(&narrow),
            wide_norm: norm(&wide),
            narrow,
            wide,
            weights,
        }
    }

    /// `G_0.8` of squares that are zero outside.
    fn energy(&self, values: &[f32]) -> Vec<f32> {
        let squares: Vec<f32> = values.iter().map(|value| value * value).collect();
        mean(&self.narrow, &self.narrow_norm, &squares)
    }

    /// A quantile of the comparable tiles' values.
    fn quantile(&self, values: &[f32], quantile: f32) -> f32 {
        let mut sorted: Vec<f32> = self.tiles.iter().map(|&tile| values[tile]).collect();
        let index = (quantile * (sorted.len() - 1) as f32).round() as usize;
        *sorted.select_nth_unstable_by(index, f32::total_cmp).1
    }
}

/// A blur over its norm.
fn mean(blur: &Blur, norm: &[f32], values: &[f32]) -> Vec<f32> {
    let mut means = blur.apply(TILES, values);
    for (mean, norm) in means.iter_mut().zip(norm) {
        *mean /= norm;
    }
    means
}

/// Compares one band.
fn band_residual(r: &[f32], c: &[f32], chips: usize, region: &Neighbourhoods) -> BandResidual {
    let inside = |values: &[f32]| -> Vec<f32> {
        values
            .iter()
            .zip(&region.weights)
            .map(|(value, weight)| value * weight)
            .collect()
    };
    let (r, c) = (inside(r), inside(c));
    let (gain, local) = gains(&r, &c, region);
    let difference: Vec<f32> = (0..TILE_COUNT)
        .map(|tile| r[tile] - local[tile] * c[tile])
        .collect();
    let energy = region.energy(&c);
    let mut variance = noise(&difference, &energy, region);
    for ((variance, c), energy) in variance.iter_mut().zip(&c).zip(&energy) {
        *variance += 0.02 * chips as f32 + 6e-4 * (1.0 + c * c) + 3e-3 * energy;
    }
    let standard: Vec<f32> = difference
        .iter()
        .zip(&variance)
        .map(|(d, v)| d * d / v)
        .collect();
    let tail = region.quantile(&standard, 0.9) / region.quantile(&standard, 0.5).max(TINY);
    let replaced = region
        .energy(&r)
        .iter()
        .zip(energy.iter().zip(&local))
        .map(|(received, (energy, a))| a * a * energy + received + TINY)
        .collect();
    BandResidual {
        difference,
        variance,
        replaced,
        gain,
        tail,
    }
}

/// g of the band and a of each tile.
fn gains(r: &[f32], c: &[f32], region: &Neighbourhoods) -> (f32, Vec<f32>) {
    let count = region.tiles.len() as f32;
    let mut gain = least_absolute(r, c);
    let mut weights = region.weights.clone();
    for _ in 0..3 {
        let squares: Vec<f32> = r
            .iter()
            .zip(c)
            .map(|(r, c)| (r - gain * c) * (r - gain * c))
            .collect();
        let scale = 1.5 * region.quantile(&squares, 0.5).sqrt() + 1e-3;
        let (mut product, mut square) = (0.0, 0.0);
        for (tile, weight) in weights.iter_mut().enumerate() {
            *weight = region.weights[tile] / (1.0 + squares[tile] / (9.0 * scale * scale));
            product += f64::from(*weight * r[tile] * c[tile]);
            square += f64::from(*weight * c[tile] * c[tile]);
        }
        gain = (product / (square + f64::from(TINY))).max(0.0) as f32;
    }
    let weighted = |values: &[f32]| -> Vec<f32> {
        let products: Vec<f32> = (0..TILE_COUNT)
            .map(|t| weights[t] * values[t] * c[t])
            .collect();
        mean(&region.wide, &region.wide_norm, &products)
    };
    let lambda = 0.5 * c.iter().map(|c| f64::from(c * c)).sum::<f64>() as f32 / count + TINY;
    let local = weighted(r)
        .iter()
        .zip(weighted(c))
        .map(|(product, square)| {
            ((product + lambda * gain) / (square + lambda)).clamp(0.5 * gain, 2.0 * gain + 0.05)
        })
        .collect();
    (gain, local)
}

/// The g with the least `sum |r - g c|`: the median of r / c, weighted by |c|. Edits of up to half of the energy
/// do not move it far.
fn least_absolute(r: &[f32], c: &[f32]) -> f32 {
    let mut slopes: Vec<(f32, f32)> = r
        .iter()
        .zip(c)
        .filter(|(_, c)| c.abs() > TINY)
        .map(|(r, c)| (r / c, c.abs()))
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

/// n of each tile.
fn noise(difference: &[f32], energy: &[f32], region: &Neighbourhoods) -> Vec<f32> {
    /// Median of chi-squared of one degree.
    const CHI_MEDIAN: f32 = 0.455;
    let mut order = region.tiles.clone();
    order.sort_by(|&a, &b| energy[a].total_cmp(&energy[b]));
    let mut classes: Vec<(f32, f32)> = Vec::with_capacity(CLASSES);
    for class in 0..CLASSES {
        let share = |end: usize| end * order.len() / CLASSES;
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

/// Linear between the classes, constant before the first, proportional to the energy after the last.
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

    #[test]
    fn the_gain_is_that_of_the_larger_part() {
        let pattern = |tile: usize| (tile * 37 % 101) as f32 - 50.0;
        let expected = Sums::from_fn(|at| pattern(at % TILE_COUNT) + 0.5);
        let received = Sums::from_fn(|at| {
            let tile = at % TILE_COUNT;
            if tile < 250 {
                60.0 - pattern(tile * 3)
            } else {
                0.8 * expected.values()[at]
            }
        });
        let found = Residual::new(&received, &expected, &Coverage::full()).unwrap();
        assert!(
            (found.tone() - 0.8_f32.ln()).abs() < 0.02,
            "{}",
            found.tone()
        );
    }

    #[test]
    fn a_handful_of_tiles_is_no_sample() {
        let few = Coverage::from_fn(|tile| tile < LEAST_TILES - 1);
        assert!(Residual::new(&Sums::zeros(), &Sums::zeros(), &few).is_none());
        let enough = Coverage::from_fn(|tile| tile < LEAST_TILES);
        let found = Residual::new(&Sums::zeros(), &Sums::zeros(), &enough).unwrap();
        assert!(found.freedom.is_finite() && found.tone().is_finite());
    }
}
