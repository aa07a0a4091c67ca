//! Another frame of the same scene a moment later, with the transplanted mark.
//!
//! Made from the original: the frame moves by 1.5 % of its sides, a tenth of it by more, and the
//! noise is new. Or the forger has laid the frames in place, so that only the tenth and the noise
//! differ.

use image::RgbImage;

use super::{
    case::{Case, Expected, Sent, plain},
    mask::Mask,
    scene::Scene,
};
use crate::{attacks::gaussian_noise, edits::Area};

/// How far the frame moves, in sides.
const SHIFT: f64 = 0.015;
/// How far the part moves.
const MOTION: (f64, f64) = (0.05, -0.03);
/// The part: a tenth of the area.
const PART: Area = Area {
    x: 0.4,
    y: 0.42,
    width: 0.32,
    height: 0.32,
};
/// Deviation of the noise, in grey levels.
const NOISE: f64 = 4.0;

/// The cases.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for strength in 1..=3u8 {
        let marked = move |scene: &Scene, shift: f64| {
            let frame = gaussian_noise(&moved(&scene.original, shift), NOISE, "burst");
            scene.known_mark().added_to(&frame, f32::from(strength))
        };
        let make = move |scene: &Scene, _: &mut _| marked(scene, SHIFT);
        let name = format!("next_frame_x{strength}");
        cases.push(Case::new("burst", name, Expected::Other, make));
        let make = move |scene: &Scene, _: &mut _| {
            Sent::edited(
                &scene.protected,
                (marked(scene, 0.0), Mask::of(&PART)),
                plain,
            )
        };
        let name = format!("laid_in_place_x{strength}");
        cases.push(Case::new("burst", name, Expected::Edited, make));
    }
    cases
}

/// Moves the frame by a shift, and [`PART`] of it by [`MOTION`].
fn moved(picture: &RgbImage, shift: f64) -> RgbImage {
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    RgbImage::from_fn(picture.width(), picture.height(), |column, row| {
        let (x, y) = (f64::from(column) / width, f64::from(row) / height);
        let by = if PART.holds(x, y) {
            MOTION
        } else {
            (shift, shift)
        };
        let from = |at: f64, by: f64, side: u32| {
            (((at + by) * f64::from(side)).round().max(0.0) as u32).min(side - 1)
        };
        let (column, row) = (
            from(x, by.0, picture.width()),
            from(y, by.1, picture.height()),
        );
        *picture.get_pixel(column, row)
    })
}
