//! Marking a picture whose file is small because it has flat places or few colours, so that it
//! stays small.
//!
//! ```text
//! x, s = R / S, g m / S        R: residual of a cell of the grid, g m: its RMS, S: step in grey levels
//! step = sign(x) floor(|x| + 1 - theta), as in the lattice of small JPEG files; every pixel of the cell moves by S step
//! ```
//!
//! The random rounding of [`super::dither`] puts grain everywhere, and grain does not compress: it
//! made a page of text, a PNG of one bit, 50 times larger. Cells that move as a whole, at the
//! mark's peaks, carry as much of the mark, whose finest detail is three cells long, and cost a
//! compressor next to nothing. In a photograph they might show; there grain costs little.
//!
//! A picture with a palette takes as many steps as the palette has room for: 256 / n - 1 more
//! colours for each of its n. Where that is none, the commonest colours get what room there is; and
//! where that does not reach half of the visible pixels, pixels are exchanged within the palette
//! ([`super::exchange`]). If its colours are too far apart, or the mark reads back too weak, the
//! palette is given up for true colour.

use super::{
    dither::{add_steps, scaled},
    exchange::Exchange,
    jpeg_embedder::matched,
    original::Original,
};
use crate::imaging::{MAX_COLOURS, Palette, Plane, Raster, Sparse};

/// Step of a picture of two levels, in grey levels. On pure white and black 3 levels are invisible,
/// and fewer cells move by them.
const BILEVEL_STEP: f32 = 3.0;
/// Mask below which the expected size of a step is not trusted.
const LEAST_MASK: f32 = 0.02;
/// Least share of the visible pixels that must be able to carry the mark.
const LEAST_SHARE: f64 = 0.5;

/// Marks an 8-bit raster at a strength, in place of the random rounding of [`super::dither`].
///
/// `again` says that the raster did not carry the mark at a lower strength: a palette without room
/// is given up then.
pub(in crate::watermark) fn add_mark(
    raster: &mut Raster,
    sparse: Sparse,
    original: &Original,
    strength: f32,
    again: bool,
) {
    let any = if sparse.bilevel { 1 } else { MAX_COLOURS };
    let palette = if sparse.indexed {
        Palette::of(raster)
    } else {
        None
    };
    let Some(mut palette) = palette else {
        return add_steps(raster, &steps(original, strength, sparse, any));
    };
    let colours = palette.colours.len();
    let room = (MAX_COLOURS / colours - 1) / 2;
    if room > 0 || again {
        let most = if room > 0 { room.min(any) } else { any };
        return add_steps(raster, &steps(original, strength, sparse, most));
    }
    let counts = palette.visible_counts();
    let enough = LEAST_SHARE * counts.iter().sum::<usize>() as f64;
    let commonest = commonest(&counts, (MAX_COLOURS - colours) / 2);
    let reached: usize = commonest.iter().map(|&index| counts[index]).sum();
    if reached as f64 >= enough {
        add_steps(raster, &steps(original, strength, sparse, 1));
        palette.paint(raster, |index| !commonest.contains(&usize::from(index)));
        return;
    }
    let exchange = Exchange::new(&palette.colours);
    if exchange.reach(&counts) >= enough {
        let width = raster.width() as usize;
        exchange.add_residual(
            &mut palette.indices,
            width,
            &scaled(original.residual(), strength),
        );
        palette.paint(raster, |_| true);
    } else {
        add_steps(raster, &steps(original, strength, sparse, any));
    }
}

/// Quantises the residual of an original to whole grey levels for each cell, at most `most` steps
/// up or down.
fn steps(original: &Original, strength: f32, sparse: Sparse, most: usize) -> Plane {
    let size = if sparse.bilevel { BILEVEL_STEP } else { 1.0 };
    let per_step = strength / size;
    let most = most as f32;
    let mut steps = scaled(original.residual(), per_step);
    for (step, mask) in steps.data_mut().iter_mut().zip(original.mask().data()) {
        let rms = per_step * mask.max(LEAST_MASK);
        *step = size * matched(*step, rms).clamp(-most, most);
    }
    steps
}

/// Returns the indices of the `number` largest counts.
fn commonest(counts: &[usize], number: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(counts[index]));
    order.truncate(number);
    order
}
