//! Where the eye is busy the mark may be stronger.
//!
//! On the 256 x 256 luma grid y, with `G_s` a Gaussian of s samples and box5 the mean over 5 x 5:
//!
//! ```text
//! act1 = box5(sqrt|y - G_2 y|)^2            texture that the grid resolves
//! act2 = box5(sqrt(tex))^2                  texture finer than the grid: deviation inside each cell
//! act  = G_1 sqrt(act1^2 + act2^2 / 2)
//! lf   = 0.7 + 0.5 |G_4 y - 110| / 145      the eye sees most around middle grey;
//!        times 0.7 below 16                 in the dark a monitor's glow shows every step
//! m    = min(0.5 + 0.3 act^0.7, 6) lf
//! ```
//!
//! The mean of square roots, not of squares, keeps a lone edge from raising the mask on its flat side: no halo
//! in a sky along a roof. The constants are set by sight and SSIMULACRA 2 (measured: docs/watermark.md).

use super::{blur::Blur, carrier::GRID};
use crate::imaging::Plane;

/// Mask of a flat region.
const FLOOR: f32 = 0.5;
/// Mask that a unit of activity adds.
const GAIN: f32 = 0.3;
/// Compression of activity: twice the texture hides less than twice the mark (Watson 1993 has the same 0.7).
const EXPONENT: f64 = 0.7;
/// Highest mask before the luminance factor.
const CEILING: f32 = 6.0;
/// Luminance, in grey levels, of least visibility threshold.
const MID_GREY: f32 = 110.0;
/// Luminance below which the factor [`DARK_FACTOR`] applies.
const DARK: f32 = 16.0;
/// Extra factor in the dark.
const DARK_FACTOR: f32 = 0.7;

/// Computes the mask of a luma grid (0..=255) and its texture (deviation inside each cell, grey levels).
///
/// All planes are 256 x 256. A mask of 1 lets a strength of 1 change the grid by 1 grey level RMS.
pub(super) fn mask(luma: &Plane, texture: &Plane) -> Plane {
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
    let activity = Blur::gaussian(1.0).apply(GRID, &activity);
    let luminance = Blur::gaussian(4.0).apply(GRID, luma.data());

    let mut mask = Plane::new(GRID, GRID);
    let sources = activity.into_iter().zip(luminance);
    for (mask, (activity, luminance)) in mask.data_mut().iter_mut().zip(sources) {
        // In f64 and rounded once: `powf` of two machines may differ in the last bit, the rounding hides it.
        let masking = GAIN * f64::from(activity).powf(EXPONENT) as f32;
        *mask = (FLOOR + masking).min(CEILING) * luminance_factor(luminance);
    }
    mask
}

/// The factor `lf` of a local luminance, in grey levels.
fn luminance_factor(luminance: f32) -> f32 {
    let factor = 0.7 + 0.5 * (luminance - MID_GREY).abs() / (255.0 - MID_GREY);
    if luminance < DARK {
        factor * DARK_FACTOR
    } else {
        factor
    }
}
