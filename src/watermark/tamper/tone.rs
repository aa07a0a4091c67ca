//! The effect of a received picture's processing on the levels of one channel: a tone curve, and
//! light that varies slowly.
//!
//! ```text
//! T(x0)    sum t_k mean of hat_k(N(x0, sigma^2))                      knots 0 16 32 64 96 128 160 192 224 240 255
//!          + sum_j (p_j + q_j v + [j < 2] s_j v (1 - v)) phi_j       v = x0 / 255
//!                         phi: x, y, x^2 - 1/3, x y, y^2 - 1/3, x^3, x^2 y, x y^2, y^3 of the place, -1..=1
//!          + (1, v, v^2) . k sigma^2 / 1000                          sigma: the photo's contrast in the cell
//!          + (b, r, b^2, r^2, b r, b (v - 1/2), r (v - 1/2)) . m     b, r: the other two channels, (value - 128) / 128
//! F(x0)    o + p (x0 - m)                                            light: around each cell, weights G_2 of the cells
//! seen     mean over the cell's levels of clip(T + F, 0, 255)
//! fit      ROUNDS times: T by least squares of x1 - F, F by local least squares of x1 - T,
//!          weight u (1 + (e / lim)^2)^-2, lim 6 s, then 3 s; then u counts at least 0.3 for T
//!          penalties: 0.02 n / 100 on second differences of t, 0.001 (t_k - knot)^2,
//!          0.25 on p and q of third order, 0.002 on the rest
//! s        max(0.4, weighted median |e| / 0.6745)
//! none     T(x0) = x0, F = 0, s = 0.4 where no cell moved by more than 2 levels
//! ```
//!
//! One curve for the whole picture describes brightness, contrast, gamma, levels, posterisation and
//! curves of any kind; the other channels describe a saturation, a hue or a conversion to grey. The
//! mean of a curved T over a cell is not T of the mean: the curve is averaged over levels that
//! spread as the contrast says, but not beyond black and white, and the remainder grows with
//! sigma^2. Light leaks, vignettes, graduated filters and haze are an offset and a gain that vary
//! slowly over the frame: low orders of the place in T, and the rest of them in F. The sum
//! saturates, so that it says where *it* clips: a place that is white where it says grey is no
//! effect of the tone. u, the trust in each cell's sums, is what makes the fit safe: a painted
//! place has none.

use std::ops::Range;

use super::{cells::Cells, least_squares::NormalEquations};
use crate::watermark::{
    features::chroma::{CELL_COUNT, CELLS},
    sampling::blur::Blur,
};

/// Knots of the curve.
const KNOTS: [f64; 11] = [
    0.0, 16.0, 32.0, 64.0, 96.0, 128.0, 160.0, 192.0, 224.0, 240.0, 255.0,
];
/// Number of unknowns of the curve: knots, two factors for each of nine functions of the place and
/// one for two of them, three of the contrast, seven of the other channels.
const UNKNOWNS: usize = KNOTS.len() + 20 + 3 + 7;
/// Unknowns of third order in the place, which need a stronger penalty: they reach far where little
/// is trusted.
const CUBIC: Range<usize> = KNOTS.len() + 10..KNOTS.len() + 18;
/// Nodes, in units of the outer one, and weights of the mean over a normal distribution:
/// three-point Gauss-Hermite quadrature.
const SPREAD: [(f64, f64); 3] = [(-1.0, 1.0 / 6.0), (0.0, 2.0 / 3.0), (1.0, 1.0 / 6.0)];
/// The outer node, in standard deviations: the root of 3.
const OUTER: f64 = 1.732_050_807_568_877_2;
/// Iterations of the fit with a wide limit, then with a narrow one.
const ROUNDS: (usize, usize) = (4, 3);
/// The limits on errors, in units of s.
const LIMITS: (f64, f64) = (6.0, 3.0);
/// Least weight of each cell's trust in the later rounds.
const LATER_TRUST: f64 = 0.3;
/// Levels by which rounding and compression move a cell: where no cell moved further there is no
/// tone to fit.
const UNCHANGED: f64 = 2.0;
/// Least s, in levels: the rounding of levels in the record.
const LEAST_SCALE: f64 = 0.4;
/// Median of |x| for a standard normal x.
const NORMAL_MEDIAN: f64 = 0.6745;
/// Variance of levels around a cell below which light has an offset rather than a gain.
const LIGHT_RIDGE: f64 = 100.0;
/// Largest change of the gain by light.
const MOST_SLOPE: f64 = 0.5;

/// Content of the photo's cells, as one channel sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChannelContent<'a> {
    /// Level of the channel, 0..=255.
    pub(super) level: &'a Cells,
    /// Levels of the two other channels; `None` for a grey picture.
    pub(super) others: Option<[&'a Cells; 2]>,
    /// Contrast sigma, in grey levels.
    pub(super) contrast: &'a Cells,
}

/// Tone T and light F of one channel.
#[derive(Debug)]
pub(super) struct Tone<'a> {
    before: ChannelContent<'a>,
    factors: [f64; UNKNOWNS],
    light: Light,
}

impl<'a> Tone<'a> {
    /// Returns the tone that leaves every level as it is.
    fn identity(before: ChannelContent<'a>) -> Self {
        let mut factors = [0.0; UNKNOWNS];
        factors[..KNOTS.len()].copy_from_slice(&KNOTS);
        Self {
            before,
            factors,
            light: Light::none(),
        }
    }

    /// Fits the levels of some cells to the received ones; `trust` is u of each cell. Also returns
    /// s, received levels.
    pub(super) fn fit(
        cells: &[usize],
        before: ChannelContent<'a>,
        after: &Cells,
        trust: &Cells,
    ) -> (Self, f64) {
        let mut tone = Self::identity(before);
        let unchanged = |&cell: &usize| (after[cell] - before.level[cell]).abs() <= UNCHANGED;
        if cells.iter().all(unchanged) {
            return (tone, LEAST_SCALE);
        }
        let rows: Vec<[f64; UNKNOWNS]> = (cells.iter())
            .map(|&cell| row(before, cell, before.level[cell]))
            .collect();
        let base: Vec<f64> = cells.iter().map(|&cell| trust[cell]).collect();
        let penalties = penalties(cells.len());
        let blur = Blur::gaussian(2.0);
        let mut kept = vec![1.0; cells.len()];
        let mut scale = LEAST_SCALE;
        for round in 0..ROUNDS.0 + ROUNDS.1 {
            let late = round >= ROUNDS.0;
            let mut normal = penalties.clone();
            for (index, &cell) in cells.iter().enumerate() {
                let trust = if late {
                    base[index].max(LATER_TRUST)
                } else {
                    base[index]
                };
                let light = tone.light.at(cell, before.level[cell]);
                normal.add(&rows[index], after[cell] - light, trust * kept[index]);
            }
            tone.factors = normal.solve();
            let mut rest = [0.0; CELL_COUNT];
            let mut weights = [0.0; CELL_COUNT];
            for (index, &cell) in cells.iter().enumerate() {
                rest[cell] = after[cell] - product(&rows[index], &tone.factors);
                weights[cell] = base[index] * kept[index];
            }
            tone.light = Light::fit(&blur, before.level, &rest, &weights);
            let errors: Vec<f64> = (cells.iter().zip(&rows))
                .map(|(&cell, row)| {
                    let light = tone.light.at(cell, before.level[cell]);
                    after[cell] - tone.saturated(cell, product(row, &tone.factors) + light)
                })
                .collect();
            scale = robust_scale(&errors, &base);
            let limit = scale * if late { LIMITS.1 } else { LIMITS.0 };
            for (kept, error) in kept.iter_mut().zip(errors) {
                *kept = (1.0 + (error / limit).powi(2)).powi(-2);
            }
        }
        (tone, scale)
    }

    /// Returns the level that is seen in a cell: the mean over its levels of T + F, each clipped.
    pub(super) fn seen(&self, cell: usize) -> f64 {
        self.saturated(cell, self.at(cell, self.before.level[cell]))
    }

    /// Returns the mean of a cell's levels, each clipped, given their mean without clipping.
    fn saturated(&self, cell: usize, mean: f64) -> f64 {
        let nodes = nodes(self.before, cell, self.before.level[cell]);
        let curve = nodes.map(|(level, _)| self.curve(level));
        let middle: f64 = curve
            .iter()
            .zip(nodes)
            .map(|(t, (_, share))| t * share)
            .sum();
        (curve.iter().zip(nodes))
            .map(|(t, (_, share))| share * (mean + t - middle).clamp(0.0, 255.0))
            .sum()
    }

    /// Returns the curve alone.
    fn curve(&self, level: f64) -> f64 {
        let (next, t) = between_knots(level);
        (1.0 - t) * self.factors[next - 1] + t * self.factors[next]
    }

    /// Returns T + F, not clipped, for a level in a cell.
    pub(super) fn at(&self, cell: usize, level: f64) -> f64 {
        product(&row(self.before, cell, level), &self.factors) + self.light.at(cell, level)
    }
}

impl Tone<'_> {
    /// Returns the slope of the curve alone around a level: its factor on contrast, wherever light
    /// falls.
    pub(super) fn slope(&self, level: f64, spread: f64) -> f64 {
        let (light, dark) = ((level + spread).min(255.0), (level - spread).max(0.0));
        (self.curve(light) - self.curve(dark)) / (light - dark)
    }
}

/// Light F on each cell.
#[derive(Debug)]
struct Light {
    /// o, p and m.
    cells: Vec<[f64; 3]>,
}

impl Light {
    fn none() -> Self {
        Self {
            cells: vec![[0.0; 3]; CELL_COUNT],
        }
    }

    /// Fits by local least squares the levels that the curve leaves.
    fn fit(blur: &Blur, level: &Cells, rest: &Cells, weights: &Cells) -> Self {
        let smooth = |value: &dyn Fn(usize) -> f64| {
            let values: Vec<f32> = (0..CELL_COUNT)
                .map(|cell| (weights[cell] * value(cell)) as f32)
                .collect();
            blur.apply(CELLS, &values)
        };
        let norm = smooth(&|_| 1.0);
        let mean = |value: &dyn Fn(usize) -> f64| -> Vec<f64> {
            let pairs = smooth(value).into_iter().zip(&norm);
            pairs
                .map(|(sum, &norm)| f64::from(sum) / (f64::from(norm) + 0.02))
                .collect()
        };
        // Around the middle, so that single precision is enough.
        let x = |cell: usize| level[cell] - 128.0;
        let (mean_x, mean_e) = (mean(&x), mean(&|cell| rest[cell]));
        let square = mean(&|cell| x(cell) * x(cell));
        let product = mean(&|cell| x(cell) * rest[cell]);
        let cells = (0..CELL_COUNT)
            .map(|cell| {
                let variance = (square[cell] - mean_x[cell] * mean_x[cell]).max(0.0);
                let slope =
                    (product[cell] - mean_x[cell] * mean_e[cell]) / (variance + LIGHT_RIDGE);
                let slope = slope.clamp(-MOST_SLOPE, MOST_SLOPE);
                [mean_e[cell], slope, mean_x[cell] + 128.0]
            })
            .collect();
        Self { cells }
    }

    fn at(&self, cell: usize, level: f64) -> f64 {
        let [offset, slope, middle] = self.cells[cell];
        offset + slope * (level - middle)
    }
}

fn product(row: &[f64; UNKNOWNS], factors: &[f64; UNKNOWNS]) -> f64 {
    row.iter().zip(factors).map(|(a, b)| a * b).sum()
}

/// Returns s of errors whose sizes count with the given weights.
pub(super) fn robust_scale(errors: &[f64], weights: &[f64]) -> f64 {
    let mut order: Vec<(f64, f64)> = (errors.iter().zip(weights))
        .map(|(error, &weight)| (error.abs(), weight))
        .collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let half = weights.iter().sum::<f64>() / 2.0;
    let mut below = 0.0;
    let median = order.iter().find(|(_, weight)| {
        below += weight;
        below >= half
    });
    (median.map_or(0.0, |(size, _)| size / NORMAL_MEDIAN)).max(LEAST_SCALE)
}

/// Returns the knot above a level, and the level's distance from the one below, 0..=1 of the
/// interval.
fn between_knots(x: f64) -> (usize, f64) {
    let next = (KNOTS.partition_point(|&knot| knot <= x)).clamp(1, KNOTS.len() - 1);
    (
        next,
        (x - KNOTS[next - 1]) / (KNOTS[next] - KNOTS[next - 1]),
    )
}

/// Returns levels around one that stand for those of a cell, and their shares.
fn nodes(before: ChannelContent<'_>, cell: usize, level: f64) -> [(f64, f64); 3] {
    let reach = (OUTER * before.contrast[cell])
        .min(level)
        .min(255.0 - level);
    SPREAD.map(|(offset, share)| (level + offset * reach, share))
}

/// Returns the values that T is linear in.
fn row(before: ChannelContent<'_>, cell: usize, x: f64) -> [f64; UNKNOWNS] {
    let mut row = [0.0; UNKNOWNS];
    for (level, share) in nodes(before, cell, x) {
        let (next, t) = between_knots(level);
        row[next - 1] += share * (1.0 - t);
        row[next] += share * t;
    }
    let v = x / 255.0;
    let energy = before.contrast[cell].powi(2) / 1000.0;
    let [b, r] = before.others.map_or([0.0; 2], |others| {
        others.map(|other| (other[cell] - 128.0) / 128.0)
    });
    let w = before.level[cell] / 255.0 - 0.5;
    let unit = |at: usize| (at as f64 + 0.5) / CELLS as f64 * 2.0 - 1.0;
    let (across, down) = (unit(cell % CELLS), unit(cell / CELLS));
    let (wide, tall) = (across * across - 1.0 / 3.0, down * down - 1.0 / 3.0);
    row[KNOTS.len()..].copy_from_slice(&[
        across,
        down,
        wide,
        across * down,
        tall,
        across * v,
        down * v,
        wide * v,
        across * down * v,
        tall * v,
        across * across * across,
        across * across * down,
        across * down * down,
        down * down * down,
        across * across * across * v,
        across * across * down * v,
        across * down * down * v,
        down * down * down * v,
        across * v * (1.0 - v),
        down * v * (1.0 - v),
        energy,
        energy * v,
        energy * v * v,
        b,
        r,
        b * b,
        r * r,
        b * r,
        b * w,
        r * w,
    ]);
    row
}

/// Returns the penalties on the unknowns, which apply besides the cells.
fn penalties(cells: usize) -> NormalEquations<UNKNOWNS> {
    let mut normal = NormalEquations::new();
    for first in 0..KNOTS.len() - 2 {
        let below = KNOTS[first + 1] - KNOTS[first];
        let above = KNOTS[first + 2] - KNOTS[first + 1];
        let mut bend = [0.0; UNKNOWNS];
        bend[first] = 32.0 / below;
        bend[first + 1] = -32.0 / below - 32.0 / above;
        bend[first + 2] = 32.0 / above;
        normal.add(&bend, 0.0, 0.02 * cells as f64 / 100.0);
    }
    for at in 0..UNKNOWNS {
        match KNOTS.get(at) {
            Some(&knot) => normal.draw(at, knot, 1e-3),
            None if CUBIC.contains(&at) => normal.draw(at, 0.0, 0.25),
            None => normal.draw(at, 0.0, 2e-3),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(value: impl Fn(usize) -> f64) -> Cells {
        std::array::from_fn(value)
    }

    /// Levels of a photo, 20 to 230 in no order.
    fn photo() -> Cells {
        cells(|cell| 20.0 + (cell * 97 % 211) as f64)
    }

    /// Fits what `change` makes of each cell's level; the largest error of the cells where `trust`
    /// is 1, in levels.
    fn worst(change: impl Fn(usize, f64) -> f64, trust: &Cells) -> f64 {
        let (level, contrast) = (photo(), [0.0; CELL_COUNT]);
        let before = ChannelContent {
            level: &level,
            others: None,
            contrast: &contrast,
        };
        let after = cells(|cell| change(cell, level[cell]).clamp(0.0, 255.0).round());
        let all: Vec<usize> = (0..CELL_COUNT).collect();
        let (tone, _) = Tone::fit(&all, before, &after, trust);
        (0..CELL_COUNT)
            .filter(|&cell| trust[cell] >= 1.0)
            .map(|cell| (tone.at(cell, level[cell]).clamp(0.0, 255.0) - after[cell]).abs())
            .fold(0.0, f64::max)
    }

    #[test]
    fn tones_and_light_of_up_to_sixty_levels_are_explained_to_eight() {
        let all = [1.0; CELL_COUNT];
        let unit = |cell: usize| ((cell % CELLS) as f64 / 15.0, (cell / CELLS) as f64 / 15.0);
        let gamma = |_: usize, x: f64| 255.0 * (x / 255.0).powf(0.7);
        let lighter = |_: usize, x: f64| 1.15 * x;
        let vignette = |cell: usize, x: f64| {
            let (u, v) = unit(cell);
            x * (1.0 - 0.5 * ((u - 0.5).powi(2) + (v - 0.5).powi(2)))
        };
        let leak = |cell: usize, x: f64| {
            let (u, v) = unit(cell);
            x + (255.0 - x) * 0.25 * (-(u * u + v * v) / 0.3).exp()
        };
        for (name, found) in [
            ("gamma", worst(gamma, &all)),
            ("lighter", worst(lighter, &all)),
            ("vignette", worst(vignette, &all)),
            ("leak", worst(leak, &all)),
        ] {
            assert!(found < 8.0, "{name}: {found}");
        }
    }

    #[test]
    fn what_is_not_trusted_does_not_pull_the_tone() {
        let painted = |cell: usize| cell % CELLS >= 8;
        let trust = cells(|cell| if painted(cell) { 0.02 } else { 1.0 });
        let found = worst(
            |cell, x| if painted(cell) { 255.0 } else { 1.1 * x },
            &trust,
        );
        assert!(found < 4.0, "{found}");
    }

    #[test]
    fn the_robust_scale_is_of_the_weighty_half() {
        let errors = [0.5, -1.0, 1.5, 200.0, -300.0];
        assert!((robust_scale(&errors, &[1.0; 5]) - 1.5 / NORMAL_MEDIAN).abs() < 1e-9);
        assert!(
            (robust_scale(&errors, &[1.0, 3.0, 1.0, 1.0, 1.0]) - 1.0 / NORMAL_MEDIAN).abs() < 1e-9
        );
        assert!((robust_scale(&[0.0], &[1.0]) - LEAST_SCALE).abs() < 1e-12);
    }
}
