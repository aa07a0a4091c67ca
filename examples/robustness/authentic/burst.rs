//! Another frame of the same scene a moment later, with the transplanted mark.
//!
//! Made from the original: the frame moves by 1.5 % of its sides, a tenth of it by more, and the noise is new.

use image::RgbImage;

use super::{
    case::{Case, Expected},
    scene::Scene,
};
use crate::attacks::gaussian_noise;

/// How far the frame moves, in sides.
const SHIFT: f64 = 0.015;
/// How far the part moves.
const MOTION: (f64, f64) = (0.05, -0.03);
/// Left, top, width and height of the part, in sides: a tenth of the area.
const PART: [f64; 4] = [0.4, 0.42, 0.32, 0.32];
/// Deviation of the noise, in grey levels.
const NOISE: f64 = 4.0;

/// The cases.
pub(super) fn cases() -> Vec<Case> {
    (1..=3u8)
        .map(|strength| {
            let make = move |scene: &Scene, _: &mut _| {
                let frame = gaussian_noise(&moved(&scene.original), NOISE, "burst");
                scene.known_mark().added_to(&frame, f32::from(strength))
            };
            let name = format!("next_frame_x{strength}");
            Case::new("burst", name, Expected::Other, make)
        })
        .collect()
}

fn moved(picture: &RgbImage) -> RgbImage {
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    RgbImage::from_fn(picture.width(), picture.height(), |column, row| {
        let (x, y) = (f64::from(column) / width, f64::from(row) / height);
        let [left, top, across, down] = PART;
        let moves = (left..left + across).contains(&x) && (top..top + down).contains(&y);
        let by = if moves { MOTION } else { (SHIFT, SHIFT) };
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
