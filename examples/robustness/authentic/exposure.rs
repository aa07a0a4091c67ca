//! Two pictures in one: over each other, or side by side.

use super::{
    case::{Case, Expected, Sent, plain},
    compose::{mix, replace},
    scene::Scene,
};

/// Shares of the protected picture, in percent.
const KEPT: [u8; 3] = [65, 50, 35];

/// The cases: over other photographs, and over another that is protected, too.
pub(super) fn cases(others: usize) -> Vec<Case> {
    let mut cases = Vec::new();
    for kept in KEPT {
        let over = move |_: f64, _: f64| 1.0 - f64::from(kept) / 100.0;
        for other in 0..others {
            let make =
                move |scene: &Scene, _: &mut _| mix(&scene.protected, scene.other(other), over);
            let name = format!("double_{kept}/{}", other + 1);
            cases.push(Case::new("exposure", name, Expected::Other, make));
        }
        let make =
            move |scene: &Scene, _: &mut _| mix(&scene.protected, &scene.other_protected, over);
        let name = format!("double_protected_{kept}");
        cases.push(Case::new("exposure", name, Expected::Other, make));
    }
    cases.push(Case::new(
        "exposure",
        "halves_protected",
        Expected::Edited,
        |scene, _| {
            let right = |x: f64, _: f64| f64::from(u8::from(x >= 0.5));
            let halves = replace(&scene.protected, &scene.other_protected, right);
            Sent::edited(&scene.protected, halves, plain)
        },
    ));
    cases
}
