//! Marks on other content, marks with their sign reversed, and negatives of pictures.

use super::pictures::{halved, key, open, photo, resaved, samples, scene_photo};
use crate::{
    imaging::{Layout, Photo, Samples},
    watermark::{
        ContentMatch, DetectionStatus, Embedded, Record, RecordPrivacy, TamperFinding,
        WatermarkKey, detect, embed, embed_with_privacy,
    },
};

const WIDTH: u32 = 768;
const HEIGHT: u32 = 512;

/// Another picture: clouds of discs in several tints.
fn other() -> Vec<u8> {
    let mut rgb = Vec::new();
    for y in 0..HEIGHT as i32 {
        for x in 0..WIDTH as i32 {
            let (a, b) = (x / 3 % 71 - 35, y / 3 % 53 - 26);
            let disc = if a * a + b * b < 500 { 60 } else { 0 };
            let slope = (x + 2 * y) / 9 % 90;
            for tint in [30, 10, 0] {
                rgb.push((60 + disc + slope + tint + (x * 7 + y * 13) % 11).clamp(0, 255) as u8);
            }
        }
    }
    rgb
}

fn picture(rgb: Vec<u8>) -> Photo {
    photo(WIDTH, HEIGHT, Layout::Rgb, Samples::U8(rgb))
}

/// The protected scene, and the scene as it was.
fn protected() -> (Photo, Vec<u8>, Record) {
    let original = scene_photo(WIDTH, HEIGHT);
    let before = samples(&original).to_vec();
    let Embedded { bytes, record, .. } = embed(original, &key()).unwrap();
    (open(&bytes), before, record)
}

/// `base` plus `times` the mark of the protected scene.
fn carried(base: &[u8], sent: &Photo, before: &[u8], times: i32) -> Photo {
    let mark = samples(sent).iter().zip(before);
    let rgb = (base.iter().zip(mark))
        .map(|(&base, (&after, &before))| {
            let mark = i32::from(after) - i32::from(before);
            (i32::from(base) + times * mark).clamp(0, 255) as u8
        })
        .collect();
    picture(rgb)
}

#[test]
fn a_mark_that_was_carried_to_another_picture_sits_on_other_content() {
    let (sent, before, record) = protected();
    let strict =
        embed_with_privacy(scene_photo(WIDTH, HEIGHT), &key(), RecordPrivacy::Strict).unwrap();
    let mut detected = 0;
    for times in 1..=3 {
        let forged = carried(&other(), &sent, &before, times);
        for received in [resaved(&forged, 75), forged] {
            for record in [&record, &strict.record] {
                let found = detect(&received, record, &key());
                if found.status == DetectionStatus::Detected {
                    detected += 1;
                    assert_eq!(found.content, ContentMatch::Other, "{times}: {found:?}");
                }
            }
        }
    }
    assert!(detected >= 6, "{detected}");
    for received in [resaved(&sent, 50), halved(&sent), sent] {
        for record in [&record, &strict.record] {
            assert_eq!(
                detect(&received, record, &key()).content,
                ContentMatch::Agrees
            );
        }
    }
}

#[test]
fn what_shines_through_all_of_the_picture_leaves_a_doubt() {
    let (sent, _, record) = protected();
    let other = other();
    let double = (samples(&sent).iter().zip(&other))
        .map(|(&a, &b)| u8::midpoint(a, b))
        .collect();
    let found = detect(&picture(double), &record, &key());
    assert_eq!(found.status, DetectionStatus::Detected, "{found:?}");
    let finding = found.tampering.unwrap().finding;
    assert!(
        found.content != ContentMatch::Agrees || finding == TamperFinding::Altered,
        "{finding:?}"
    );
}

#[test]
fn a_negative_is_read_and_paint_in_it_is_found() {
    let (sent, _, record) = protected();
    let inverted: Vec<u8> = samples(&sent).iter().map(|sample| 255 - sample).collect();
    let negative = picture(inverted.clone());
    for received in [resaved(&negative, 85), halved(&negative), negative] {
        let found = detect(&received, &record, &key());
        assert_eq!(found.status, DetectionStatus::Detected, "{found:?}");
        assert!(found.transform.unwrap().negative);
        assert_eq!(found.content, ContentMatch::Agrees);
        assert_eq!(found.tampering.unwrap().finding, TamperFinding::Unaltered);
        let other = WatermarkKey::derive(&[7; 32], &[8; 16]);
        assert_eq!(
            detect(&received, &record, &other).status,
            DetectionStatus::NotFound
        );
    }
    let mut painted = inverted;
    for y in 100..220 {
        let row = (y * WIDTH as usize + 300) * 3;
        painted[row..row + 3 * 160].fill(255);
    }
    let found = detect(&picture(painted), &record, &key());
    assert_eq!(found.tampering.unwrap().finding, TamperFinding::Altered);
    assert!(!detect(&sent, &record, &key()).transform.unwrap().negative);
}

#[test]
fn a_mark_with_its_sign_reversed_is_seen_and_never_passes_for_an_untouched_photo() {
    let (sent, before, record) = protected();
    let reversed = carried(&before, &sent, &before, -1);
    for received in [resaved(&reversed, 75), reversed] {
        let found = detect(&received, &record, &key());
        assert!(found.mark_reversed, "{found:?}");
        assert_eq!(found.status, DetectionStatus::Detected);
        assert_ne!(found.tampering.unwrap().finding, TamperFinding::Unaltered);
    }
    let found = detect(&sent, &record, &key());
    assert!(!found.mark_reversed && found.z > 20.0);
}

#[test]
fn where_the_photo_lies_can_be_drawn() {
    let (sent, _, record) = protected();
    // The middle of it: from 1/4 to 3/4 across, from 1/4 to 3/4 down.
    let (left, top, width, height) = (192, 128, 384, 256);
    let rgb = samples(&sent);
    let cut = (top..top + height)
        .flat_map(|y| {
            let row = (y * WIDTH as usize + left) * 3;
            &rgb[row..row + 3 * width]
        })
        .copied()
        .collect();
    let received = photo(width as u32, height as u32, Layout::Rgb, Samples::U8(cut));
    let way = detect(&received, &record, &key()).transform.unwrap();
    let expected = [(-0.5, -0.5), (1.5, -0.5), (1.5, 1.5), (-0.5, 1.5)];
    for ((x, y), (expected_x, expected_y)) in way.corners.into_iter().zip(expected) {
        assert!(
            (x - expected_x).abs() < 0.01 && (y - expected_y).abs() < 0.01,
            "{way:?}"
        );
    }
    let region = crate::watermark::Region {
        x: 0.25,
        y: 0.5,
        width: 0.25,
        height: 0.25,
        score: 1.0,
    };
    let quad = way.quad(&region);
    for ((x, y), (expected_x, expected_y)) in
        quad.into_iter()
            .zip([(0.0, 0.5), (0.5, 0.5), (0.5, 1.0), (0.0, 1.0)])
    {
        assert!(
            (x - expected_x).abs() < 0.01 && (y - expected_y).abs() < 0.01,
            "{quad:?}"
        );
    }
}
