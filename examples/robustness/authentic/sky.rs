//! The upper part becomes another sky.

use image::{Rgb, RgbImage};
use rand_chacha::ChaCha8Rng;

use super::{
    case::{Case, Expected, LastStep, Sent, jpeg85, plain},
    compose::{each_pixel, replace, step},
    scene::Scene,
};
use crate::attacks::{brightness, resize_to, uniform};

/// Shares of the height, in percent.
const PERCENT: [u8; 3] = [35, 57, 80];
/// Width of the soft edge, in heights.
const EDGE: f64 = 0.03;

const BLUE: [f32; 3] = [70.0, 120.0, 190.0];
const PALE: [f32; 3] = [190.0, 210.0, 230.0];
const WHITE: [f32; 3] = [245.0; 3];

const AFTER: [LastStep; 3] = [
    ("", plain),
    ("_jpeg85", jpeg85),
    ("_brightness1.06", |i| brightness(i, 1.06).into()),
];

/// What makes a sky of the size of the picture.
type Sky = fn(&Scene, f32, &mut ChaCha8Rng) -> RgbImage;

/// The cases.
pub(super) fn cases() -> Vec<Case> {
    let skies: [(&str, Sky); 3] = [
        ("gradient", gradient),
        ("clouds", clouds),
        ("other", |scene, _, _| scene.other(0).clone()),
    ];
    let mut cases = Vec::new();
    for (after, last) in AFTER {
        for (name, sky) in skies {
            for percent in PERCENT {
                let share = f64::from(percent) / 100.0;
                let make = move |scene: &Scene, random: &mut ChaCha8Rng| {
                    let sky = sky(scene, share as f32, random);
                    let replaced = replace(&scene.protected, &sky, |_, y| step(share - y, EDGE));
                    Sent::edited(&scene.protected, replaced, last)
                };
                let name = format!("{name}_{percent}{after}");
                cases.push(Case::new("sky", name, Expected::Edited, make));
            }
        }
    }
    cases
}

fn between(one: [f32; 3], other: [f32; 3], t: f32) -> [f32; 3] {
    [0, 1, 2].map(|at| one[at] + t * (other[at] - one[at]))
}

/// Blue above, pale at the horizon.
fn gradient(scene: &Scene, share: f32, _: &mut ChaCha8Rng) -> RgbImage {
    each_pixel(&scene.protected, |_, y, _| {
        between(BLUE, PALE, (y / share).min(1.0))
    })
}

/// Smooth noise of two sizes decides between blue and white.
fn clouds(scene: &Scene, _: f32, random: &mut ChaCha8Rng) -> RgbImage {
    let (width, height) = scene.protected.dimensions();
    let mut noise = |across, down| {
        let lattice = RgbImage::from_fn(across, down, |_, _| {
            Rgb([(255.0 * uniform(random)) as u8; 3])
        });
        resize_to(&lattice, width, height)
    };
    let (large, small) = (noise(7, 5), noise(23, 17));
    RgbImage::from_fn(width, height, |x, y| {
        let value = |noise: &RgbImage| f32::from(noise.get_pixel(x, y).0[0]) / 255.0;
        let dense = 0.7 * value(&large) + 0.3 * value(&small);
        let t = ((dense - 0.35) / 0.3).clamp(0.0, 1.0);
        Rgb(between(BLUE, WHITE, t * t * (3.0 - 2.0 * t)).map(|sample| sample.round() as u8))
    })
}
