//! The tone curve of a received picture, one a channel: what the level of each cell of the photo became.
//!
//! ```text
//! T(x0)   sum t_k hat_k(x0)                                         knots 0 16 32 64 96 128 160 192 224 240 255
//!         + sum_j (p_j + q_j v + [j < 2] s_j v (1 - v)) phi_j       phi: x, y, x^2 - 1/3, x y, y^2 - 1/3;  v = x0 / 255
//!         + (b, r, b^2, r^2, b r, b (v - 1/2), r (v - 1/2)) . m     b, r: the other two channels, (value - 128) / 128
//! seen    clip(T, 0, 255)
//! fit     ROUNDS of least squares, weight u (1 + (e / lim)^2)^-2, lim 6 s, then 3 s; then u counts at least 0.3
//!         penalties: 0.02 n / 100 on second differences of t, 0.001 (t_k - knot)^2, 0.002 on the rest
//! s       max(0.4, weighted median |e| / 0.6745)
//! ```
//!
//! One curve for the whole picture describes brightness, contrast, gamma, levels, posters and curves of any kind; the low
//! orders of the place a vignette or a filter that darkens the sky; the other channels a saturation, a hue or a
//! conversion to grey. It saturates, so that it says where *it* clips: a place that is white where the curve says grey
//! is no effect of the tone. u, the trust in each cell's sums, is what makes the fit safe: a painted place has none.

use super::least_squares::Normal;
use crate::watermark::chroma::{CELL_COUNT, CELLS};

/// Knots of the curve.
const KNOTS: [f64; 11] = [
    0.0, 16.0, 32.0, 64.0, 96.0, 128.0, 160.0, 192.0, 224.0, 240.0, 255.0,
];
/// Unknowns: knots, two factors for each of five functions of the place, one for two of them, seven of the other channels.
const UNKNOWNS: usize = KNOTS.len() + 5 + 5 + 2 + 7;
/// Rounds of the fit with a wide limit, then with a narrow one.
const ROUNDS: (usize, usize) = (4, 3);
/// The limits, in units of s.
const LIMITS: (f64, f64) = (6.0, 3.0);
/// What each cell's trust counts at least in the later rounds.
const LATER_TRUST: f64 = 0.3;
/// Least s: the rounding of levels in the record.
const LEAST_SCALE: f64 = 0.4;
/// Median of |x| of a normal variable.
const NORMAL_MEDIAN: f64 = 0.6745;

/// One number for each cell of the photo, rows first.
pub(super) type Cells = [f64; CELL_COUNT];

/// The curve of one channel.
#[derive(Debug)]
pub(super) struct Curve {
    factors: [f64; UNKNOWNS],
    /// s of the fit, received levels.
    pub(super) scale: f64,
}

impl Curve {
    /// Fits the curve from the photo's levels to the received ones over some cells. `others` are the two other channels
    /// of the photo; nothing for a grey picture. `trust` is u of each cell.
    pub(super) fn fit(
        cells: &[usize],
        before: &Cells,
        after: &Cells,
        others: Option<[&Cells; 2]>,
        trust: &Cells,
    ) -> Self {
        let rows: Vec<[f64; UNKNOWNS]> = (cells.iter())
            .map(|&cell| row(cell, before[cell], before[cell], others))
            .collect();
        let base: Vec<f64> = cells.iter().map(|&cell| trust[cell]).collect();
        let mut weights = base.clone();
        let penalties = penalties(cells.len());
        let mut curve = Self {
            factors: [0.0; UNKNOWNS],
            scale: LEAST_SCALE,
        };
        for round in 0..ROUNDS.0 + ROUNDS.1 {
            let mut normal = penalties.clone();
            for ((row, &cell), &weight) in rows.iter().zip(cells).zip(&weights) {
                normal.add(row, after[cell], weight);
            }
            curve.factors = normal.solve();
            let errors: Vec<f64> = (rows.iter().zip(cells))
                .map(|(row, &cell)| after[cell] - curve.of(row).clamp(0.0, 255.0))
                .collect();
            curve.scale = robust_scale(&errors, &base);
            let late = round >= ROUNDS.0;
            let limit = curve.scale * if late { LIMITS.1 } else { LIMITS.0 };
            for ((weight, error), &base) in weights.iter_mut().zip(&errors).zip(&base) {
                let trust = if late { base.max(LATER_TRUST) } else { base };
                *weight = trust * redescending(error / limit);
            }
        }
        curve
    }

    /// T, not clipped, of a level `x` in a cell whose own level is `own`.
    pub(super) fn at(&self, cell: usize, x: f64, own: f64, others: Option<[&Cells; 2]>) -> f64 {
        self.of(&row(cell, x, own, others))
    }

    fn of(&self, row: &[f64; UNKNOWNS]) -> f64 {
        row.iter().zip(&self.factors).map(|(a, b)| a * b).sum()
    }
}

/// The weight of an error in units of its limit.
pub(super) fn redescending(error: f64) -> f64 {
    (1.0 + error * error).powi(-2)
}

/// s of errors whose sizes count with the given weights.
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

/// What T is linear in.
fn row(cell: usize, x: f64, own: f64, others: Option<[&Cells; 2]>) -> [f64; UNKNOWNS] {
    let mut row = [0.0; UNKNOWNS];
    let next = KNOTS.partition_point(|&knot| knot <= x).clamp(1, KNOTS.len() - 1);
    let t = (x - KNOTS[next - 1]) / (KNOTS[next] - KNOTS[next - 1]);
    row[next - 1] = 1.0 - t;
    row[next] = t;
    let unit = |at: usize| (at as f64 + 0.5) / CELLS as f64 * 2.0 - 1.0;
    let (across, down) = (unit(cell % CELLS), unit(cell / CELLS));
    let v = x / 255.0;
    let place = [
        across,
        down,
        across * across - 1.0 / 3.0,
        across * down,
        down * down - 1.0 / 3.0,
    ];
    let mut at = KNOTS.len();
    let mut put = |value: f64| {
        row[at] = value;
        at += 1;
    };
    place.iter().for_each(|&phi| put(phi));
    place.iter().for_each(|&phi| put(phi * v));
    place[..2].iter().for_each(|&phi| put(phi * v * (1.0 - v)));
    if let Some(others) = others {
        let [b, r] = others.map(|other| (other[cell] - 128.0) / 128.0);
        let w = own / 255.0 - 0.5;
        [b, r, b * b, r * r, b * r, b * w, r * w]
            .into_iter()
            .for_each(put);
    }
    row
}

/// What is asked of the unknowns beside the cells.
fn penalties(cells: usize) -> Normal<UNKNOWNS> {
    let mut normal = Normal::new();
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
            None => normal.draw(at, 0.0, 2e-3),
        }
    }
    normal
}
