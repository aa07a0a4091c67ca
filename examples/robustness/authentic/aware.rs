//! A forger who knows by what content is recognised, and keeps just that.

use image::RgbImage;

use super::{
    case::{Case, Expected},
    compose::mix,
    field::Field,
    scene::Scene,
};

/// The coefficients of the record lie between these cycles a picture; its lowest band ends at
/// [`LOWEST_END`].
const FIRST: f64 = 12.0;
const LOWEST_END: f64 = 28.0;
const LAST: f64 = 72.0;

/// What makes a picture, with another photograph by its index.
type Forgery = fn(&Scene, usize) -> RgbImage;

/// The cases; each with some other photographs.
pub(super) fn cases(others: usize) -> Vec<Case> {
    let makes: [(&str, Forgery); 4] = [
        ("low_frequencies_kept", low_frequencies),
        ("low_frequencies_kept_x3", |scene, other| {
            let picture = low_frequencies(scene, other);
            scene.known_mark().added_to(&picture, 3.0)
        }),
        ("band_kept", band),
        ("third_kept_x3", third),
    ];
    let mut cases = Vec::new();
    for (name, make) in makes {
        for other in 0..others {
            let name = format!("{name}/{}", other + 1);
            let make = move |scene: &Scene, _: &mut _| make(scene, other);
            cases.push(Case::new("aware", name, Expected::Other, make));
        }
    }
    cases
}

/// The protected picture up to the end of the lowest band, above it the other one.
fn low_frequencies(scene: &Scene, other: usize) -> RgbImage {
    let (kept, other) = (Field::of(&scene.protected), Field::of(scene.other(other)));
    let low = other.low(LOWEST_END);
    let low = kept.low(LOWEST_END).plus(&low, -1.0);
    other.plus(&low, 1.0).picture()
}

/// The protected picture in the record's band, the other one below and above.
fn band(scene: &Scene, other: usize) -> RgbImage {
    let between = |field: &Field| field.low(LAST).plus(&field.low(FIRST), -1.0);
    let other = Field::of(scene.other(other));
    let removed = between(&other);
    let kept = between(&Field::of(&scene.protected));
    other.plus(&removed, -1.0).plus(&kept, 1.0).picture()
}

/// A third of the protected picture everywhere, and three times its mark.
fn third(scene: &Scene, other: usize) -> RgbImage {
    let blended = mix(scene.other(other), &scene.protected, |_, _| 1.0 / 3.0);
    scene.known_mark().added_to(&blended, 3.0)
}
