//! Means over neighbouring comparable tiles.

use crate::watermark::{geometry::coverage::Coverage, layout::TILES, sampling::blur::Blur};

/// Keeps quotients of empty sums finite.
pub(super) const TINY: f32 = 1e-6;

/// A Gaussian over the tiles that are comparable.
#[derive(Debug)]
pub(super) struct Smoothing {
    blur: Blur,
    norm: Vec<f32>,
}

impl Smoothing {
    fn new(sigma: f64, weights: &[f32]) -> Self {
        let blur = Blur::gaussian(sigma);
        let mut norm = blur.apply(TILES, weights);
        for weight in &mut norm {
            *weight += TINY;
        }
        Self { blur, norm }
    }

    /// Returns the means of values that are 0 in tiles that are not comparable.
    pub(super) fn of(&self, values: &[f32]) -> Vec<f32> {
        let mut means = self.blur.apply(TILES, values);
        for (mean, norm) in means.iter_mut().zip(&self.norm) {
            *mean /= norm;
        }
        means
    }
}

/// The comparable tiles, and means around each.
#[derive(Debug)]
pub(super) struct Neighbourhoods {
    /// 1 for tiles that are comparable, 0 for others.
    pub(super) weights: Vec<f32>,
    /// The comparable tiles, by index.
    pub(super) tiles: Vec<usize>,
    /// `G_0.8`: a tile and the part of its window that it shares with the next ones.
    pub(super) narrow: Smoothing,
    /// `G_1`: a tile and its direct neighbours.
    pub(super) middle: Smoothing,
    /// `G_3`: for quantities that vary slowly.
    pub(super) wide: Smoothing,
}

impl Neighbourhoods {
    pub(super) fn new(comparable: &Coverage) -> Self {
        let weights = comparable.weights();
        Self {
            tiles: comparable.shown().collect(),
            narrow: Smoothing::new(0.8, &weights),
            middle: Smoothing::new(1.0, &weights),
            wide: Smoothing::new(3.0, &weights),
            weights,
        }
    }

    /// Returns the values in the comparable tiles, and 0 elsewhere.
    pub(super) fn inside(&self, values: &[f32]) -> Vec<f32> {
        let pairs = values.iter().zip(&self.weights);
        pairs.map(|(value, weight)| value * weight).collect()
    }
}

/// Returns a quantile of the values of some tiles, of which there must be at least one.
pub(super) fn quantile(values: &[f32], tiles: &[usize], quantile: f32) -> f32 {
    let mut sorted: Vec<f32> = tiles.iter().map(|&tile| values[tile]).collect();
    let index = (quantile * (sorted.len() - 1) as f32).round() as usize;
    *sorted.select_nth_unstable_by(index, f32::total_cmp).1
}

pub(super) fn squares(values: &[f32]) -> Vec<f32> {
    values.iter().map(|value| value * value).collect()
}
