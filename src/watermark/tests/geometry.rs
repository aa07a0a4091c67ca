//! Pictures that were cropped, rotated, tilted, framed or bent.

use super::pictures::{key, open, photo, samples, scene_photo};
use crate::{
    imaging::{Layout, Photo, Samples},
    watermark::{
        DETECTION_THRESHOLD, Detection, DetectionStatus, Embedded, WatermarkKey, detect, embed,
    },
};

/// Level outside the picture.
const OUTSIDE: u8 = 24;

/// Returns the picture seen through `from`, which gives the source, in pixels, of the middle of
/// each pixel.
pub(super) fn seen(
    original: &Photo,
    width: u32,
    height: u32,
    from: impl Fn(f64, f64) -> (f64, f64),
) -> Photo {
    let rgb = samples(original);
    let (columns, rows) = (original.width() as usize, original.height() as usize);
    let at = |x: f64, y: f64, channel: usize| {
        let inside = (0.0..columns as f64).contains(&x) && (0.0..rows as f64).contains(&y);
        let index = (y.max(0.0) as usize * columns + x.max(0.0) as usize) * 3 + channel;
        f64::from(if inside { rgb[index] } else { OUTSIDE })
    };
    let mut out = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let (x, y) = from(f64::from(x) + 0.5, f64::from(y) + 0.5);
            let (left, top) = ((x - 0.5).floor(), (y - 0.5).floor());
            let (s, t) = (x - 0.5 - left, y - 0.5 - top);
            for channel in 0..3 {
                let row =
                    |y: f64| at(left, y, channel) * (1.0 - s) + at(left + 1.0, y, channel) * s;
                out.push((row(top) * (1.0 - t) + row(top + 1.0) * t).round() as u8);
            }
        }
    }
    photo(width, height, Layout::Rgb, Samples::U8(out))
}

/// A protected scene of 900 x 640, its record and its key.
fn protected() -> (Photo, Embedded) {
    let embedded = embed(scene_photo(900, 640), &key()).unwrap();
    (open(&embedded.bytes), embedded)
}

/// Looks for the mark, and for one that is not there.
fn look(received: &Photo, embedded: &Embedded) -> Detection {
    let other = WatermarkKey::derive(&[8; 32], &[9; 16]);
    let wrong = detect(received, &embedded.record, &other);
    assert!(wrong.z < 4.0, "{wrong:?}");
    detect(received, &embedded.record, &key())
}

#[test]
fn a_twentieth_of_the_picture_is_found_in_its_place() {
    let (sent, embedded) = protected();
    let piece = seen(&sent, 200, 144, |x, y| (x + 420.0, y + 333.0));
    let found = look(&piece, &embedded);
    assert!(found.z >= DETECTION_THRESHOLD, "{found:?}");
    let transform = found.transform.unwrap();
    assert!((transform.crop_kept - 0.05).abs() < 0.01, "{transform:?}");
    assert!((transform.scale_x - 1.0).abs() < 0.02, "{transform:?}");
}

#[test]
fn an_enlarged_piece_tells_its_scale() {
    let (sent, embedded) = protected();
    let piece = seen(&sent, 700, 500, |x, y| (x / 1.7 + 210.0, y / 1.7 + 260.0));
    let found = look(&piece, &embedded);
    assert!(found.z >= DETECTION_THRESHOLD, "{found:?}");
    let transform = found.transform.unwrap();
    assert!((transform.scale_x - 1.7).abs() < 0.02, "{transform:?}");
    assert!((transform.scale_y - 1.7).abs() < 0.02, "{transform:?}");
    assert!(
        !transform.flipped && (found.coverage - 0.2).abs() < 0.06,
        "{found:?}"
    );
}

#[test]
fn turns_of_any_angle_are_measured() {
    let (sent, embedded) = protected();
    for degrees in [2.0_f64, 7.0, 33.0, 150.0] {
        let (sin, cos) = degrees.to_radians().sin_cos();
        // The received picture is rotated clockwise (y points down): go back anticlockwise to look
        // it up.
        let received = seen(&sent, 700, 700, |x, y| {
            let (x, y) = (x - 350.0, y - 350.0);
            (450.0 + cos * x + sin * y, 320.0 - sin * x + cos * y)
        });
        let found = look(&received, &embedded);
        assert!(found.z >= 15.0, "{degrees}: {found:?}");
        let transform = found.transform.unwrap();
        assert!(
            (transform.rotation_degrees - degrees).abs() < 0.1,
            "{transform:?}"
        );
    }
}

#[test]
fn tilted_framed_and_bent_pictures_are_read() {
    let (sent, embedded) = protected();
    let tilted = seen(&sent, 900, 640, |x, y| {
        let w = 1.0 - 0.0003 * (x - 450.0) - 0.0002 * (y - 320.0);
        (450.0 + (x - 450.0) / w, 320.0 + (y - 320.0) / w)
    });
    let framed = seen(&sent, 1200, 1100, |x, y| (x - 200.0, y - 170.0));
    let barrel = seen(&sent, 900, 640, |x, y| {
        let (u, v) = ((x - 450.0) / 450.0, (y - 320.0) / 320.0);
        let stretch = 1.0 + 0.04 * (u * u + v * v) / 2.0;
        (450.0 + 450.0 * u * stretch, 320.0 + 320.0 * v * stretch)
    });
    for (name, received) in [("tilted", tilted), ("framed", framed), ("barrel", barrel)] {
        let found = look(&received, &embedded);
        assert!(found.z >= 20.0, "{name}: {found:?}");
        assert!(found.coverage > 0.8, "{name}: {found:?}");
    }
}

#[test]
fn a_mirrored_and_turned_picture_is_both() {
    let (sent, embedded) = protected();
    let (sin, cos) = 4.0_f64.to_radians().sin_cos();
    let received = seen(&sent, 900, 640, |x, y| {
        let (x, y) = (x - 450.0, y - 320.0);
        (
            900.0 - (450.0 + cos * x + sin * y),
            320.0 - sin * x + cos * y,
        )
    });
    let found = look(&received, &embedded);
    let transform = found.transform.unwrap();
    assert!(found.z >= 20.0 && transform.flipped, "{found:?}");
    assert!((transform.rotation_degrees - 4.0).abs() < 0.1, "{found:?}");
}

#[test]
fn pieces_of_another_picture_are_not_found() {
    let (_, embedded) = protected();
    let other = embed(
        scene_photo(640, 900),
        &WatermarkKey::derive(&[3; 32], &[9; 16]),
    )
    .unwrap();
    let piece = seen(&open(&other.bytes), 300, 300, |x, y| (x + 20.0, y + 500.0));
    let found = look(&piece, &embedded);
    assert_ne!(found.status, DetectionStatus::Detected, "{found:?}");
}
