//! Turned, mirrored, seen at a slant, framed.

use image::{Rgb, RgbImage, imageops};
use imageproc::geometric_transformations::Projection;

use super::{
    Attack, scaled,
    warp::{Outside, warp},
};

/// The attacks that move the picture.
pub(super) fn attacks() -> Vec<Attack> {
    let mut attacks = Vec::new();
    for (degrees, severity) in [(1, 1), (2, 1), (5, 2), (10, 2), (30, 3), (45, 3)] {
        attacks.push(Attack::new(
            format!("rotate_{degrees}"),
            "rotation",
            severity,
            "canvas expanded, black",
            move |i| rotate(i, f64::from(degrees)),
        ));
        attacks.push(Attack::new(
            format!("rotate_{degrees}_inner"),
            "rotation",
            severity,
            "cut to the inner rectangle",
            move |i| rotate_inner(i, f64::from(degrees)),
        ));
    }
    let mut add = |name: &str, family, severity, run: fn(&RgbImage) -> RgbImage, note| {
        attacks.push(Attack::new(name, family, severity, note, run));
    };
    add("rotate_90", "rotation", 1, imageops::rotate270, "exact");
    add("rotate_180", "rotation", 1, imageops::rotate180, "exact");
    add("flip_h", "flip", 1, imageops::flip_horizontal, "");
    add("flip_v", "flip", 2, imageops::flip_vertical, "");
    for (percent, severity, corners) in [
        (2, 1, PERSPECTIVE_2),
        (5, 2, PERSPECTIVE_5),
        (10, 3, PERSPECTIVE_10),
    ] {
        attacks.push(Attack::new(
            format!("perspective_{percent}"),
            "perspective",
            severity,
            "",
            move |i| perspective(i, f64::from(percent) / 100.0, corners),
        ));
    }
    for (colour, value) in [("black", 0), ("white", 255)] {
        attacks.push(Attack::new(
            format!("pad_{colour}"),
            "border",
            1,
            "10 % on every side",
            move |i| pad(i, 0.1, value),
        ));
        attacks.push(Attack::new(
            format!("shift_{colour}"),
            "border",
            2,
            "moved 10 % right and down",
            move |i| shift(i, 0.1, value),
        ));
    }
    attacks
}

/// Turns counter-clockwise; the canvas grows and its corners are black.
pub(super) fn rotate(picture: &RgbImage, degrees: f64) -> RgbImage {
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    let (sin, cos) = degrees.to_radians().sin_cos();
    // From a place in the new canvas back to the source, both from their centres.
    let back = |x: f64, y: f64| (cos * x - sin * y, sin * x + cos * y);
    let corners = [
        (-width, -height),
        (width, -height),
        (-width, height),
        (width, height),
    ]
    .map(|(x, y)| (0.5 * (cos * x + sin * y), 0.5 * (cos * y - sin * x)));
    let span = |of: fn(&(f64, f64)) -> f64, centre: f64| {
        let largest = corners.iter().map(of).fold(f64::MIN, f64::max);
        ((centre + largest).ceil() - (centre - largest).floor()) as u32
    };
    let size = (
        span(|corner| corner.0, width / 2.0),
        span(|corner| corner.1, height / 2.0),
    );
    let centre = (f64::from(size.0) / 2.0, f64::from(size.1) / 2.0);
    warp(picture, size, Outside::Black, |x, y| {
        let (x, y) = back(x - centre.0, y - centre.1);
        (x + width / 2.0, y + height / 2.0)
    })
}

/// Turns, then cuts the largest rectangle without black corners.
pub(crate) fn rotate_inner(picture: &RgbImage, degrees: f64) -> RgbImage {
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    let turned = rotate(picture, degrees);
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (long, short) = (width.max(height), width.min(height));
    let (inner_width, inner_height) = if short <= 2.0 * sin * cos * long || (sin - cos).abs() < 1e-9
    {
        let half = short / 2.0;
        if width >= height {
            (half / sin, half / cos)
        } else {
            (half / cos, half / sin)
        }
    } else {
        let double = cos * cos - sin * sin;
        (
            (width * cos - height * sin) / double,
            (height * cos - width * sin) / double,
        )
    };
    let (inner_width, inner_height) = (inner_width as u32 - 2, inner_height as u32 - 2);
    let (left, top) = (
        (turned.width() - inner_width) / 2,
        (turned.height() - inner_height) / 2,
    );
    imageops::crop_imm(&turned, left, top, inner_width, inner_height).to_image()
}

/// How far each corner moves inwards, in shares of the largest move: top left, top right, bottom
/// right, bottom left.
pub(super) type Corners = [(f64, f64); 4];

// The corners that the generators of attacks.py draw.
const PERSPECTIVE_2: Corners = [
    (0.7156, 0.7),
    (0.8968, 0.5539),
    (0.9567, 0.7703),
    (0.8617, 0.8648),
];
const PERSPECTIVE_5: Corners = [
    (0.6067, 0.5637),
    (0.5201, 0.9152),
    (0.6848, 0.7087),
    (0.6335, 0.9422),
];
const PERSPECTIVE_10: Corners = [
    (0.6435, 0.9903),
    (0.8492, 0.7977),
    (0.824, 0.7342),
    (0.5789, 0.7401),
];

/// Moves the corners inwards by their shares of `fraction` of the side; black outside.
pub(super) fn perspective(picture: &RgbImage, fraction: f64, corners: Corners) -> RgbImage {
    // Pixel centres of the corners, as `OpenCV` counts them: at whole numbers.
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    let ends = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)];
    let place = |end: f64, share: f64, side: f64| {
        let moved = share * fraction * if end == 0.0 { 1.0 } else { -1.0 };
        ((end + moved) * side) as f32
    };
    let mut seen = [(0.0, 0.0); 4];
    for ((seen, end), corner) in seen.iter_mut().zip(ends).zip(corners) {
        *seen = (
            place(end.0, corner.0, width),
            place(end.1, corner.1, height),
        );
    }
    let whole = ends.map(|end| ((end.0 * width) as f32, (end.1 * height) as f32));
    let back = Projection::from_control_points(seen, whole).unwrap();
    let size = picture.dimensions();
    warp(picture, size, Outside::Black, |x, y| {
        let (x, y) = back * ((x - 0.5) as f32, (y - 0.5) as f32);
        (f64::from(x) + 0.5, f64::from(y) + 0.5)
    })
}

/// Adds a border of a share of each side.
fn pad(picture: &RgbImage, fraction: f64, value: u8) -> RgbImage {
    let (across, down) = (
        scaled(picture.width(), fraction),
        scaled(picture.height(), fraction),
    );
    let size = (picture.width() + 2 * across, picture.height() + 2 * down);
    let mut framed = RgbImage::from_pixel(size.0, size.1, Rgb([value; 3]));
    imageops::replace(&mut framed, picture, across.into(), down.into());
    framed
}

/// Moves the picture right and down in its frame.
fn shift(picture: &RgbImage, fraction: f64, value: u8) -> RgbImage {
    let (across, down) = (
        scaled(picture.width(), fraction),
        scaled(picture.height(), fraction),
    );
    let mut moved = RgbImage::from_pixel(picture.width(), picture.height(), Rgb([value; 3]));
    imageops::replace(&mut moved, picture, across.into(), down.into());
    moved
}
