//! Marks on the quantiser lattice of a JPEG.

use libjpeg_turbo_rs::{ColorSpace, Encoder, PixelFormat};

use super::pictures::{decoded, jpeg, key, open, scene};
use crate::{
    imaging::{CoefficientImage, Photo, Pixels},
    watermark::{
        DetectionStatus, Embedded, ManipulationClass, ProtectionLevel, detect, embed,
        manipulation_class,
        sampling::grid::{Grid, LumaSource},
        signal::mask::mask,
    },
};

fn image(photo: &Photo) -> &CoefficientImage {
    let Pixels::Jpeg(image) = &photo.pixels else {
        panic!("a JPEG was decoded to samples")
    };
    image
}

fn grid(photo: &Photo) -> Grid {
    Grid::new(photo, &LumaSource::of_original(photo))
}

#[test]
fn sources_of_all_qualities_are_protected() {
    for (quality, least) in [(50, 12.0), (75, 25.0), (85, 25.0), (95, 25.0)] {
        let file = jpeg(768, 512, &scene(768, 512), quality);
        let Embedded {
            bytes,
            record,
            report,
            ..
        } = embed(open(&file), &key()).unwrap();
        assert!(
            report.z_sent > least && report.psnr_db > 38.0,
            "{quality}: {report:?}"
        );
        if quality >= 75 {
            assert_eq!(report.level, ProtectionLevel::Full, "{quality}: {report:?}");
        }
        let sent = open(&bytes);
        let found = detect(&sent, &record, &key());
        // The read-back adds the steps to the luma that it has, so its sums are rounded otherwise.
        let difference = (found.z - report.z_sent).abs();
        assert!(difference < 1e-3, "{quality}: {difference}");
        assert_eq!(
            manipulation_class(&sent, &record, &found),
            ManipulationClass::None
        );

        let shown = decoded(&bytes);
        let found = detect(&shown, &record, &key());
        assert!(
            (found.z / report.z_sent - 1.0).abs() < 0.02,
            "{quality}: {found:?} {report:?}"
        );
        let unmarked = detect(&open(&file), &record, &key());
        assert_eq!(
            unmarked.status,
            DetectionStatus::NotFound,
            "{quality}: {unmarked:?}"
        );
    }
}

#[test]
fn only_low_luma_coefficients_move_and_everything_else_stays_bit_for_bit() {
    let original = open(&jpeg(500, 333, &scene(500, 333), 75));
    let sent = open(&embed(original.clone(), &key()).unwrap().bytes);
    let (before, after) = (image(&original), image(&sent));
    for index in 0..3 {
        assert_eq!(before.component(index).quant, after.component(index).quant);
    }
    assert_eq!(before.component(1).blocks, after.component(1).blocks);
    assert_eq!(before.component(2).blocks, after.component(2).blocks);
    let blocks = before
        .component(0)
        .blocks
        .iter()
        .zip(after.component(0).blocks);
    // Zigzag 0..=24 holds every (k, l) with k, l <= 3.
    assert!(blocks.clone().all(|(a, b)| a[25..] == b[25..]));
    let same = blocks.clone().filter(|(a, b)| a == b).count();
    let all = blocks.count();
    assert!(same > all / 10 && same < all, "{same} of {all} untouched");
}

#[test]
fn a_mark_survives_saving_again_with_the_same_table() {
    for quality in [60, 90] {
        let file = jpeg(768, 512, &scene(768, 512), quality);
        let Embedded {
            bytes,
            record,
            report,
            ..
        } = embed(open(&file), &key()).unwrap();
        let shown = decoded(&bytes);
        let again = open(&jpeg(768, 512, super::pictures::samples(&shown), quality));
        let found = detect(&again, &record, &key());
        assert!(
            found.z > 0.75 * report.z_sent,
            "{quality}: {found:?} {report:?}"
        );
    }
}

#[test]
fn a_large_source_is_stepped_by_diffusion() {
    let file = jpeg(1250, 850, &scene(1250, 850), 75);
    let Embedded {
        bytes,
        record,
        report,
        ..
    } = embed(open(&file), &key()).unwrap();
    assert_eq!(report.level, ProtectionLevel::Full, "{report:?}");
    assert!(report.psnr_db > 42.0, "{report:?}");
    assert!(detect(&open(&bytes), &record, &key()).z > 25.0);
}

#[test]
fn grey_and_rgb_sources_are_marked_in_all_luma_planes() {
    let rgb = scene(512, 400);
    let grey: Vec<u8> = rgb.chunks_exact(3).map(|p| p[1]).collect();
    let grey_file = Encoder::new(&grey, 512, 400, PixelFormat::Grayscale)
        .quality(85)
        .encode();
    let rgb_file = Encoder::new(&rgb, 512, 400, PixelFormat::Rgb)
        .quality(85)
        .colorspace(ColorSpace::Rgb)
        .encode();
    for (file, planes) in [(grey_file.unwrap(), 1), (rgb_file.unwrap(), 3)] {
        let original = open(&file);
        assert_eq!(image(&original).luma_components().len(), planes);
        let Embedded {
            bytes,
            record,
            report,
            ..
        } = embed(original.clone(), &key()).unwrap();
        assert!(report.z_sent > 25.0, "{report:?}");
        let sent = open(&bytes);
        for plane in 0..planes {
            let before = image(&original).component(plane).blocks;
            assert_ne!(before, image(&sent).component(plane).blocks, "{plane}");
        }
        assert!(detect(&decoded(&bytes), &record, &key()).z > 25.0);
    }
}

#[test]
fn grids_of_coefficients_and_of_pixels_agree() {
    // Unreduced with edge blocks; reduced along one axis; smaller than the grid.
    for (width, height) in [(509, 517), (2100, 300), (200, 90)] {
        let file = jpeg(width, height, &scene(width, height), 90);
        let from_coefficients = grid(&open(&file));
        let from_pixels = grid(&decoded(&file));
        let rms = |a: &[f32], b: &[f32]| {
            let squares: f32 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
            (squares / a.len() as f32).sqrt()
        };
        let luma = rms(from_coefficients.luma.data(), from_pixels.luma.data());
        assert!(luma < 0.4, "{width} x {height}: luma {luma}");
        let mask_of = |grid: &Grid| mask(&grid.luma, &grid.texture);
        let (a, b) = (mask_of(&from_coefficients), mask_of(&from_pixels));
        let difference = rms(a.data(), b.data());
        assert!(difference < 0.05, "{width} x {height}: mask {difference}");
    }
}

#[test]
fn black_and_white_blocks_stay_legal() {
    let checks: Vec<u8> = (0..512 * 512)
        .flat_map(|at| {
            [if (at % 512 / 24 + at / 512 / 24) % 2 == 0 {
                0
            } else {
                255
            }; 3]
        })
        .collect();
    for quality in [60, 100] {
        let Embedded {
            bytes,
            record,
            report,
            ..
        } = embed(open(&jpeg(512, 512, &checks, quality)), &key()).unwrap();
        let found = detect(&open(&bytes), &record, &key());
        assert!(found.z > 12.0, "{quality}: {found:?} {report:?}");
    }
}
