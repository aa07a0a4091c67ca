//! Small splices and changed writing, and what happens to the picture afterwards.

use image::{Rgb, RgbImage, imageops};
use rand_chacha::ChaCha8Rng;

use super::{
    case::{Case, Expected, LastStep, Sent, jpeg85, plain},
    light::leak,
    mask::Mask,
    paint::within,
    scene::Scene,
};
use crate::{
    attacks::{
        Pen, brightness, crop, generator, jpeg, resize, resize_to, rotate_inner, screenshot, text,
    },
    edits::{Area, Edit},
};

/// Shares of the area of a splice, in percent.
const SPLICES: [f64; 5] = [0.2, 0.3, 0.5, 1.0, 2.0];
/// Shares of the area of a written line, in percent.
const LINES: [f64; 5] = [0.02, 0.05, 0.1, 0.2, 0.5];
/// The part of both sides that every crop here keeps.
const KEPT: (f64, f64) = (0.15, 0.85);

const AFTER: [LastStep; 9] = [
    ("", plain),
    ("_jpeg85", jpeg85),
    ("_x0.6_jpeg70", |i| jpeg(&resize(i, 0.6), 70).into()),
    ("_brightness1.06", |i| brightness(i, 1.06).into()),
    ("_leak2", |i| leak(i, 2, &mut generator("small")).into()),
    ("_crop90", |i| crop(i, 0.81, 0.4, 0.6).into()),
    ("_crop80", |i| crop(i, 0.64, 0.4, 0.6).into()),
    ("_screenshot", |i| screenshot(i).into()),
    ("_turned3", |i| rotate_inner(i, 3.0).into()),
];

/// The cases.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (after, last) in AFTER {
        for percent in SPLICES {
            let make = move |scene: &Scene, random: &mut ChaCha8Rng| {
                let area = within(KEPT, percent / 100.0, 1.0, random);
                let edited = Edit::Splice.make(&scene.protected, &area, scene.other(0));
                Sent::edited(&scene.protected, (edited, Mask::of(&area)), last)
            };
            let name = format!("splice_{percent}{after}");
            cases.push(Case::new("small", name, Expected::Edited, make));
        }
    }
    for percent in LINES {
        let make = move |scene: &Scene, random: &mut ChaCha8Rng| {
            let area = within(KEPT, percent / 100.0, 4.0, random);
            let written = (written(&scene.protected, &area), Mask::of(&area));
            Sent::edited(&scene.protected, written, plain)
        };
        let name = format!("digits_{percent}");
        cases.push(Case::new("writing", name, Expected::Edited, make));
    }
    cases
}

/// Writes a line of digits on a ground of the mean colour around it: dark, or light where the
/// ground is dark.
fn written(picture: &RgbImage, area: &Area) -> RgbImage {
    // Letters have a least size, so the line is written large and reduced.
    const HEIGHT: u32 = 64;
    let (left, top, width, height) = area.pixels(picture);
    let part = imageops::crop_imm(picture, left, top, width, height).to_image();
    let ground = border_mean(&part);
    let dark = ground.iter().map(|sample| f64::from(*sample)).sum::<f64>() < 3.0 * 80.0;
    let ink = if dark { 225 } else { 25 };
    let scale = f64::from(HEIGHT) / f64::from(height);
    let across = (f64::from(width) * scale).round() as u32;
    let mut line = RgbImage::from_pixel(across, HEIGHT, Rgb(ground));
    let pen = Pen {
        size: (0.95 * f64::from(HEIGHT)).min(f64::from(across) / 4.4),
        colour: Rgb([ink; 3]),
    };
    text(&mut line, "8352604", (2.0, 2.0), &pen);
    let line = resize_to(&line, width, height);
    let mut written = picture.clone();
    imageops::replace(&mut written, &line, left.into(), top.into());
    written
}

/// Mean colour of the border pixels.
fn border_mean(part: &RgbImage) -> [u8; 3] {
    let (right, bottom) = (part.width() - 1, part.height() - 1);
    let mut sums = [0u64; 3];
    let mut count = 0;
    for (x, y, pixel) in part.enumerate_pixels() {
        if x == 0 || y == 0 || x == right || y == bottom {
            count += 1;
            for (sum, sample) in sums.iter_mut().zip(pixel.0) {
                *sum += u64::from(sample);
            }
        }
    }
    sums.map(|sum| (sum / count) as u8)
}
