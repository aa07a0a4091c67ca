//! Altered pictures, and pictures that are not.

use super::{
    geometry::seen,
    pictures::{halved, key, open, photo, resaved, samples, scene_photo},
};
use crate::{
    imaging::{Layout, Photo, Samples},
    watermark::{
        Detection, Embedded, ManipulationClass, Record, Region, TamperFinding, Tampering, detect,
        embed, manipulation_class,
    },
};

const SIDE: u32 = 768;

/// A marked scene and its record.
fn protected() -> (Photo, Record) {
    let Embedded { bytes, record, .. } = embed(scene_photo(SIDE, SIDE), &key()).unwrap();
    (open(&bytes), record)
}

/// Returns the photo with its pixels changed: `change` gets the samples, x, y and channel of each.
fn changed(original: &Photo, change: impl Fn(&[u8], usize, usize, usize) -> u8) -> Photo {
    let before = samples(original);
    let (width, height) = (original.width() as usize, original.height() as usize);
    let mut after = Vec::with_capacity(before.len());
    for y in 0..height {
        for x in 0..width {
            after.extend((0..3).map(|channel| change(before, x, y, channel)));
        }
    }
    photo(
        original.width(),
        original.height(),
        Layout::Rgb,
        Samples::U8(after),
    )
}

/// Index of a sample.
fn at(x: usize, y: usize, channel: usize) -> usize {
    (y * SIDE as usize + x) * 3 + channel
}

/// The edited rectangle, 48 tiles of 1024.
fn edited(x: usize, y: usize) -> bool {
    (144..336).contains(&x) && (432..576).contains(&y)
}

const EDITED: Region = Region {
    x: 0.1875,
    y: 0.5625,
    width: 0.25,
    height: 0.1875,
    score: 1.0,
};

/// Area of the intersection over that of the union.
fn overlap(a: &Region, b: &Region) -> f64 {
    let shared = |a: f64, a_length: f64, b: f64, b_length: f64| {
        ((a + a_length).min(b + b_length) - a.max(b)).max(0.0)
    };
    let both = shared(a.x, a.width, b.x, b.width) * shared(a.y, a.height, b.y, b.height);
    both / (a.width * a.height + b.width * b.height - both)
}

fn verified(received: &Photo, record: &Record) -> (Detection, Tampering, ManipulationClass) {
    let found = detect(received, record, &key());
    let class = manipulation_class(received, record, &found);
    let tampering = found.tampering.clone().unwrap();
    (found, tampering, class)
}

#[test]
fn replaced_erased_blurred_and_recoloured_places_are_pointed_out() {
    let (sent, record) = protected();
    let moved = changed(&sent, |pixels, x, y, channel| {
        let (from_x, from_y) = if edited(x, y) {
            (x + 350, y + 77)
        } else {
            (x, y)
        };
        pixels[at(from_x, from_y, channel)]
    });
    let erased = changed(&sent, |pixels, x, y, channel| {
        if edited(x, y) {
            120
        } else {
            pixels[at(x, y, channel)]
        }
    });
    let coarse = changed(&sent, |pixels, x, y, channel| {
        let (from_x, from_y) = if edited(x, y) {
            (x / 24 * 24, y / 24 * 24)
        } else {
            (x, y)
        };
        pixels[at(from_x, from_y, channel)]
    });
    let recoloured = changed(&sent, |pixels, x, y, channel| {
        pixels[at(x, y, if edited(x, y) { 2 - channel } else { channel })]
    });
    for (name, edit) in [
        ("moved", moved),
        ("erased", erased),
        ("coarse", coarse),
        ("recoloured", recoloured),
    ] {
        for received in [resaved(&edit, 80), resaved(&halved(&edit), 75), edit] {
            let (found, tampering, class) = verified(&received, &record);
            assert!(found.z > 12.0, "{name}: {found:?}");
            assert_eq!(
                tampering.finding,
                TamperFinding::Altered,
                "{name}: {found:?}"
            );
            assert_eq!(class, ManipulationClass::StructuralAlteration, "{name}");
            let first = &tampering.regions[0];
            assert!(overlap(first, &EDITED) > 0.5, "{name}: {tampering:?}");
            assert!((0.5..=1.0).contains(&first.score), "{name}: {first:?}");
            assert!(tampering.map().iter().any(|&ratio| ratio >= 1.0));
        }
    }
}

#[test]
fn an_edit_is_found_where_the_picture_was_turned() {
    let (sent, record) = protected();
    let mirrored = changed(&sent, |pixels, x, y, channel| {
        let from = SIDE as usize - 1 - x;
        if edited(from, y) {
            120
        } else {
            pixels[at(from, y, channel)]
        }
    });
    let (_, tampering, class) = verified(&mirrored, &record);
    assert_eq!(class, ManipulationClass::StructuralAlteration);
    assert!(
        overlap(&tampering.regions[0], &EDITED) > 0.5,
        "{tampering:?}"
    );
}

#[test]
fn a_small_edit_in_a_crop_is_found_as_surely_as_in_the_whole() {
    let (sent, record) = protected();
    // 0.13 % of the area, moved here from elsewhere.
    let place = |x: usize, y: usize| (300..328).contains(&x) && (350..378).contains(&y);
    let edit = changed(&sent, |pixels, x, y, channel| {
        let (from_x, from_y) = if place(x, y) {
            (x + 210, y + 77)
        } else {
            (x, y)
        };
        pixels[at(from_x, from_y, channel)]
    });
    let cropped = |photo: &Photo| seen(photo, 690, 690, |x, y| (x + 31.3, y + 42.6));
    for (name, received) in [
        ("JPEG 85", resaved(&cropped(&edit), 85)),
        ("PNG", cropped(&edit)),
    ] {
        let (found, tampering, _) = verified(&received, &record);
        assert_eq!(
            tampering.finding,
            TamperFinding::Altered,
            "{name}: {found:?}"
        );
        let unit = f64::from(SIDE);
        let middle = (314.0 / unit, 364.0 / unit);
        let on_it = |region: &Region| {
            (region.x..region.x + region.width).contains(&middle.0)
                && (region.y..region.y + region.height).contains(&middle.1)
        };
        assert!(tampering.regions.iter().all(on_it), "{name}: {tampering:?}");
    }
    let (_, tampering, _) = verified(&resaved(&cropped(&sent), 85), &record);
    assert_eq!(tampering.finding, TamperFinding::Unaltered, "{tampering:?}");
}

#[test]
fn a_change_of_the_whole_picture_is_no_alteration() {
    let (sent, record) = protected();
    let toned = |factor: usize, offset: usize| {
        changed(&sent, |pixels, x, y, channel| {
            (usize::from(pixels[at(x, y, channel)]) * factor / 100 + offset).min(255) as u8
        })
    };
    let swapped = changed(&sent, |pixels, x, y, channel| pixels[at(x, y, 2 - channel)]);
    let grey = changed(&sent, |pixels, x, y, _| pixels[at(x, y, 1)]);
    let soft = changed(&sent, |pixels, x, y, channel| {
        let near = |d: usize| usize::from(pixels[at((x + d).min(SIDE as usize - 1), y, channel)]);
        ((near(0) + near(1) + near(2)) / 3) as u8
    });
    for (name, received) in [
        ("as sent", sent.clone()),
        ("JPEG 85", resaved(&sent, 85)),
        ("JPEG 30", resaved(&sent, 30)),
        ("half", halved(&sent)),
        ("half, JPEG 60", resaved(&halved(&sent), 60)),
        ("darker", toned(60, 0)),
        ("lighter", toned(100, 25)),
        ("clipped", toned(150, 0)),
        ("other colours", swapped),
        ("grey", grey),
        ("soft", soft),
    ] {
        let (found, tampering, class) = verified(&received, &record);
        assert_ne!(
            tampering.finding,
            TamperFinding::Altered,
            "{name}: {found:?}"
        );
        assert!(tampering.regions.is_empty(), "{name}");
        assert_ne!(class, ManipulationClass::StructuralAlteration, "{name}");
    }
}

#[test]
fn without_the_mark_nothing_is_said() {
    let (_, record) = protected();
    let found = detect(&scene_photo(SIDE, SIDE), &record, &key());
    assert!(found.tampering.is_none(), "{found:?}");
}
