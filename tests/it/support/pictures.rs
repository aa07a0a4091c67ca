//! Pictures made by code: smooth skies, texture and edges, the same on every machine.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageFormat, Rgb, RgbImage, codecs::jpeg::JpegEncoder};

/// A picture with a gradient, sums of waves, hard edges and grain; other seeds give other pictures.
pub(crate) fn scene(width: u32, height: u32, seed: u32) -> RgbImage {
    let phase = f64::from(seed % 97);
    RgbImage::from_fn(width, height, |x, y| {
        let (u, v) = (
            f64::from(x) / f64::from(width),
            f64::from(y) / f64::from(height),
        );
        let waves = (23.0 * u + 11.0 * v + phase).sin() * (37.0 * v - 17.0 * u).cos();
        let disc = if (u - 0.6).hypot(v - 0.4) < 0.2 {
            40.0
        } else {
            0.0
        };
        let bars = if v > 0.7 && (u * 24.0 + phase).floor() % 2.0 == 0.0 {
            35.0
        } else {
            0.0
        };
        let grain = f64::from(hash(x, y, seed) % 1024) / 1024.0 - 0.5;
        let base = 60.0 + 90.0 * v + 30.0 * waves + disc + bars + 14.0 * grain;
        let channel = |gain: f64, lift: f64| (base * gain + lift).clamp(0.0, 255.0) as u8;
        Rgb([
            channel(1.0, 8.0),
            channel(0.92, 0.0),
            channel(0.8, 20.0 * u),
        ])
    })
}

/// Clouds: waves of a few cycles a picture, on which a carried mark is read well.
pub(crate) fn clouds(width: u32, height: u32, seed: u32) -> RgbImage {
    let phase = f64::from(seed);
    RgbImage::from_fn(width, height, |x, y| {
        let (u, v) = (
            f64::from(x) / f64::from(width),
            f64::from(y) / f64::from(height),
        );
        let across = 45.0 * (19.0 * u + 9.0 * v + phase).sin();
        let down = 35.0 * (23.0 * v - 11.0 * u + phase).cos();
        Rgb([120.0, 128.0, 140.0].map(|level| (level + across + down) as u8))
    })
}

/// The mark of a protected picture, which is its difference from the original, so many times, added
/// to another picture of its size.
pub(crate) fn carried(original: &RgbImage, sent: &RgbImage, to: &RgbImage, times: i32) -> RgbImage {
    RgbImage::from_fn(to.width(), to.height(), |x, y| {
        let [before, after, host] =
            [original, sent, to].map(|picture| picture.get_pixel(x, y).0.map(i32::from));
        Rgb([0, 1, 2].map(|channel| {
            let mark = after[channel] - before[channel];
            (host[channel] + times * mark).clamp(0, 255) as u8
        }))
    })
}

/// The picture as PNG.
pub(crate) fn png(picture: &RgbImage) -> Vec<u8> {
    encode(&DynamicImage::from(picture.clone()), ImageFormat::Png)
}

/// The picture as lossless WebP.
pub(crate) fn webp(picture: &RgbImage) -> Vec<u8> {
    encode(&DynamicImage::from(picture.clone()), ImageFormat::WebP)
}

/// The grey of the picture as PNG.
pub(crate) fn gray_png(picture: &GrayImage) -> Vec<u8> {
    encode(&DynamicImage::from(picture.clone()), ImageFormat::Png)
}

/// The picture as JPEG.
pub(crate) fn jpeg(picture: &RgbImage, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode_image(picture)
        .unwrap();
    bytes
}

/// What the bytes show, as 8-bit RGB.
pub(crate) fn read(bytes: &[u8]) -> RgbImage {
    image::load_from_memory(bytes).unwrap().to_rgb8()
}

fn encode(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Mixes a position and a seed into noise (the finaliser of `MurmurHash3`).
fn hash(x: u32, y: u32, seed: u32) -> u32 {
    let mut h = x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca6b) ^ seed;
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}
