//! Values that must be the same on every machine, and in every later build of this carrier and
//! format.

use super::pictures::{jpeg, key, open, samples, scene, scene_photo};
use crate::{
    imaging::{Photo, Pixels, Plane},
    watermark::{RecordPrivacy, embed, embed_with_privacy, layout::GRID, signal::mask::mask},
};

/// First eight bytes of a BLAKE3 hash.
fn short_hash(bytes: &[u8]) -> u64 {
    let hash = blake3::hash(bytes);
    hash.as_bytes()[..8]
        .iter()
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

#[test]
fn marked_pictures_and_records_are_pinned() {
    let from_pixels = embed(scene_photo(300, 200), &key()).unwrap();
    let mut record = from_pixels.record.clone();
    // The digest of pixels is pinned where it is made.
    record.set_pixel_digest([0; 32]);
    let strict = embed_with_privacy(scene_photo(300, 200), &key(), RecordPrivacy::Strict).unwrap();
    let mut strict = strict.record;
    strict.set_pixel_digest([0; 32]);
    let source = open(&jpeg(300, 200, &scene(300, 200), 80));
    let from_jpeg = open(&embed(source.clone(), &key()).unwrap().bytes);

    let hashes = [
        (
            "marked samples",
            short_hash(samples(&open(&from_pixels.bytes))),
        ),
        ("their record", short_hash(&record.to_bytes())),
        ("their strict record", short_hash(&strict.to_bytes())),
        ("luma of a JPEG", short_hash(&luma_coefficients(&source))),
        ("marked luma", short_hash(&luma_coefficients(&from_jpeg))),
    ];
    let expected = [
        ("marked samples", 0x68bf_287c_2a2a_9716),
        ("their record", 0x2b39_0844_ab32_c868),
        ("their strict record", 0x8728_0099_9a5e_75b2),
        ("luma of a JPEG", 0x5866_ff63_9d21_abcb),
        ("marked luma", 0x5428_3a76_8ecb_b0b8),
    ];
    assert_eq!(hashes, expected);
}

/// The quantised luma coefficients of a JPEG, as bytes.
fn luma_coefficients(photo: &Photo) -> Vec<u8> {
    let Pixels::Jpeg(image) = &photo.pixels else {
        panic!("a JPEG was decoded to samples")
    };
    let blocks = image.component(0).blocks;
    blocks
        .as_flattened()
        .iter()
        .flat_map(|q| q.to_le_bytes())
        .collect()
}

#[test]
fn the_mask_is_that_of_a_second_program() {
    let mut luma = Plane::new(GRID, GRID);
    let mut texture = Plane::new(GRID, GRID);
    for y in 0..GRID {
        for x in 0..GRID {
            let checks = 40 * ((x / 32 + y / 32) % 2);
            let fine = if x > 128 { x * y % 23 } else { 0 };
            luma.row_mut(y)[x] = (x / 2 + y / 4 + checks + fine) as f32;
            texture.row_mut(y)[x] = if y > 100 {
                ((x * 7 + y * 3) % 19) as f32 * 0.5
            } else {
                0.0
            };
        }
    }
    let mask = mask(&luma, &texture);
    // x, y and the mask there by the formula in numpy, in f64.
    for (x, y, expected) in [
        (0, 0, 0.38000),
        (3, 5, 0.47847),
        (255, 255, 1.57700),
        (0, 255, 0.78719),
        (130, 40, 1.31594),
        (200, 17, 1.09053),
        (64, 64, 2.18953),
        (90, 200, 0.86508),
        (128, 128, 1.87542),
        (31, 224, 2.00785),
        (250, 100, 1.40516),
        (100, 99, 0.97227),
    ] {
        let actual = mask.row(y)[x];
        assert!(
            (actual - expected).abs() < 2e-4,
            "({x}, {y}): {actual} {expected}"
        );
    }
}
