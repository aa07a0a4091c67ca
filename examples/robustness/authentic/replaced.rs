//! A large part of the picture is another photograph.

use image::{RgbImage, imageops};
use rand_chacha::ChaCha8Rng;

use super::{
    case::{Case, Expected, PLAIN_AND_JPEG, Sent},
    compose::{replace, step},
    mask::Mask,
    scene::Scene,
};
use crate::attacks::uniform;

/// Shares of the area, in percent.
const PERCENT: [u8; 8] = [20, 30, 40, 50, 60, 70, 80, 90];
/// Width of a soft edge, in sides.
const EDGE: f64 = 0.02;
/// Squares of a checkerboard along a side.
const SQUARES: usize = 8;

/// Which part is replaced.
#[derive(Clone, Copy)]
enum Shape {
    Centre,
    Side,
    Height,
    Checkerboard,
}

/// The cases.
pub(super) fn cases() -> Vec<Case> {
    let shapes = [
        ("centre", Shape::Centre),
        ("side", Shape::Side),
        ("height", Shape::Height),
        ("checkerboard", Shape::Checkerboard),
    ];
    let mut cases = Vec::new();
    for (after, last) in PLAIN_AND_JPEG {
        for (name, shape) in shapes {
            for percent in PERCENT {
                let make = move |scene: &Scene, random: &mut ChaCha8Rng| {
                    let share = f64::from(percent) / 100.0;
                    let replaced = shape.replaced(scene, share, random);
                    Sent::edited(&scene.protected, replaced, last)
                };
                let name = format!("{name}_{percent}{after}");
                cases.push(Case::new("replaced", name, Expected::Edited, make));
            }
        }
        let make = move |scene: &Scene, _: &mut _| {
            Sent::edited(&scene.protected, mirrored_half(&scene.protected), last)
        };
        let name = format!("mirrored_half{after}");
        cases.push(Case::new("replaced", name, Expected::Edited, make));
    }
    cases
}

impl Shape {
    fn replaced(self, scene: &Scene, share: f64, random: &mut ChaCha8Rng) -> (RgbImage, Mask) {
        let (under, over) = (&scene.protected, scene.other(0));
        let first = uniform(random) < 0.5;
        let from_end = |at: f64| if first { at } else { 1.0 - at };
        match self {
            Self::Centre => {
                let half = share.sqrt() / 2.0;
                replace(under, over, |x, y| {
                    let across = step(half - (x - 0.5).abs(), EDGE);
                    across.min(step(half - (y - 0.5).abs(), EDGE))
                })
            }
            Self::Side => replace(under, over, |x, _| step(share - from_end(x), EDGE)),
            Self::Height => replace(under, over, |_, y| step(share - from_end(y), EDGE)),
            Self::Checkerboard => {
                let replaced = squares(share);
                let square = |at: f64| ((at * SQUARES as f64) as usize).min(SQUARES - 1);
                replace(under, over, |x, y| {
                    f64::from(u8::from(replaced[square(y) * SQUARES + square(x)]))
                })
            }
        }
    }
}

/// Squares of a checkerboard that hold a share of the area: those of one colour first, spread over
/// the board.
fn squares(share: f64) -> Vec<bool> {
    let all = SQUARES * SQUARES;
    let mut order: Vec<usize> = (0..all).collect();
    // 37 is prime to 64, so its multiples visit each square.
    order.sort_by_key(|at| ((at / SQUARES + at) % 2, at * 37 % all));
    let mut replaced = vec![false; all];
    for &at in &order[..(share * all as f64).round() as usize] {
        replaced[at] = true;
    }
    replaced
}

/// The right half becomes the mirrored left one.
fn mirrored_half(picture: &RgbImage) -> (RgbImage, Mask) {
    let mirrored = imageops::flip_horizontal(picture);
    replace(picture, &mirrored, |x, _| f64::from(u8::from(x >= 0.5)))
}
