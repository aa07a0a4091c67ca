//! Pieces of the picture.

use image::{RgbImage, imageops::crop_imm};

use super::{Attack, resize::resize_to, scaled};

/// The cropping attacks; numbers in names are percent of the area.
pub(super) fn attacks() -> Vec<Attack> {
    let mut attacks = Vec::new();
    for (percent, severity) in [(90, 1), (75, 1), (50, 2), (25, 3), (10, 4)] {
        attacks.push(Attack::new(
            format!("crop_centre_{percent}"),
            "crop",
            severity,
            "percent of the area kept",
            move |i| crop(i, f64::from(percent) / 100.0, 0.5, 0.5),
        ));
    }
    for (percent, severity) in [(50, 2), (25, 3)] {
        attacks.push(Attack::new(
            format!("crop_corner_{percent}"),
            "crop",
            severity,
            "near the bottom right corner",
            move |i| crop(i, f64::from(percent) / 100.0, 0.93, 0.97),
        ));
    }
    for (percent, severity) in [(75, 2), (50, 2), (25, 3)] {
        attacks.push(Attack::new(
            format!("crop_back_{percent}"),
            "crop",
            severity,
            "off-centre crop enlarged to the old size",
            move |i| crop_and_back(i, f64::from(percent) / 100.0),
        ));
    }
    attacks
}

/// Keeps `area` (0..=1) at the picture's aspect; (0, 0) places it at the top left, (1, 1) at the
/// bottom right.
pub(crate) fn crop(picture: &RgbImage, area: f64, across: f64, down: f64) -> RgbImage {
    strip(picture, (area.sqrt(), area.sqrt()), across, down)
}

/// Keeps shares of width and height.
pub(crate) fn strip(picture: &RgbImage, kept: (f64, f64), across: f64, down: f64) -> RgbImage {
    let (width, height) = (
        scaled(picture.width(), kept.0),
        scaled(picture.height(), kept.1),
    );
    let place = |spare: u32, at: f64| (f64::from(spare) * at).round_ties_even() as u32;
    let left = place(picture.width() - width, across);
    let top = place(picture.height() - height, down);
    crop_imm(picture, left, top, width, height).to_image()
}

/// Enlarges an off-centre crop to the old size.
pub(super) fn crop_and_back(picture: &RgbImage, area: f64) -> RgbImage {
    let piece = crop(picture, area, 0.35, 0.6);
    resize_to(&piece, picture.width(), picture.height())
}
