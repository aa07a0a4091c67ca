//! The mark of bright objects in their dark surroundings, pixel by pixel.

use super::pictures::{decoded, jpeg, key, open, photo, samples};
use crate::{
    imaging::{Layout, Photo, Samples},
    watermark::embed,
};

const WIDTH: u32 = 768;
const HEIGHT: u32 = 512;
/// Ends of the rings around the bright thing, in pixels from its edge.
const RINGS: [f64; 8] = [3.0, 6.0, 9.0, 12.0, 18.0, 24.0, 40.0, 100.0];

/// A bright disc of radius 70 in the middle of a smooth dark picture, as RGB; `grain` is added to
/// each, 0 to 2 levels.
fn disc(bright: u8, dark: u8, grain: bool) -> Vec<u8> {
    let mut noise = 1_u32;
    let mut rgb = Vec::new();
    for at in 0..WIDTH * HEIGHT {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let level = if from_edge(at) <= 0.0 { bright } else { dark };
        let grain = if grain { (noise >> 24) as u8 % 3 } else { 0 };
        rgb.extend([level.saturating_add(grain); 3]);
    }
    rgb
}

/// Distance of a pixel from the disc's edge, in pixels; negative inside.
fn from_edge(at: u32) -> f64 {
    let x = f64::from(at % WIDTH) - f64::from(WIDTH) / 2.0;
    let y = f64::from(at / WIDTH) - f64::from(HEIGHT) / 2.0;
    x.hypot(y) - 70.0
}

/// RMS of the mark in each ring, grey levels.
fn by_distance(before: &Photo, after: &Photo) -> [f64; RINGS.len()] {
    let mut sums = [(0.0, 0.0); RINGS.len()];
    let pixels = samples(before)
        .chunks_exact(3)
        .zip(samples(after).chunks_exact(3));
    for (at, (before, after)) in pixels.enumerate() {
        let distance = from_edge(at as u32);
        if let Some(ring) = RINGS.iter().position(|end| distance <= *end)
            && distance > 0.0
        {
            sums[ring].0 += (f64::from(after[1]) - f64::from(before[1])).powi(2);
            sums[ring].1 += 1.0;
        }
    }
    sums.map(|(squares, count): (f64, f64)| (squares / count).sqrt())
}

#[test]
fn the_dark_beside_a_bright_thing_shows_hardly_more_than_the_dark_far_off() {
    let mut spilt = Vec::new();
    for (name, bright, dark, grain) in [
        ("white on black", 255, 0, false),
        ("lamp in the dark", 240, 12, true),
        ("window in a wall", 220, 45, true),
    ] {
        let rgb = disc(bright, dark, grain);
        let png = photo(WIDTH, HEIGHT, Layout::Rgb, Samples::U8(rgb.clone()));
        let sent = open(&embed(png.clone(), &key()).unwrap().bytes);
        let in_png = by_distance(&png, &sent);
        let file = jpeg(WIDTH, HEIGHT, &rgb, 90);
        let sent = embed(open(&file), &key()).unwrap().bytes;
        let in_jpeg = by_distance(&decoded(&file), &decoded(&sent));
        for (container, rms) in [("PNG", in_png), ("JPEG 90", in_jpeg)] {
            println!("{name}, {container}: {rms:.2?}");
            let far = rms[RINGS.len() - 1];
            // A block of a JPEG on the edge itself reaches a few pixels into the dark.
            let near = rms[1..].iter().copied().fold(0.0, f64::max);
            if near > 2.0 * far {
                spilt.push((name, container, near, far));
            }
        }
    }
    assert!(spilt.is_empty(), "{spilt:?}");
}
