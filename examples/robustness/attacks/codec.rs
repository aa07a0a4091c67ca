//! Codecs: JPEG by libjpeg-turbo's algorithms at 4:2:0, WebP by libwebp, AVIF by Python's Pillow.
//!
//! No AVIF encoder *and* decoder in plain Rust builds in reasonable time under a licence that we
//! may use, so this one attack asks Pillow, if it is there and writes AVIF.

use std::{
    io::{Cursor, Write},
    process::{Command, Stdio},
    sync::OnceLock,
};

use image::{ImageFormat, RgbImage};
use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling, decompress_to};

use super::Attack;

/// The codec attacks.
pub(super) fn attacks() -> Vec<Attack> {
    let mut attacks = Vec::new();
    for (quality, severity) in [
        (95, 1),
        (80, 1),
        (70, 2),
        (50, 2),
        (30, 3),
        (20, 3),
        (10, 4),
    ] {
        let name = format!("jpeg_{quality}");
        attacks.push(Attack::new(name, "jpeg", severity, "4:2:0", move |i| {
            jpeg(i, quality)
        }));
    }
    for (quality, severity) in [(80u8, 1), (50, 2), (20, 3)] {
        let name = format!("webp_{quality}");
        let run = move |i: &RgbImage| webp(i, f32::from(quality));
        attacks.push(Attack::new(name, "webp_avif", severity, "", run));
    }
    if python_available() {
        let note = "by Python's Pillow";
        attacks.push(Attack::new("avif_50", "webp_avif", 2, note, avif));
    }
    attacks
}

/// Encodes a JPEG of a quality, with chroma at half resolution.
pub(crate) fn jpeg(picture: &RgbImage, quality: u8) -> Vec<u8> {
    let (width, height) = picture.dimensions();
    Encoder::new(
        picture.as_raw(),
        width as usize,
        height as usize,
        PixelFormat::Rgb,
    )
    .quality(quality)
    .subsampling(Subsampling::S420)
    .encode()
    .unwrap()
}

/// Encodes a JPEG and decodes it again.
pub(super) fn jpeg_pixels(picture: &RgbImage, quality: u8) -> RgbImage {
    unpack(&jpeg(picture, quality))
}

/// Encodes a lossy WebP of a quality.
pub(crate) fn webp(picture: &RgbImage, quality: f32) -> Vec<u8> {
    webpx::Encoder::new_rgb(picture.as_raw(), picture.width(), picture.height())
        .quality(quality)
        .encode(webpx::Unstoppable)
        .unwrap()
}

/// Encodes a lossless WebP.
pub(crate) fn webp_lossless(picture: &RgbImage) -> Vec<u8> {
    webpx::Encoder::new_rgb(picture.as_raw(), picture.width(), picture.height())
        .lossless(true)
        .encode(webpx::Unstoppable)
        .unwrap()
}

/// Encodes a PNG.
pub(crate) fn png(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// Decodes the pixels of a file as they are stored.
pub(crate) fn unpack(bytes: &[u8]) -> RgbImage {
    if bytes.starts_with(&[0xff, 0xd8]) {
        let decoded = decompress_to(bytes, PixelFormat::Rgb).unwrap();
        let (width, height) = (decoded.width as u32, decoded.height as u32);
        return RgbImage::from_raw(width, height, decoded.data).unwrap();
    }
    image::load_from_memory(bytes).unwrap().into_rgb8()
}

/// Saves a PNG from standard input as AVIF and prints it as PNG again.
const AVIF: &str = "import io, sys; from PIL import Image
i = Image.open(io.BytesIO(sys.stdin.buffer.read())).convert('RGB'); b = io.BytesIO()
i.save(b, 'AVIF', quality=50, speed=8, max_threads=1); b.seek(0)
Image.open(b).convert('RGB').save(sys.stdout.buffer, 'PNG', compress_level=1)";

/// Tells whether Python's Pillow is here and writes AVIF.
pub(crate) fn python_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        let check = "import sys; from PIL import features; sys.exit(not features.check('avif'))";
        Command::new("python3")
            .args(["-c", check])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    })
}

fn avif(picture: &RgbImage) -> RgbImage {
    let mut python = Command::new("python3")
        .args(["-c", AVIF])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Python reads all of it before it writes anything.
    let mut input = python.stdin.take().unwrap();
    input.write_all(&png(picture)).unwrap();
    drop(input);
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "Pillow could not write AVIF");
    unpack(&output.stdout)
}
