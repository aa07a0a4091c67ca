//! The null hypothesis, sampled by the hundred thousand: wrong keys on one picture, for the
//! false-positive test.
//!
//! The hardest null is the picture itself, attacked or not, tested with keys that did not mark it.
//! Everything that does not depend on the key (grid, chips, mask) is computed once; a trial then
//! draws signs, projects the chips of both pictures on them, compands h as a record does and asks
//! the statistic.

use crate::{
    imaging::Photo,
    watermark::{
        geometry::coverage::Coverage,
        key::WatermarkKey,
        layout::Tiling,
        sampling::grid::{Grid, LumaSource, tile_means, upright_luma},
        signal::{
            carrier::{Chips, Signs, Sums},
            companding::{compress, expand},
            mask::mask,
            statistic::{smooth_mark, statistic},
            transform,
        },
    },
};

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
        let grid = Grid::new(original, &LumaSource::of_original(original));
        Self {
            original: transform::forward(&grid.luma),
            received: transform::forward(&upright_luma(received)),
            smooth_mark: smooth_mark(Tiling::Fine, &tile_means(&mask(&grid.luma, &grid.texture))),
        }
    }

    /// Returns the z of a detection with `key` and the record that the original would have had with
    /// it.
    pub fn z(&self, key: &WatermarkKey) -> f64 {
        let signs = Signs::new(key, Tiling::Fine);
        let exact = self.original.sums(&signs);
        let host = Sums::from_fn(Tiling::Fine, |index| {
            expand(compress(exact.values()[index]))
        });
        statistic(
            &self.received.sums(&signs),
            &host,
            &self.smooth_mark,
            &Coverage::full(),
        )
        .z
    }
}
