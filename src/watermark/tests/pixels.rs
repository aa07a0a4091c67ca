//! Marks in samples.

use super::pictures::{flat_photo, halved, key, open, photo, resaved, samples, scene, scene_photo};
use crate::{
    imaging::{Encoding, Format, Layout, Limits, Photo, Pixels, Samples, decode},
    watermark::{
        DetectionStatus, Embedded, ManipulationClass, ProtectionLevel, WatermarkError,
        WatermarkKey, detect, embed, manipulation_class,
    },
};

#[test]
fn a_marked_photo_is_full_invisible_and_read_back_as_it_was_sent() {
    let original = scene_photo(768, 512);
    let Embedded {
        bytes,
        record,
        report,
        ..
    } = embed(original.clone(), &key()).unwrap();
    assert_eq!(report.level, ProtectionLevel::Full);
    assert_eq!(report.iterations, 1);
    assert!(report.psnr_db > 45.0, "{report:?}");
    assert!((report.strength - 0.42).abs() < 1e-3);

    let sent = open(&bytes);
    let found = detect(&sent, &record, &key());
    assert_eq!(found.status, DetectionStatus::Detected);
    assert_eq!(
        manipulation_class(&sent, &record, &found),
        ManipulationClass::None
    );
    // Lossless: the read-back without a second decode was of the very pixels that the file has.
    assert!(
        (found.z - report.z_sent).abs() < 1e-9,
        "{found:?} {report:?}"
    );
    assert!((found.beta - 1.0).abs() < 0.2, "{found:?}");

    let squares: f64 = samples(&original)
        .iter()
        .zip(samples(&sent))
        .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2))
        .sum();
    let psnr = 10.0 * (255.0_f64.powi(2) / (squares / (768.0 * 512.0 * 3.0))).log10();
    assert!((psnr - report.psnr_db).abs() < 0.2, "{psnr} {report:?}");
}

#[test]
fn a_mark_survives_compression_and_resizing() {
    let Embedded { bytes, record, .. } = embed(scene_photo(768, 512), &key()).unwrap();
    let sent = open(&bytes);
    for (received, class, least) in [
        (resaved(&sent, 50), ManipulationClass::Compression, 15.0),
        (halved(&sent), ManipulationClass::Resize, 15.0),
        (resaved(&halved(&sent), 75), ManipulationClass::Resize, 12.0),
    ] {
        let found = detect(&received, &record, &key());
        assert!(found.z > least && found.rho > 0.9, "{found:?}");
        assert_eq!(manipulation_class(&received, &record, &found), class);
        let scale = f64::from(received.width()) / 768.0;
        let transform = found.transform.unwrap();
        assert!((transform.scale_x - scale).abs() < 1e-9 && !transform.flipped);
    }
}

#[test]
fn no_other_key_and_no_unmarked_picture_is_detected() {
    let original = scene_photo(512, 512);
    let Embedded { bytes, record, .. } = embed(original.clone(), &key()).unwrap();
    let sent = open(&bytes);
    let other_photo = WatermarkKey::derive(&[7; 32], &[10; 16]);
    let other_tenant = WatermarkKey::derive(&[8; 32], &[9; 16]);
    let other_record = embed(original.clone(), &other_photo).unwrap().record;
    for (name, found) in [
        ("other photo", detect(&sent, &record, &other_photo)),
        ("other tenant", detect(&sent, &record, &other_tenant)),
        ("other record", detect(&sent, &other_record, &other_photo)),
        ("unmarked", detect(&original, &record, &key())),
        (
            "unmarked, resaved",
            detect(&resaved(&original, 50), &record, &key()),
        ),
        ("flat", detect(&flat_photo(512, 512, 128), &record, &key())),
    ] {
        assert_eq!(found.status, DetectionStatus::NotFound, "{name}: {found:?}");
        assert!(found.false_positive_probability > 1e-4, "{name}: {found:?}");
    }
}

#[test]
fn a_photo_can_be_protected_again() {
    let first = embed(scene_photo(512, 512), &key()).unwrap();
    let second_key = WatermarkKey::derive(&[7; 32], &[77; 16]);
    let second = embed(open(&first.bytes), &second_key).unwrap();
    let sent = open(&second.bytes);
    for (record, key) in [(&first.record, &key()), (&second.record, &second_key)] {
        let found = detect(&sent, record, key);
        assert!(found.z > 25.0, "{found:?}");
    }
}

#[test]
fn flat_pictures_carry_a_mark_or_are_refused() {
    for level in [128, 255] {
        let Embedded {
            bytes,
            record,
            report,
            ..
        } = embed(flat_photo(320, 320, level), &key()).unwrap();
        let found = detect(&open(&bytes), &record, &key());
        assert!(
            found.z > 12.0 && report.psnr_db > 40.0,
            "{level}: {found:?} {report:?}"
        );
    }
    match embed(flat_photo(320, 320, 0), &key()) {
        Ok(embedded) => assert!(embedded.report.z_sent >= 12.0),
        Err(error) => assert!(matches!(error, WatermarkError::WeakMark { .. }), "{error}"),
    }
}

#[test]
fn a_picture_that_is_its_own_mirror_image_is_taken_as_it_is() {
    let across: Vec<u8> = (0..320 * 320)
        .flat_map(|at| [(at % 320 / 2 + 40) as u8; 3])
        .collect();
    let stripes: Vec<u8> = (0..320 * 320)
        .flat_map(|at| [(at / 2 % 2 * 90 + 60) as u8; 3])
        .collect();
    for samples in [across, stripes] {
        let original = photo(320, 320, Layout::Rgb, Samples::U8(samples));
        let Embedded {
            bytes,
            record,
            report,
            ..
        } = embed(original, &key()).unwrap();
        let found = detect(&open(&bytes), &record, &key());
        assert!(
            (found.z - report.z_sent).abs() < 1e-9,
            "{found:?} {report:?}"
        );
    }
}

#[test]
fn small_pictures_are_marked_as_well_as_they_can_be() {
    for (side, level) in [(320, ProtectionLevel::Full), (64, ProtectionLevel::Limited)] {
        let report = embed(scene_photo(side, side), &key()).unwrap().report;
        assert!(report.z_sent > 15.0, "{side}: {report:?}");
        assert_eq!(report.level, level, "{side}: {report:?}");
    }
    let refused = embed(scene_photo(400, 15), &key()).unwrap_err();
    assert!(matches!(
        refused,
        WatermarkError::TooSmall {
            width: 400,
            height: 15,
            min: 16
        }
    ));
    match embed(scene_photo(16, 16), &key()) {
        Ok(embedded) => assert!(embedded.report.z_sent >= 12.0),
        Err(error) => assert!(matches!(error, WatermarkError::WeakMark { .. }), "{error}"),
    }
}

/// Every second 128-pixel column is transparent.
fn with_holes(width: u32, height: u32) -> Photo {
    let pixels: Vec<u8> = scene(width, height)
        .chunks_exact(3)
        .enumerate()
        .flat_map(|(at, rgb)| {
            let hidden = at as u32 % width / 128 % 2 == 1;
            [rgb[0], rgb[1], rgb[2], if hidden { 0 } else { 255 }]
        })
        .collect();
    photo(width, height, Layout::Rgba, Samples::U8(pixels))
}

#[test]
fn transparent_pixels_stay_and_a_flattened_copy_is_detected() {
    let original = with_holes(512, 512);
    let Embedded { bytes, record, .. } = embed(original.clone(), &key()).unwrap();
    let sent = open(&bytes);
    let mut flattened = Vec::new();
    for (a, b) in samples(&original)
        .chunks_exact(4)
        .zip(samples(&sent).chunks_exact(4))
    {
        assert!(a[3] == b[3] && (a[3] == 255 || a == b));
        flattened.extend(if b[3] == 0 { &[255; 3] } else { &b[..3] });
    }
    let received = photo(512, 512, Layout::Rgb, Samples::U8(flattened));
    for received in [sent, received] {
        let found = detect(&received, &record, &key());
        assert!(found.z > 25.0 && found.rho > 0.9, "{found:?}");
    }
}

#[test]
fn depth_and_grey_are_kept_and_marked() {
    let rgb = scene(512, 512);
    let grey: Vec<u8> = rgb.chunks_exact(3).map(|p| p[1]).collect();
    let deep = |samples: &[u8]| samples.iter().map(|&s| u16::from(s) * 257).collect();
    for (layout, samples) in [
        (Layout::Gray, Samples::U8(grey.clone())),
        (Layout::Gray, Samples::U16(deep(&grey))),
        (Layout::Rgb, Samples::U16(deep(&rgb))),
    ] {
        let original = photo(512, 512, layout, samples);
        let Embedded { bytes, record, .. } = embed(original, &key()).unwrap();
        let sent = open(&bytes);
        let found = detect(&sent, &record, &key());
        assert!(
            found.z > 40.0 && manipulation_class(&sent, &record, &found) == ManipulationClass::None,
            "{found:?}"
        );
        let Pixels::Raster(raster) = &sent.pixels else {
            panic!("a PNG became a JPEG")
        };
        assert_eq!(raster.layout(), layout);
    }
}

#[test]
fn a_lossy_output_is_read_back_from_its_own_file() {
    let file = {
        let mut file = std::io::Cursor::new(Vec::new());
        image::RgbImage::from_raw(512, 320, scene(512, 320))
            .unwrap()
            .write_to(&mut file, image::ImageFormat::WebP)
            .unwrap();
        file.into_inner()
    };
    let mut original = decode(&file, &Limits::default()).unwrap();
    assert_eq!(original.format, Format::WebP);
    for encoding in [Encoding::Lossless, Encoding::Lossy] {
        original.encoding = encoding;
        let Embedded {
            bytes,
            record,
            report,
            ..
        } = embed(original.clone(), &key()).unwrap();
        let sent = open(&bytes);
        assert_eq!(sent.encoding, encoding);
        let found = detect(&sent, &record, &key());
        assert!(
            (found.z - report.z_sent).abs() < 1e-9,
            "{found:?} {report:?}"
        );
        assert_eq!(
            manipulation_class(&sent, &record, &found),
            ManipulationClass::None
        );
        assert_eq!(report.level, ProtectionLevel::Full);
    }
}
