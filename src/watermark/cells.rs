//! Marking a flat picture: whole cells of the grid move by a step, most of them not at all.
//!
//! ```text
//! x, s = R / S, g m / S        R: residual of a cell, g m: its RMS, S: step in grey levels
//! step = sign(x) floor(|x| + 1 - theta), as in the lattice of small JPEG files; every pixel of the cell moves by S step
//! ```
//!
//! The random rounding of [`super::rounding`] puts grain everywhere, and grain does not compress: a page of text as a PNG of
//! one bit grew 54 times. Cells that move as a whole, a few at the mark's peaks, cost a hundredth of that and carry as much of
//! the mark, whose finest detail is three cells wide. In a photograph they would show; there grain is what costs nothing.

use super::{carrier::GRID, lattice::matched};
use crate::imaging::Plane;

/// Step of a picture of two levels, in grey levels. On pure white or black 3 levels are not seen, and with larger steps fewer
/// cells move.
const BILEVEL_STEP: f32 = 3.0;
/// Mask below which the expected size of a step is not trusted.
const LEAST_MASK: f32 = 0.02;

/// Turns a residual at a strength into whole grey levels for each cell: at most `most` steps up or down.
pub(super) fn stepped(residual: &Plane, mask: &Plane, strength: f32, bilevel: bool, most: f32) -> Plane {
    let size = if bilevel { BILEVEL_STEP } else { 1.0 };
    let mut steps = residual.clone();
    for (step, mask) in steps.data_mut().iter_mut().zip(mask.data()) {
        let per_step = strength / size;
        *step = size * matched(per_step * *step, per_step * mask.max(LEAST_MASK)).clamp(-most, most);
    }
    steps
}
