//! Turned and mirrored pictures, by their pixels and by their tag.

use super::pictures::{key, open, photo, samples, scene_photo};
use crate::{
    imaging::{Layout, Orientation, Photo, Samples},
    watermark::{Embedded, ManipulationClass, detect, embed, manipulation_class},
};

/// The photo with its pixels turned by a symmetry.
fn turned(original: &Photo, orientation: Orientation) -> Photo {
    let (width, height) = (original.width() as usize, original.height() as usize);
    let rgb = samples(original);
    let (new_width, new_height) = if orientation.swaps_sides() {
        (height, width)
    } else {
        (width, height)
    };
    let mut out = Vec::with_capacity(rgb.len());
    for y in 0..new_height {
        for x in 0..new_width {
            let (from_x, from_y) = match orientation {
                Orientation::Upright => (x, y),
                Orientation::MirrorH => (width - 1 - x, y),
                Orientation::Rotate180 => (width - 1 - x, height - 1 - y),
                Orientation::MirrorV => (x, height - 1 - y),
                Orientation::Transpose => (y, x),
                Orientation::Rotate90 => (y, height - 1 - x),
                Orientation::Transverse => (width - 1 - y, height - 1 - x),
                Orientation::Rotate270 => (width - 1 - y, x),
            };
            let at = (from_y * width + from_x) * 3;
            out.extend(&rgb[at..at + 3]);
        }
    }
    photo(
        new_width as u32,
        new_height as u32,
        Layout::Rgb,
        Samples::U8(out),
    )
}

#[test]
fn all_eight_symmetries_are_found_and_named() {
    let Embedded {
        bytes,
        record,
        report,
        ..
    } = embed(scene_photo(600, 520), &key()).unwrap();
    let sent = open(&bytes);
    for (orientation, rotation, flipped) in [
        (Orientation::Upright, 0, false),
        (Orientation::MirrorH, 0, true),
        (Orientation::Rotate180, 180, false),
        (Orientation::MirrorV, 180, true),
        (Orientation::Transpose, 270, true),
        (Orientation::Rotate90, 90, false),
        (Orientation::Transverse, 90, true),
        (Orientation::Rotate270, 270, false),
    ] {
        let received = turned(&sent, orientation);
        let found = detect(&received, &record, &key());
        assert!(
            (found.z - report.z_sent).abs() < 0.1,
            "{orientation:?}: {found:?}"
        );
        let transform = found.transform.unwrap();
        assert_eq!(
            transform.rotation_degrees as i32, rotation,
            "{orientation:?}"
        );
        assert_eq!(transform.flipped, flipped, "{orientation:?}");
        assert!((transform.scale_x - 1.0).abs() < 1e-9 && (transform.scale_y - 1.0).abs() < 1e-9);
        let expected = match orientation {
            Orientation::Upright => ManipulationClass::None,
            _ => ManipulationClass::Resize,
        };
        assert_eq!(manipulation_class(&received, &record, &found), expected);
    }
}

#[test]
fn a_tag_turns_as_pixels_do() {
    // Two ways to store what a viewer shows as the same picture.
    let upright = scene_photo(600, 520);
    let mut tagged = turned(&upright, Orientation::Rotate270);
    tagged.orientation = Orientation::Rotate90;
    assert_eq!(tagged.upright_size(), (600, 520));

    let Embedded {
        bytes,
        record,
        report,
        ..
    } = embed(tagged, &key()).unwrap();
    assert_eq!((record.width(), record.height()), (600, 520));
    let mut sent = open(&bytes);
    sent.orientation = Orientation::Rotate90;
    let found = detect(&sent, &record, &key());
    assert!(
        (found.z - report.z_sent).abs() < 1e-9
            && manipulation_class(&sent, &record, &found) == ManipulationClass::None
    );

    let shown = turned(&sent, Orientation::Rotate90);
    let found = detect(&shown, &record, &key());
    assert!((found.z - report.z_sent).abs() < 0.1, "{found:?}");
    assert_eq!(found.transform.unwrap().rotation_degrees as i32, 0);
}
