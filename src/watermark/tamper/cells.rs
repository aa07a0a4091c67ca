//! The cells of a picture, 16 x 16, as the comparison of tone and colour sees them.

use crate::watermark::features::chroma::{CELL_COUNT, CELLS, ChromaCells};

/// One number for each cell of the photo, row-major.
pub(super) type Cells = [f64; CELL_COUNT];

/// The level and the colour of each cell of a picture.
#[derive(Debug)]
pub(super) struct Colours<'a> {
    /// Mean luma of each cell, 0..=255.
    pub(super) luma: &'a [f32],
    /// Mean chroma; `None` for a grey picture.
    pub(super) chroma: Option<&'a ChromaCells>,
}

impl Colours<'_> {
    /// Returns R, G and B of each cell, or luma alone.
    pub(super) fn channels(&self, grey: bool) -> Vec<Cells> {
        let channel = |at: usize| -> Cells {
            std::array::from_fn(|cell| {
                let [b, r] = (self.chroma)
                    .and_then(|chroma| chroma.cell(cell))
                    .unwrap_or_default()
                    .map(f64::from);
                let offset = [1.402 * r, -0.344_136 * b - 0.714_136 * r, 1.772 * b][at];
                (f64::from(self.luma[cell]) + if grey { 0.0 } else { offset }).clamp(0.0, 255.0)
            })
        };
        (0..if grey { 1 } else { 3 }).map(channel).collect()
    }
}

/// Properties of the cells besides their colours.
#[derive(Debug)]
pub(super) struct Surroundings {
    /// The cells that are seen.
    pub(super) seen: Vec<usize>,
    /// Trust u: mean over the cell's tiles.
    pub(super) trust: Cells,
    /// Contrast sigma, in grey levels.
    pub(super) contrast: Cells,
}

/// Returns the variance of a channel over 3 x 3 cells.
pub(super) fn variance_around(values: &Cells, cell: usize) -> f64 {
    let range = |at: usize| at.saturating_sub(1)..(at + 2).min(CELLS);
    let near = || range(cell / CELLS).flat_map(|y| range(cell % CELLS).map(move |x| y * CELLS + x));
    let count = near().count() as f64;
    let mean = near().map(|at| values[at]).sum::<f64>() / count;
    near().map(|at| (values[at] - mean).powi(2)).sum::<f64>() / count
}
