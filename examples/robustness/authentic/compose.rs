//! Putting pictures together, by places in fractions of the sides.

use image::{Rgb, RgbImage, imageops::crop_imm};

use super::mask::Mask;
use crate::attacks::resize;

/// Changes each pixel, knowing its place.
pub(crate) fn each_pixel(
    picture: &RgbImage,
    change: impl Fn(f32, f32, [f32; 3]) -> [f32; 3],
) -> RgbImage {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let mut changed = picture.clone();
    for (column, row, pixel) in changed.enumerate_pixels_mut() {
        let (x, y) = ((column as f32 + 0.5) / width, (row as f32 + 0.5) / height);
        let samples = change(x, y, pixel.0.map(f32::from));
        *pixel = Rgb(samples.map(|sample| sample.round() as u8));
    }
    changed
}

/// Lays a picture of the same size over another, by a weight of 0 to 1.
pub(crate) fn mix(under: &RgbImage, over: &RgbImage, weight: impl Fn(f64, f64) -> f64) -> RgbImage {
    let (width, height) = (f64::from(under.width()), f64::from(under.height()));
    let mut mixed = under.clone();
    for ((column, row, pixel), over) in mixed.enumerate_pixels_mut().zip(over.pixels()) {
        let (x, y) = (
            (f64::from(column) + 0.5) / width,
            (f64::from(row) + 0.5) / height,
        );
        let weight = weight(x, y) as f32;
        for (sample, over) in pixel.0.iter_mut().zip(over.0) {
            let under = f32::from(*sample);
            *sample = (under + weight * (f32::from(over) - under)).round() as u8;
        }
    }
    mixed
}

/// Mixes, and says where more than half is new.
pub(crate) fn replace(
    under: &RgbImage,
    over: &RgbImage,
    weight: impl Fn(f64, f64) -> f64,
) -> (RgbImage, Mask) {
    let picture = mix(under, over, &weight);
    (picture, Mask::from_fn(|x, y| weight(x, y) >= 0.5))
}

/// A step from 0 to 1 where a signed distance changes its sign, over a width.
pub(crate) fn step(distance: f64, width: f64) -> f64 {
    (distance / width + 0.5).clamp(0.0, 1.0)
}

/// Resizes and cuts a picture so that it covers a frame.
pub(crate) fn cover(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    let across = f64::from(width) / f64::from(picture.width());
    let down = f64::from(height) / f64::from(picture.height());
    // A little more, so that rounding leaves no side short.
    let larger = resize(picture, across.max(down) * (1.0 + 1e-9));
    let larger = if larger.width() < width || larger.height() < height {
        resize(
            picture,
            across.max(down) + 1.0 / f64::from(picture.width().min(picture.height())),
        )
    } else {
        larger
    };
    let (left, top) = ((larger.width() - width) / 2, (larger.height() - height) / 2);
    crop_imm(&larger, left, top, width, height).to_image()
}
