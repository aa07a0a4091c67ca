//! Log-likelihood ratio of a tile's residual under two explanations: replaced, or the same.
//!
//! ```text
//! same       d ~ t distribution of scale sqrt(v)             v, degrees of freedom: residual.rs
//! replaced   d ~ normal, variance v + a^2 E + G_0.8(r^2)     neither the old content nor the new fits the other
//!
//! L = ln(v / V) / 2 - d^2 / (2 V) - peak + (nu + 1) / 2 ln(1 + d^2 / (nu v)),      V = the second variance
//! ```
//!
//! L is cut below at [`LEAST`], so that a small edit is not outvoted by its surroundings, and
//! summed over the bands.

use super::residual::{BandResidual, Residual};
use crate::watermark::{geometry::coverage::Coverage, layout::TILE_COUNT};

/// Least L of one sum: the most that it may say for "same".
const LEAST: f64 = -1.5;

/// Returns the evidence that each tile was replaced, as a natural logarithm; 0 for tiles that are
/// not comparable.
pub(super) fn evidence(residual: &Residual, comparable: &Coverage) -> Vec<f32> {
    of_all(residual, comparable, |band, tile| {
        let replaced = band.variance[tile] + band.replaced[tile];
        (band.difference[tile].powi(2), replaced)
    })
}

/// Returns the evidence to be expected of tiles of which a share was replaced by content as strong
/// as the photo's.
pub(super) fn of_replaced(residual: &Residual, comparable: &Coverage, share: f32) -> Vec<f32> {
    of_all(residual, comparable, |band, tile| {
        let replaced = band.variance[tile] + share * (band.kept[tile] + band.usual);
        (replaced, replaced)
    })
}

/// Returns L summed over the bands; `seen` gives d^2 and V of a tile.
fn of_all(
    residual: &Residual,
    comparable: &Coverage,
    seen: impl Fn(&BandResidual, usize) -> (f32, f32),
) -> Vec<f32> {
    let nu = f64::from(residual.freedom);
    let peak = f64::from(residual.peak);
    let of_band = |band: &BandResidual, tile: usize| {
        let v = f64::from(band.variance[tile]);
        let (square, replaced) = seen(band, tile);
        let (square, replaced) = (f64::from(square), f64::from(replaced));
        let gaussian = 0.5 * ((v / replaced).ln() - square / replaced);
        let student = 0.5 * (nu + 1.0) * (square / (nu * v)).ln_1p();
        (gaussian - peak + student).max(LEAST)
    };
    let mut evidence = vec![0.0; TILE_COUNT];
    for tile in comparable.shown() {
        let bands = residual.bands.iter();
        evidence[tile] = bands.map(|band| of_band(band, tile)).sum::<f64>() as f32;
    }
    evidence
}
