//! Harsher than the catalogue: several attacks at once, small pieces, long thin pieces, lenses and
//! paper that is not flat.

use image::RgbImage;

use super::{
    Attack,
    codec::jpeg,
    crop::{crop, strip},
    geometry::{Corners, perspective, rotate_inner},
    noise::{generator, uniform},
    pipeline::camera_of_screen,
    resize::{long_edge, resize},
    warp::{Outside, warp},
};

/// The harsh attacks.
pub(super) fn attacks() -> Vec<Attack> {
    let harsh =
        |name: &str, note, run: fn(&RgbImage) -> Vec<u8>| Attack::new(name, "harsh", 4, note, run);
    let mut attacks = vec![
        harsh("jpeg_5", "", |i| jpeg(i, 5)),
        harsh("half_jpeg_10", "half the size, JPEG 10", |i| {
            jpeg(&resize(i, 0.5), 10)
        }),
        harsh(
            "crop25_half_jpeg50",
            "a quarter of the area, half the size, JPEG 50",
            |i| jpeg(&resize(&crop(i, 0.25, 0.5, 0.5), 0.5), 50),
        ),
        harsh("edge256_jpeg30", "long edge 256, JPEG 30", |i| {
            jpeg(&long_edge(i, 256), 30)
        }),
        harsh(
            "camera_rotate_7",
            "camera of screen, held at 7 degrees, JPEG 80",
            |i| jpeg(&rotate_inner(&camera_of_screen(i), 7.0), 80),
        ),
    ];
    let pixels =
        |name: &str, note, run: fn(&RgbImage) -> RgbImage| Attack::new(name, "harsh", 4, note, run);
    attacks.push(pixels(
        "crop25_rotate_7",
        "turned by 7 degrees, a quarter of the area kept",
        |i| crop(&rotate_inner(i, 7.0), 0.25, 0.5, 0.5),
    ));
    attacks.push(pixels("perspective_20", "", |i| {
        perspective(i, 0.2, PERSPECTIVE_20)
    }));
    attacks.push(pixels("barrel_4", "lens, 4 % at the corners", |i| {
        barrel(i, 0.04)
    }));
    attacks.push(pixels(
        "pincushion_4",
        "lens, 4 % at the corners, the other way",
        |i| barrel(i, -0.04),
    ));
    attacks.push(pixels(
        "local_warp_1",
        "smooth random displacements of up to 1 % of the long side",
        |i| local_warp(i, 0.01),
    ));
    // Where a piece lies: name, across, down.
    let places = [
        ("centre", 0.5, 0.5),
        ("corner", 0.93, 0.97),
        ("top_left", 0.04, 0.06),
        ("left", 0.1, 0.55),
        ("off_centre", 0.62, 0.37),
    ];
    for percent in [10, 5] {
        for (place, across, down) in places {
            let name = format!("crop_{place}_{percent}");
            if name == "crop_centre_10" {
                // The catalogue has this one.
                continue;
            }
            attacks.push(Attack::new(
                name,
                "harsh",
                4,
                "percent of the area kept",
                move |i| crop(i, f64::from(percent) / 100.0, across, down),
            ));
        }
    }
    attacks.push(pixels(
        "strip_wide_20",
        "all of the width, 20 % of the height",
        |i| strip(i, (1.0, 0.2), 0.5, 0.6),
    ));
    attacks.push(pixels(
        "strip_tall_25",
        "25 % of the width, all of the height",
        |i| strip(i, (0.25, 1.0), 0.4, 0.5),
    ));
    attacks
}

/// Corners of the perspective of 20 %, drawn as attacks.py draws the smaller ones.
const PERSPECTIVE_20: Corners = [
    (0.778, 0.6244),
    (0.6042, 0.8868),
    (0.9023, 0.6408),
    (0.784, 0.7674),
];

/// Radial distortion: a place at distance r of the centre (1: a corner) shows what was at r (1 + k
/// r^2).
fn barrel(picture: &RgbImage, k: f64) -> RgbImage {
    let (x0, y0) = (
        f64::from(picture.width()) / 2.0,
        f64::from(picture.height()) / 2.0,
    );
    let corner = x0 * x0 + y0 * y0;
    warp(picture, picture.dimensions(), Outside::Black, |x, y| {
        let (dx, dy) = (x - x0, y - y0);
        let factor = 1.0 + k * (dx * dx + dy * dy) / corner;
        (x0 + dx * factor, y0 + dy * factor)
    })
}

/// Points of the displacement lattice along a side.
const LATTICE: usize = 7;

/// Moves each place by a displacement that a lattice of random ones gives by smooth interpolation.
pub(crate) fn local_warp(picture: &RgbImage, share: f64) -> RgbImage {
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    let largest = share * width.max(height);
    let mut generator = generator("local_warp");
    let mut lattice = || -> Vec<f64> {
        (0..LATTICE * LATTICE)
            .map(|_| largest * (2.0 * uniform(&mut generator) - 1.0))
            .collect()
    };
    let (across, down) = (lattice(), lattice());
    let displacement = |lattice: &[f64], u: f64, v: f64| {
        let cell = |at: f64| {
            let at = at * (LATTICE - 1) as f64;
            let first = (at as usize).min(LATTICE - 2);
            let t = at - first as f64;
            (first, t * t * (3.0 - 2.0 * t))
        };
        let ((column, s), (row, t)) = (cell(u), cell(v));
        let line = |row: usize| {
            let at = row * LATTICE + column;
            lattice[at] + s * (lattice[at + 1] - lattice[at])
        };
        line(row) + t * (line(row + 1) - line(row))
    };
    warp(picture, picture.dimensions(), Outside::Nearest, |x, y| {
        let (u, v) = (x / width, y / height);
        (
            x + displacement(&across, u, v),
            y + displacement(&down, u, v),
        )
    })
}
