//! The picture inverted.

use image::{Rgb, RgbImage};

use super::{
    case::{Case, Expected, LastStep, Sent, jpeg85, plain},
    mask::Mask,
    paint::{filled, somewhere},
    scene::Scene,
};
use crate::attacks::{jpeg, resize};

const AFTER: [LastStep; 3] = [
    ("", plain),
    ("_jpeg85", jpeg85),
    ("_half_jpeg75", |i| jpeg(&resize(i, 0.5), 75).into()),
];

/// The cases; the last one is a forgery besides.
pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = AFTER
        .into_iter()
        .map(|(after, last)| {
            let make = move |scene: &Scene, _: &mut _| last(&inverted(&scene.protected));
            let name = format!("inverted{after}");
            Case::new("negative", name, Expected::Benign(3), make)
        })
        .collect();
    cases.push(Case::new(
        "negative",
        "inverted_box_5",
        Expected::Edited,
        |scene, random| {
            let inverted = inverted(&scene.protected);
            let area = somewhere(0.05, 1.0, random);
            let painted = filled(&inverted, &area, Rgb([255; 3]));
            Sent::edited(&inverted, (painted, Mask::of(&area)), plain)
        },
    ));
    cases
}

fn inverted(picture: &RgbImage) -> RgbImage {
    let mut inverted = picture.clone();
    for sample in inverted.iter_mut() {
        *sample = 255 - *sample;
    }
    inverted
}
