//! Tones and colours of the whole picture.

use image::RgbImage;

use super::{
    case::{Case, Expected},
    compose::each_pixel,
};
use crate::attacks::{brightness, contrast, gamma, hue, saturation, white_balance};

/// A tone: its name, its severity, what it does.
pub(super) type Tone = (&'static str, u8, fn(&RgbImage) -> RgbImage);

/// Tones under which a forgery is painted in.
pub(super) const TONES: [Tone; 13] = [
    ("brightness1.06", 2, |i| brightness(i, 1.06)),
    ("brightness0.94", 2, |i| brightness(i, 0.94)),
    ("brightness1.15", 2, |i| brightness(i, 1.15)),
    ("brightness1.3", 3, |i| brightness(i, 1.3)),
    ("contrast1.12", 2, |i| contrast(i, 1.12)),
    ("contrast0.9", 2, |i| contrast(i, 0.9)),
    ("contrast1.3", 3, |i| contrast(i, 1.3)),
    ("gamma0.8", 2, |i| gamma(i, 0.8)),
    ("gamma1.25", 2, |i| gamma(i, 1.25)),
    ("levels", 2, levels),
    ("warm", 2, |i| white_balance(i, [1.08, 1.0, 0.9])),
    ("cool", 2, |i| white_balance(i, [0.9, 1.0, 1.08])),
    ("saturated", 2, |i| saturation(i, 1.4)),
];

/// Looks that replace the colours.
const LOOKS: [Tone; 4] = [
    ("hue180", 3, |i| hue(i, 180.0)),
    ("split_toning", 3, split_toning),
    ("red_filter", 3, red_filter),
    ("cross_processing", 3, cross_processing),
];

/// The cases: all tones and looks, without a forgery.
pub(super) fn cases() -> Vec<Case> {
    let all = TONES.into_iter().chain(LOOKS);
    all.map(|(name, severity, tone)| {
        Case::new(
            "tones",
            name,
            Expected::Benign(severity),
            move |scene, _| tone(&scene.protected),
        )
    })
    .collect()
}

/// Luma of ITU-R 601.
pub(super) fn luma([r, g, b]: [f32; 3]) -> f32 {
    0.299 * r + 0.587 * g + 0.114 * b
}

/// Stretches the tones from the darkest to the brightest hundredth over the whole range.
fn levels(picture: &RgbImage) -> RgbImage {
    let mut counts = [0u64; 256];
    for pixel in picture.pixels() {
        counts[luma(pixel.0.map(f32::from)).round() as usize] += 1;
    }
    let total: u64 = counts.iter().sum();
    let at_share = |share: f64| {
        let mut below = 0;
        let reached = |count: &u64| {
            below += count;
            below as f64 >= share * total as f64
        };
        counts.iter().position(reached).unwrap_or(255) as f32
    };
    let (dark, bright) = (at_share(0.01), at_share(0.99));
    let factor = 255.0 / (bright - dark).max(1.0);
    each_pixel(picture, |_, _, pixel| {
        pixel.map(|sample| (sample - dark) * factor)
    })
}

/// Blue shadows, orange lights.
fn split_toning(picture: &RgbImage) -> RgbImage {
    const SHADOWS: [f32; 3] = [-14.0, -2.0, 24.0];
    const LIGHTS: [f32; 3] = [22.0, 6.0, -20.0];
    each_pixel(picture, |_, _, pixel| {
        let light = luma(pixel) / 255.0;
        [0, 1, 2].map(|at| pixel[at] + (1.0 - light) * SHADOWS[at] + light * LIGHTS[at])
    })
}

/// Black and white through a red filter.
fn red_filter(picture: &RgbImage) -> RgbImage {
    each_pixel(picture, |_, _, [r, g, b]| {
        [0.8 * r + 0.15 * g + 0.05 * b; 3]
    })
}

/// A film in the wrong bath: steep red, less steep green, flat blue.
fn cross_processing(picture: &RgbImage) -> RgbImage {
    let steep = |sample: f32, share: f32| {
        let v = sample / 255.0;
        255.0 * (v + share * (v * v * (3.0 - 2.0 * v) - v))
    };
    each_pixel(picture, |_, _, [r, g, b]| {
        [steep(r, 1.0), steep(g, 0.6), 40.0 + 0.7 * b]
    })
}
