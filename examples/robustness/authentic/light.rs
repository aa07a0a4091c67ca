//! Light that is uneven over the frame, and tones that are mapped locally; no change of content.

use image::RgbImage;
use rand_chacha::ChaCha8Rng;

use super::{
    case::{Case, Expected},
    clahe::clahe,
    compose::each_pixel,
    scene::Scene,
    tone::luma,
};
use crate::attacks::{blur, long_edge, resize_to, uniform};

/// What is done in a severity of 1 to 3.
type Light = fn(&RgbImage, usize, &mut ChaCha8Rng) -> RgbImage;

/// The cases.
pub(super) fn cases() -> Vec<Case> {
    let lights: [(&str, Light); 6] = [
        ("leak", leak),
        ("graduated", graduated),
        ("vignette", vignette),
        ("uneven_gamma", uneven_gamma),
        ("haze", haze),
        ("lifted_shadows", lifted_shadows),
    ];
    let mut cases = Vec::new();
    for (name, light) in lights {
        for severity in 1..=3 {
            let make = move |scene: &Scene, random: &mut ChaCha8Rng| {
                light(&scene.protected, usize::from(severity), random)
            };
            let name = format!("{name}_{severity}");
            cases.push(Case::new("light", name, Expected::Benign(severity), make));
        }
    }
    for (limit, severity) in [(2.0, 2), (4.0, 3)] {
        let make = move |scene: &Scene, _: &mut _| clahe(&scene.protected, limit);
        let name = format!("clahe_{limit}");
        cases.push(Case::new("light", name, Expected::Benign(severity), make));
    }
    cases
}

/// A blob of orange or white light at a corner or side, laid over by screen blending.
pub(super) fn leak(picture: &RgbImage, severity: usize, random: &mut ChaCha8Rng) -> RgbImage {
    const STRENGTHS: [f32; 3] = [0.25, 0.5, 0.8];
    const COLOURS: [[f32; 3]; 2] = [[1.0, 0.6, 0.25], [1.0, 0.97, 0.9]];
    const PLACES: [(f32, f32); 8] = [
        (0.0, 0.0),
        (0.5, 0.0),
        (1.0, 0.0),
        (0.0, 0.5),
        (1.0, 0.5),
        (0.0, 1.0),
        (0.5, 1.0),
        (1.0, 1.0),
    ];
    let strength = STRENGTHS[severity - 1];
    let colour = COLOURS[usize::from(uniform(random) < 0.5)];
    let (x0, y0) = PLACES[(uniform(random) * PLACES.len() as f64) as usize];
    let radius = (0.3 + 0.2 * uniform(random)) as f32;
    each_pixel(picture, |x, y, pixel| {
        let distance = ((x - x0).powi(2) + (y - y0).powi(2)) / (2.0 * radius * radius);
        let light = strength * (-distance).exp();
        [0, 1, 2].map(|at| 255.0 - (255.0 - pixel[at]) * (1.0 - light * colour[at]))
    })
}

/// Darkened towards the top.
fn graduated(picture: &RgbImage, severity: usize, _: &mut ChaCha8Rng) -> RgbImage {
    let loss = [0.10, 0.25, 0.45][severity - 1];
    each_pixel(picture, |_, y, pixel| {
        pixel.map(|sample| sample * (1.0 - loss * (1.0 - y)))
    })
}

/// Darkened towards the corners.
fn vignette(picture: &RgbImage, severity: usize, _: &mut ChaCha8Rng) -> RgbImage {
    let loss = [0.15, 0.35, 0.55][severity - 1];
    each_pixel(picture, |x, y, pixel| {
        let square = 2.0 * ((x - 0.5).powi(2) + (y - 0.5).powi(2));
        pixel.map(|sample| sample * (1.0 - loss * square))
    })
}

/// A gamma that grows from one side to the other.
fn uneven_gamma(picture: &RgbImage, severity: usize, random: &mut ChaCha8Rng) -> RgbImage {
    let most = [1.15, 1.35, 1.6][severity - 1];
    let mirrored = uniform(random) < 0.5;
    each_pixel(picture, |x, _, pixel| {
        let share = if mirrored { 1.0 - x } else { x };
        let exponent = 1.0 + (most - 1.0) * share;
        pixel.map(|sample| 255.0 * (sample / 255.0).powf(exponent))
    })
}

/// White air that grows denser towards the top.
fn haze(picture: &RgbImage, severity: usize, _: &mut ChaCha8Rng) -> RgbImage {
    let most = [0.10, 0.20, 0.35][severity - 1];
    each_pixel(picture, |_, y, pixel| {
        pixel.map(|sample| sample + (255.0 - sample) * most * (1.0 - y))
    })
}

/// Raised by some levels where a blurred copy is dark.
fn lifted_shadows(picture: &RgbImage, severity: usize, _: &mut ChaCha8Rng) -> RgbImage {
    /// Long side at which the copy is blurred, and the deviation there: 5 % of the side.
    const SMALL: u32 = 128;
    let most = [10.0, 25.0, 40.0][severity - 1];
    let small = blur(&long_edge(picture, SMALL), 0.05 * f64::from(SMALL));
    let around = resize_to(&small, picture.width(), picture.height());
    let mut lifted = picture.clone();
    for (pixel, around) in lifted.pixels_mut().zip(around.pixels()) {
        let dark = (1.0 - luma(around.0.map(f32::from)) / 128.0).max(0.0);
        pixel.0 = pixel
            .0
            .map(|sample| (f32::from(sample) + most * dark).round() as u8);
    }
    lifted
}
