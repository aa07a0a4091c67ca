//! Sampling a picture through a map of the plane, by cubic convolution (Keys 1981).

use image::{Rgb, RgbImage};

/// What lies outside of a picture.
#[derive(Clone, Copy)]
pub(super) enum Outside {
    /// Black.
    Black,
    /// The nearest pixel of the border.
    Nearest,
}

/// Makes a picture of `size` whose pixel at (x, y) is the source at `map(x, y)`.
///
/// Places are in pixels; centres lie at halves.
pub(super) fn warp(
    source: &RgbImage,
    size: (u32, u32),
    outside: Outside,
    map: impl Fn(f64, f64) -> (f64, f64),
) -> RgbImage {
    RgbImage::from_fn(size.0, size.1, |column, row| {
        let (x, y) = map(f64::from(column) + 0.5, f64::from(row) + 0.5);
        cubic(source, x - 0.5, y - 0.5, outside)
    })
}

/// Weights of four neighbours at a fraction between the inner two.
fn weights(t: f64) -> [f32; 4] {
    const A: f64 = -0.5;
    let near = |d: f64| ((A + 2.0) * d - (A + 3.0)) * d * d + 1.0;
    let far = |d: f64| (((d - 5.0) * d + 8.0) * d - 4.0) * A;
    [far(1.0 + t), near(t), near(1.0 - t), far(2.0 - t)].map(|weight| weight as f32)
}

fn cubic(source: &RgbImage, x: f64, y: f64, outside: Outside) -> Rgb<u8> {
    let (width, height) = (i64::from(source.width()), i64::from(source.height()));
    let (left, top) = (x.floor() as i64, y.floor() as i64);
    let inside = (-1..=width).contains(&left) && (-1..=height).contains(&top);
    if matches!(outside, Outside::Black) && !inside {
        return Rgb([0; 3]);
    }
    let (across, down) = (weights(x - x.floor()), weights(y - y.floor()));
    let mut sums = [0.0f32; 3];
    for (row, down) in (top - 1..).zip(down) {
        for (column, across) in (left - 1..).zip(across) {
            let within = (0..width).contains(&column) && (0..height).contains(&row);
            if matches!(outside, Outside::Black) && !within {
                continue;
            }
            let at = (
                column.clamp(0, width - 1) as u32,
                row.clamp(0, height - 1) as u32,
            );
            for (sum, sample) in sums.iter_mut().zip(source.get_pixel(at.0, at.1).0) {
                *sum += across * down * f32::from(sample);
            }
        }
    }
    Rgb(sums.map(|sum| sum.round() as u8))
}
