//! Records of strict privacy, and records of the format as it was first released.

use super::pictures::{halved, key, open, photo, resaved, samples, scene, scene_photo};
use crate::{
    imaging::{Layout, Photo, Samples},
    watermark::{
        DETECTION_THRESHOLD, DetectionStatus, Record, RecordPrivacy, TamperFinding, WatermarkKey,
        detect, embed, embed_with_privacy,
    },
};

/// A record of the scene of 300 x 200, written by the first released version of the engine (commit
/// d4a207b).
const FIRST_RECORD: &[u8] = include_bytes!("data/version1.record");
/// The mark that the same version put into the scene: 128 plus the amount by which each pixel was
/// raised, a grey PNG.
const FIRST_MARK: &[u8] = include_bytes!("data/version1.mark.png");
/// z of that record in the marked scene, by the same version.
const FIRST_Z: f64 = 58.037_210_865_366_625;

/// Returns the part of a photo from (x, y), of the given size.
fn cut(original: &Photo, (x, y): (u32, u32), (width, height): (u32, u32)) -> Photo {
    let rgb = samples(original);
    let row = |row: u32| {
        let first = ((y + row) * original.width() + x) as usize * 3;
        &rgb[first..first + width as usize * 3]
    };
    let cut = (0..height).flat_map(row).copied().collect();
    photo(width, height, Layout::Rgb, Samples::U8(cut))
}

#[test]
fn a_record_of_the_first_version_is_read_as_it_was_then() {
    let record = Record::from_bytes(FIRST_RECORD).unwrap();
    assert_eq!(record.privacy(), RecordPrivacy::Full);
    let mark = image::load_from_memory(FIRST_MARK).unwrap().into_luma8();
    let raised = scene(300, 200)
        .chunks_exact(3)
        .zip(mark.as_raw())
        .flat_map(|(rgb, step)| {
            [0, 1, 2].map(|colour| rgb[colour].wrapping_add(*step).wrapping_sub(128))
        })
        .collect();
    let marked = photo(300, 200, Layout::Rgb, Samples::U8(raised));
    let found = detect(&marked, &record, &key());
    // Sums in f32 have another order than then; nothing else may differ.
    let difference = (found.z - FIRST_Z).abs();
    assert!(difference < 1e-4, "{difference}");
    assert_eq!(record.to_bytes(), FIRST_RECORD);
}

#[test]
fn a_strict_record_reads_the_same_picture_with_half_the_evidence() {
    let original = scene_photo(768, 512);
    let full = embed(original.clone(), &key()).unwrap();
    let strict = embed_with_privacy(original.clone(), &key(), RecordPrivacy::Strict).unwrap();
    assert_eq!(
        full.bytes, strict.bytes,
        "privacy does not change the picture"
    );
    let sent = open(&strict.bytes);
    let (width, height) = (sent.width(), sent.height());
    for (name, received, least) in [
        ("as sent", sent.clone(), 25.0),
        ("JPEG 50", resaved(&sent, 50), 15.0),
        ("half", halved(&sent), 20.0),
        (
            "half of the area",
            cut(&sent, (90, 60), (width * 7 / 10, height * 7 / 10)),
            10.0,
        ),
    ] {
        let found = detect(&received, &strict.record, &key());
        assert!(found.z > least && found.z < 32.0, "{name}: {found:?}");
        // The place of an alteration cannot be told, and is not claimed.
        assert_eq!(
            found.tampering.unwrap().finding,
            TamperFinding::NotExamined,
            "{name}"
        );
        let other = WatermarkKey::derive(&[8; 32], &[9; 16]);
        let wrong = detect(&received, &strict.record, &other);
        assert!(wrong.z < DETECTION_THRESHOLD, "{name}: {wrong:?}");
    }
    let unmarked = detect(&original, &strict.record, &key());
    assert_eq!(unmarked.status, DetectionStatus::NotFound, "{unmarked:?}");
}

#[test]
fn a_strict_record_holds_sums_over_four_tiles_and_nothing_else_of_the_picture() {
    let strict = embed_with_privacy(scene_photo(300, 200), &key(), RecordPrivacy::Strict).unwrap();
    let bytes = strict.record.to_bytes();
    // Head, 4 x 16 x 16 sums, 4 x 4 marks: no keypoints, no colour, no other section.
    assert_eq!(bytes.len(), 48 + 1024 + 16);
    let full = embed(scene_photo(300, 200), &key()).unwrap().record;
    assert!(full.to_bytes().len() > 5168, "a full one has sections");
    let mut with_section = bytes;
    with_section.extend([1, 0, 0, 0, 0]);
    assert!(Record::from_bytes(&with_section).is_err());
}
