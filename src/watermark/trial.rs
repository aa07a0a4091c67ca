//! The null hypothesis by the hundred thousand: wrong keys on one picture, for the false-positive test.
//!
//! The hardest null is the picture itself, attacked or not, tested with keys that did not mark it. What does not
//! depend on the key (grid, chips, mask) is computed once; a trial then draws signs, projects the chips of both
//! pictures on them, compands h as a record does and asks the statistic.

use super::{
    WatermarkKey,
    carrier::{Chips, Sums},
    companding::{compress, expand},
    coverage::Coverage,
    grid::{Grid, tile_means, upright_luma},
    mask::mask,
    statistic::{smooth_mark, statistic},
    transform,
};
use crate::imaging::Photo;

/// An original and a received picture of the same content, ready to be tested with many keys.
#[derive(Debug)]
pub struct NullTrials {
    original: Chips,
    received: Chips,
    smooth_mark: Vec<f32>,
}

impl NullTrials {
    /// Prepares trials of `received` against records of `original`, which lie on the same grid.
    pub fn new(original: &Photo, received: &Photo) -> Self {
        let grid = Grid::new(original);
        Self {
            original: transform::forward(&grid.luma),
            received: transform::forward(&upright_luma(received)),
            smooth_mark: smooth_mark(&tile_means(&mask(&grid.luma, &grid.texture))),
        }
    }

    /// Returns the z that detection gives with `key` and the record that the original would have had with it.
    pub fn z(&self, key: &WatermarkKey) -> f64 {
        let signs = Chips::signs(key);
        let exact = self.original.sums(&signs);
        let host = Sums::from_fn(|index| expand(compress(exact.values()[index])));
        statistic(
            &self.received.sums(&signs),
            &host,
            &self.smooth_mark,
            &Coverage::full(),
        )
        .z
    }
}
