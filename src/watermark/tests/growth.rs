//! Growth of a file by protection, and that it stays small for the same reason as its source.

use png::{BitDepth, ColorType, Compression, Encoder};

use super::pictures::{key, open, samples, scene};
use crate::{
    imaging::{Layout, Pixels},
    watermark::{
        Embedded, ManipulationClass, ProtectionLevel, detect, embed, embed::exchange::Exchange,
        manipulation_class,
    },
};

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;

/// Protects a file, asserts that it is fully protected and that its check finds it untouched, and
/// returns it and the ratio of its size to the source's.
fn protected(file: &[u8]) -> (Vec<u8>, f64) {
    let Embedded {
        bytes,
        record,
        report,
        ..
    } = embed(open(file), &key()).unwrap();
    assert_eq!(report.level, ProtectionLevel::Full, "{report:?}");
    let sent = open(&bytes);
    let found = detect(&sent, &record, &key());
    assert!(
        (found.z - report.z_sent).abs() < 1e-9,
        "{found:?} {report:?}"
    );
    assert_eq!(
        manipulation_class(&sent, &record, &found),
        ManipulationClass::None
    );
    let again = embed(open(file), &key()).unwrap();
    assert!(
        again.bytes == bytes,
        "the same photo and key gave other bytes"
    );
    let growth = bytes.len() as f64 / file.len() as f64;
    (bytes, growth)
}

/// The scene in levels `coarse` apart and, from left to right, in some tints.
fn tinted(coarse: u8, tints: u32) -> Vec<u8> {
    let mut rgb = scene(WIDTH, HEIGHT);
    for (at, pixel) in rgb.chunks_exact_mut(3).enumerate() {
        let tint = (at as u32 % WIDTH * tints / WIDTH) as u8 * 5;
        let level = pixel[1] / coarse * coarse;
        pixel.copy_from_slice(&[level, level.saturating_sub(tint), level / 2 + tint]);
    }
    rgb
}

/// A PNG with a palette of the colours of a picture; every fifth colour is half transparent if
/// asked for.
fn indexed(rgb: &[u8], transparent: bool) -> Vec<u8> {
    let (pixels, _) = rgb.as_chunks::<3>();
    let mut colours = pixels.to_vec();
    colours.sort_unstable();
    colours.dedup();
    assert!(colours.len() <= 256, "{}", colours.len());
    let indices: Vec<u8> = pixels
        .iter()
        .map(|pixel| colours.binary_search(pixel).unwrap() as u8)
        .collect();
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, WIDTH, HEIGHT);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::High);
    encoder.set_palette(colours.concat());
    if transparent {
        let alpha = (0..colours.len()).map(|at| if at % 5 == 0 { 128 } else { 255 });
        encoder.set_trns(alpha.collect::<Vec<u8>>());
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&indices).unwrap();
    writer.finish().unwrap();
    file
}

/// The alpha of each pixel of a file.
fn alpha(file: &[u8]) -> Vec<u8> {
    let photo = open(file);
    let Pixels::Raster(raster) = &photo.pixels else {
        panic!("a PNG became a JPEG")
    };
    assert_eq!(raster.layout(), Layout::Rgba);
    samples(&photo).iter().skip(3).step_by(4).copied().collect()
}

#[test]
fn a_lossy_webp_grows_by_less_than_half() {
    let rgb = scene(WIDTH, HEIGHT);
    for quality in [30.0, 50.0, 75.0, 90.0] {
        let file = webpx::Encoder::new_rgb(&rgb, WIDTH, HEIGHT)
            .quality(quality)
            .encode(webpx::Unstoppable)
            .unwrap();
        let (_, growth) = protected(&file);
        println!("{quality}: {growth:.2}");
        assert!(growth < 1.5, "{quality}: {growth}");
    }
}

#[test]
fn a_palette_stays_one_whether_it_has_room_or_not() {
    // Colours of 8, 128 and more that fill it: all have room for neighbours, the commonest have,
    // none has.
    for (coarse, tints, bound) in [(32, 1, 2.5), (4, 2, 1.6), (3, 4, 1.4)] {
        for transparent in [false, true] {
            let file = indexed(&tinted(coarse, tints), transparent);
            let (sent, growth) = protected(&file);
            println!("{coarse} {tints} {transparent}: {growth:.2}");
            assert_eq!(sent[25], 3, "{coarse}: no palette");
            assert!(growth < bound, "{coarse} {tints}: {growth}");
            if transparent {
                assert_eq!(alpha(&sent), alpha(&file));
            }
        }
    }
}

#[test]
fn colours_far_apart_are_not_exchanged() {
    let colours = [
        [0, 0, 0, 255],
        [7, 7, 7, 255],
        [200, 200, 200, 255],
        [205, 205, 205, 9],
    ];
    let exchange = Exchange::new(&colours);
    // Black and nearly black move to each other; grey has none near, and the last another alpha.
    let reach = exchange.reach(&[10, 10, 10, 10]);
    assert!((reach - 10.0).abs() < 1e-9, "{reach}");
}

#[test]
fn a_page_of_one_bit_does_not_swell() {
    // Lines of strokes of any width, as in the case that showed it.
    let (width, height) = (1240_usize, 1754_usize);
    let mut paper = vec![1_u8; width * height];
    let mut random = 12_345_u32;
    let mut below = |bound: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((random >> 16) % bound) as usize
    };
    for top in (120..1634).step_by(34) {
        for left in (110..1080).step_by(14) {
            let (first, stroke) = (top + below(4), 4 + below(8));
            for y in first..=top + 18 {
                paper[y * width + left..][..stroke].fill(0);
            }
        }
    }
    let rows = paper.chunks_exact(width).flat_map(|row| row.chunks(8));
    let rows: Vec<u8> = rows
        .map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit))
        .collect();
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, width as u32, height as u32);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::One);
    encoder.set_compression(Compression::High);
    encoder.set_filter(png::Filter::NoFilter);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&rows).unwrap();
    writer.finish().unwrap();
    let (sent, growth) = protected(&file);
    println!("{} bytes, {growth:.2}", file.len());
    assert_eq!((sent[24], sent[25]), (8, 0), "no longer grey");
    assert!(growth < 4.0, "{growth}");
}
