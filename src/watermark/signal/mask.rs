//! The mask: the mark may be stronger where the eye is busy.
//!
//! On the 256 x 256 luma grid y, with `G_s` a Gaussian of s samples and box5 the mean over 5 x 5:
//!
//! ```text
//! act1 = box5(sqrt|y - G_2 y|)^2            texture that the grid resolves
//! act2 = box5(sqrt(tex))^2                  texture finer than the grid: deviation inside each cell
//! act  = sqrt(act1^2 + act2^2 / 2)
//! busy = G_1 min(act, 2 act 4 samples to the left, right, above and below)
//! lf   = 0.7 + 0.5 |G_4 y - 110| / 145      the eye sees most around middle grey;
//!        times 0.7 below 16                 in the dark a monitor's glow shows every step
//! dark = 0.38 + (least y of 3 x 3) / 10
//! m    = min(min(0.5 + 0.32 busy^0.7, 6) lf, dark)
//! ```
//!
//! Nothing of a bright object's mark may show beside it, on a smooth wall or in the black of the
//! night. The mean of square roots, not of squares, keeps a lone edge from raising the activity on
//! its flat side; a place is busy only if it is so on all sides; and black gets no more than a flat
//! place does, however busy its neighbour is. The constants are set by eye and SSIMULACRA 2
//! (measured: docs/watermark.md).

use pulp::Simd;

use crate::{
    imaging::Plane,
    simd,
    watermark::{layout::GRID, sampling::blur::Blur},
};

/// Mask of a flat region.
const FLOOR: f32 = 0.5;
/// Mask added per unit of activity.
const GAIN: f32 = 0.32;
/// Exponent that compresses activity: twice the texture hides less than twice the mark (Watson 1993
/// has the same 0.7).
const EXPONENT: f64 = 0.7;
/// Multiple of the activity of its least busy side up to which a place's own activity counts.
const SIDE_FACTOR: f32 = 2.0;
/// Offsets of the four sides of a place, in samples down and across: beyond the reach of an edge's
/// own blur and window.
const SIDES: [(isize, isize); 4] = [(-4, 0), (4, 0), (0, -4), (0, 4)];
/// Longest of these offsets, and of those below.
const REACH: usize = 4;
/// Highest mask before the luminance factor.
const CEILING: f32 = 6.0;
/// Luminance, in grey levels, of least visibility threshold.
const MID_GREY: f32 = 110.0;
/// Luminance below which the factor [`DARK_FACTOR`] applies.
const DARK: f32 = 16.0;
/// Factor on the mask below a luminance of [`DARK`].
const DARK_FACTOR: f32 = 0.7;
/// Highest mask of black: that of a flat place there.
const BLACK_CEILING: f32 = 0.38;
/// Rise of that ceiling per grey level: some contrast of the mark to its surroundings.
const CEILING_PER_LEVEL: f32 = 0.1;
/// Offsets of a place and the eight around it, which interpolation mixes with it.
const NEIGHBOURS: [(isize, isize); 9] = [
    (-1, -1),
    (-1, 0),
    (-1, 1),
    (0, -1),
    (0, 0),
    (0, 1),
    (1, -1),
    (1, 0),
    (1, 1),
];

/// Computes the mask of a luma grid (0..=255) and its texture (deviation inside each cell, grey
/// levels).
///
/// All planes are 256 x 256. A mask of 1 lets a strength of 1 change the grid by 1 grey level RMS.
pub(in crate::watermark) fn mask(luma: &Plane, texture: &Plane) -> Plane {
    let smooth = Blur::gaussian(2.0).apply(GRID, luma.data());
    let detail: Vec<f32> = luma
        .data()
        .iter()
        .zip(smooth)
        .map(|(y, smooth)| (y - smooth).abs().sqrt())
        .collect();
    let fine: Vec<f32> = texture.data().iter().map(|tex| tex.sqrt()).collect();
    let mean = Blur::mean(2);
    let activity: Vec<f32> = mean
        .apply(GRID, &detail)
        .into_iter()
        .zip(mean.apply(GRID, &fine))
        .map(|(root1, root2)| {
            let (act1, act2) = (root1 * root1, root2 * root2);
            (act1 * act1 + 0.5 * act2 * act2).sqrt()
        })
        .collect();
    let sides = least(&activity, &SIDES);
    let busy: Vec<f32> = activity
        .iter()
        .zip(sides)
        .map(|(activity, side)| activity.min(SIDE_FACTOR * side))
        .collect();
    let busy = Blur::gaussian(1.0).apply(GRID, &busy);
    let luminance = Blur::gaussian(4.0).apply(GRID, luma.data());
    let darkest = least(luma.data(), &NEIGHBOURS);

    let mut mask = Plane::new(GRID, GRID);
    let sources = busy.into_iter().zip(luminance).zip(darkest);
    for (mask, ((busy, luminance), darkest)) in mask.data_mut().iter_mut().zip(sources) {
        // In f64 and rounded once: `powf` of two machines may differ in the last bit, the rounding
        // hides it.
        let masking = GAIN * f64::from(busy).powf(EXPONENT) as f32;
        let seen = (FLOOR + masking).min(CEILING) * luminance_factor(luminance);
        *mask = seen.min(BLACK_CEILING + CEILING_PER_LEVEL * darkest);
    }
    mask
}

/// Returns the least value of a 256 x 256 grid at some places around each, `(down, across)`, at
/// most [`REACH`] away; the border repeats.
fn least(grid: &[f32], places: &[(isize, isize)]) -> Vec<f32> {
    let mut least = vec![f32::INFINITY; GRID * GRID];
    lower(&mut least, grid, places);
    least
}

#[pulp::with_simd(lower = simd::arch())]
#[inline(always)]
fn lower_lanes<'a, S: Simd>(
    _: S,
    least: &'a mut [f32],
    grid: &'a [f32],
    places: &'a [(isize, isize)],
) {
    let moved = |at: usize, by: isize| at.saturating_add_signed(by).min(GRID - 1);
    let mut padded = [0.0; GRID + 2 * REACH];
    for (y, least) in least.chunks_exact_mut(GRID).enumerate() {
        for &(down, across) in places {
            let from = moved(y, down) * GRID;
            let row = &grid[from..from + GRID];
            padded[..REACH].fill(row[0]);
            padded[REACH..REACH + GRID].copy_from_slice(row);
            padded[REACH + GRID..].fill(row[GRID - 1]);
            let values = &padded[REACH.saturating_add_signed(across)..];
            for (least, value) in least.iter_mut().zip(values) {
                *least = least.min(*value);
            }
        }
    }
}

/// Returns the factor `lf` of a local luminance, in grey levels.
fn luminance_factor(luminance: f32) -> f32 {
    let factor = 0.7 + 0.5 * (luminance - MID_GREY).abs() / (255.0 - MID_GREY);
    if luminance < DARK {
        factor * DARK_FACTOR
    } else {
        factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mask along a row to the right of a bright square of 64 cells; the first is beside its
    /// edge.
    fn beside_a_bright_square(bright: f32, dark: f32) -> Vec<f32> {
        let mut luma = Plane::new(GRID, GRID);
        for y in 0..GRID {
            for x in 0..GRID {
                let inside = (96..160).contains(&x) && (96..160).contains(&y);
                luma.row_mut(y)[x] = if inside { bright } else { dark };
            }
        }
        let mask = mask(&luma, &Plane::new(GRID, GRID));
        mask.row(128)[160..200].to_vec()
    }

    #[test]
    fn black_beside_white_gets_no_more_than_black_alone() {
        let row = beside_a_bright_square(255.0, 0.0);
        assert!(row.iter().all(|mask| *mask <= BLACK_CEILING), "{row:?}");
        assert!(row[39] > 0.9 * BLACK_CEILING);
    }

    #[test]
    fn a_smooth_wall_beside_a_window_is_soon_flat() {
        let row = beside_a_bright_square(220.0, 60.0);
        let flat = row[39];
        assert!(row[5..].iter().all(|mask| *mask < 1.2 * flat), "{row:?}");
        assert!(row[..2].iter().all(|mask| *mask < 4.5 * flat), "{row:?}");
    }
}
