//! The attacks of the matrix: benign but for those that cover a part.

use image::imageops::crop_imm;

use super::{
    case::{Case, Edit, Expected, Sent},
    mask::Mask,
    scene::Scene,
};
use crate::attacks::{Attack, Attacked, catalogue};

/// The cases. A screenshot is benign by its content but brings bars of its own, so it is a group
/// apart.
pub(super) fn cases() -> Vec<Case> {
    catalogue().into_iter().map(case).collect()
}

fn case(attack: Attack) -> Case {
    let name = attack.name.clone();
    if attack.family == "overlay" {
        let make = move |scene: &Scene, _: &mut _| overlaid(scene, attack.run(&scene.protected));
        return Case::new("overlay", name, Expected::Edited, make);
    }
    let group = if name == "screenshot" {
        "screenshot"
    } else {
        "catalogue"
    };
    let expected = Expected::Benign(attack.severity);
    let make = move |scene: &Scene, _: &mut _| attack.run(&scene.protected);
    Case::new(group, name, expected, make)
}

/// Finds what an overlay changed; one that adds bars above and below keeps the picture in the
/// middle.
fn overlaid(scene: &Scene, attacked: Attacked) -> Sent {
    let picture = attacked.into_pixels();
    let (width, height) = scene.protected.dimensions();
    let top = (picture.height() - height) / 2;
    let shown = crop_imm(&picture, 0, top, width, height).to_image();
    let mask = Mask::between(&scene.protected, &shown);
    let change = mask.change(&scene.protected, &shown);
    Sent {
        attacked: picture.into(),
        edit: Some(Edit { mask, change }),
    }
}
