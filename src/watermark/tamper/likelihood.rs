//! Was a tile replaced? The log-likelihood ratio of two explanations of its residual.
//!
//! ```text
//! same       d ~ t distribution of scale sqrt(v)             v, degrees of freedom: residual.rs
//! replaced   d ~ normal, variance v + a^2 E + G_0.8(r^2)     neither the old content nor the new fits the other
//!
//! L = ln(v / V) / 2 - d^2 / (2 V) - peak + (nu + 1) / 2 ln(1 + d^2 / (nu v)),      V = the second variance
//! ```
//!
//! L is cut below at [`LEAST`], so that a small edit is not outvoted by its surroundings, and summed over the bands.

use super::residual::{BandResidual, Residual};
use crate::watermark::{carrier::TILE_COUNT, coverage::Coverage};

/// The most that one sum may say for "same".
const LEAST: f64 = -1.5;

/// Evidence of each tile that it was replaced, natural logarithm; 0 for tiles that are not comparable.
pub(super) fn evidence(residual: &Residual, comparable: &Coverage) -> Vec<f32> {
    let nu = f64::from(residual.freedom);
    let peak = f64::from(residual.peak);
    let of_band = |band: &BandResidual, tile: usize| {
        let v = f64::from(band.variance[tile]);
        let replaced = v + f64::from(band.replaced[tile]);
        let square = f64::from(band.difference[tile]).powi(2);
        let gaussian = 0.5 * ((v / replaced).ln() - square / replaced);
        let student = 0.5 * (nu + 1.0) * (square / (nu * v)).ln_1p();
        (gaussian - peak + student).max(LEAST)
    };
    (0..TILE_COUNT)
        .map(|tile| {
            if comparable.shows(tile) {
                residual
                    .bands
                    .iter()
                    .map(|band| of_band(band, tile))
                    .sum::<f64>() as f32
            } else {
                0.0
            }
        })
        .collect()
}
