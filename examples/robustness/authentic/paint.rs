//! Boxes painted into a picture whose tones were changed before, so that they look as if they had
//! clipped.

use image::{Rgb, RgbImage, imageops};
use rand_chacha::ChaCha8Rng;

use super::{
    case::{Case, Expected, Sent, jpeg85},
    mask::Mask,
    scene::Scene,
    tone::{TONES, Tone},
};
use crate::{
    attacks::{Pen, text, uniform},
    edits::Area,
};

/// Shares of the area, in percent.
const PERCENT: [u8; 4] = [2, 5, 13, 30];
/// Colours, by name.
const COLOURS: [(&str, [u8; 3]); 4] = [
    ("white", [255; 3]),
    ("black", [0; 3]),
    ("red", [220, 20, 30]),
    ("grey", [128; 3]),
];
/// Share of the box with a quotation.
const QUOTATION_SHARE: f64 = 0.13;
/// What nobody said.
const QUOTATION: [&str; 5] = [
    "\"I never read the",
    "report, and I would",
    "sign it again today.",
    "Let them prove it.\"",
    "  The minister",
];

/// The cases: box or quotation, under each tone, saved as JPEG 85.
pub(super) fn cases() -> Vec<Case> {
    let untouched: Tone = ("none", 0, RgbImage::clone);
    let mut cases = Vec::new();
    for (tone_name, _, tone) in [untouched].into_iter().chain(TONES) {
        for percent in PERCENT {
            for (colour, value) in COLOURS {
                let make = move |scene: &Scene, random: &mut ChaCha8Rng| {
                    let toned = tone(&scene.protected);
                    let area = somewhere(f64::from(percent) / 100.0, 1.0, random);
                    let painted = (filled(&toned, &area, Rgb(value)), Mask::of(&area));
                    Sent::edited(&toned, painted, jpeg85)
                };
                let name = format!("{colour}_{percent}_{tone_name}");
                cases.push(Case::new("box", name, Expected::Edited, make));
            }
        }
        let make = move |scene: &Scene, random: &mut ChaCha8Rng| {
            let toned = tone(&scene.protected);
            let area = somewhere(QUOTATION_SHARE, 1.5, random);
            let painted = (quoted(&toned, &area), Mask::of(&area));
            Sent::edited(&toned, painted, jpeg85)
        };
        let name = format!("quotation_{tone_name}");
        cases.push(Case::new("box", name, Expected::Edited, make));
    }
    cases
}

/// A place inside the picture that holds a share of its area; `stretch` is its width over its
/// height, in sides.
pub(super) fn somewhere(share: f64, stretch: f64, random: &mut ChaCha8Rng) -> Area {
    within((0.02, 0.98), share, stretch, random)
}

/// As [`somewhere`], inside of a part of both sides.
pub(super) fn within(part: (f64, f64), share: f64, stretch: f64, random: &mut ChaCha8Rng) -> Area {
    let (width, height) = ((share * stretch).sqrt(), (share / stretch).sqrt());
    let mut start = |length: f64| part.0 + (part.1 - part.0 - length) * uniform(random);
    Area {
        x: start(width),
        y: start(height),
        width,
        height,
    }
}

/// Fills a rectangle.
pub(super) fn filled(picture: &RgbImage, area: &Area, colour: Rgb<u8>) -> RgbImage {
    let (left, top, width, height) = area.pixels(picture);
    let paint = RgbImage::from_pixel(width, height, colour);
    let mut filled = picture.clone();
    imageops::replace(&mut filled, &paint, left.into(), top.into());
    filled
}

/// Puts a white box with a quotation there.
fn quoted(picture: &RgbImage, area: &Area) -> RgbImage {
    let (left, top, width, height) = area.pixels(picture);
    let mut page = RgbImage::from_pixel(width, height, Rgb([255; 3]));
    let line = f64::from(height) / (QUOTATION.len() as f64 + 0.5);
    // Letters are some six tenths of their size wide.
    let fitting = f64::from(width) / (0.62 * QUOTATION[1].len() as f64);
    let pen = Pen {
        size: (0.85 * line).min(fitting),
        colour: Rgb([0; 3]),
    };
    for (at, words) in QUOTATION.iter().enumerate() {
        let place = (0.04 * f64::from(width), (at as f64 + 0.25) * line);
        text(&mut page, words, place, &pen);
    }
    let mut quoted = picture.clone();
    imageops::replace(&mut quoted, &page, left.into(), top.into());
    quoted
}
