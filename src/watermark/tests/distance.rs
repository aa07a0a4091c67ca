//! The reported PSNR is the one that another decoder sees.

use std::io::Cursor;

use image::{DynamicImage, ImageBuffer, ImageFormat};
use libjpeg_turbo_rs::{ColorSpace, Encoder, PixelFormat};

use super::pictures::{jpeg, key, open, scene};
use crate::watermark::embed;

const WIDTH: u32 = 496;
const HEIGHT: u32 = 320;

/// The colours of a file on white, 0..=255, as the `image` crate decodes it.
fn shown(file: &[u8]) -> Vec<f64> {
    let pixels = image::load_from_memory(file).unwrap().into_rgba16();
    let on_white = |sample: u16, alpha: u16| {
        let alpha = f64::from(alpha) / 65_535.0;
        255.0 + (f64::from(sample) / 257.0 - 255.0) * alpha
    };
    pixels
        .pixels()
        .flat_map(|p| [0, 1, 2].map(|colour| on_white(p[colour], p[3])))
        .collect()
}

fn psnr(before: &[u8], after: &[u8]) -> f64 {
    let (before, after) = (shown(before), shown(after));
    let squares = before.iter().zip(&after).map(|(a, b)| (a - b).powi(2));
    10.0 * (255.0_f64.powi(2) / (squares.sum::<f64>() / before.len() as f64)).log10()
}

fn png(picture: &DynamicImage) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}

/// A PNG of 64 colours, one of them half transparent.
fn palette_png(grey: &[u8]) -> Vec<u8> {
    let palette: Vec<u8> = (0..64_u8)
        .flat_map(|index| [4 * index, 3 * index, 255 - 4 * index])
        .collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette);
    encoder.set_trns([[255; 20].as_slice(), &[128]].concat());
    let indices: Vec<u8> = grey.iter().map(|grey| grey / 4).collect();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&indices).unwrap();
    drop(writer);
    file
}

/// The scene with an alpha that falls from left to right.
fn faded(rgb: &[u8]) -> Vec<u8> {
    rgb.chunks_exact(3)
        .enumerate()
        .flat_map(|(at, p)| [p[0], p[1], p[2], 255 - (at as u32 % WIDTH / 2) as u8])
        .collect()
}

#[test]
fn the_reported_psnr_is_what_another_decoder_sees() {
    let mut rgb = scene(WIDTH, HEIGHT);
    // Strong colours, which a codec that halves chroma cannot keep.
    for (at, pixel) in rgb.chunks_exact_mut(3).enumerate() {
        let red = (at as u32 % WIDTH / 40).is_multiple_of(3);
        pixel[if red { 2 } else { 0 }] /= 3;
    }
    let grey: Vec<u8> = rgb.chunks_exact(3).map(|p| p[1]).collect();
    let deep: Vec<u16> = rgb.iter().map(|&s| u16::from(s) * 250 + 77).collect();
    let rgb8 = || ImageBuffer::from_raw(WIDTH, HEIGHT, rgb.clone()).unwrap();
    let faded8 = || ImageBuffer::from_raw(WIDTH, HEIGHT, faded(&rgb)).unwrap();
    let grey8 = ImageBuffer::from_raw(WIDTH, HEIGHT, grey.clone()).unwrap();
    let rgb16 = ImageBuffer::from_raw(WIDTH, HEIGHT, deep).unwrap();
    let (width, height) = (WIDTH as usize, HEIGHT as usize);
    let encoder = |samples, format| Encoder::new(samples, width, height, format).quality(85);
    let webp = |lossless, quality| {
        webpx::Encoder::new_rgb(&rgb, WIDTH, HEIGHT)
            .lossless(lossless)
            .quality(quality)
            .encode(webpx::Unstoppable)
            .unwrap()
    };
    let faded_webp = webpx::Encoder::new_rgba(&faded(&rgb), WIDTH, HEIGHT)
        .quality(80.0)
        .encode(webpx::Unstoppable)
        .unwrap();
    let rgb_jpeg = encoder(&rgb, PixelFormat::Rgb).colorspace(ColorSpace::Rgb);
    for (container, file) in [
        ("PNG", png(&DynamicImage::ImageRgb8(rgb8()))),
        ("PNG with alpha", png(&DynamicImage::ImageRgba8(faded8()))),
        ("grey PNG", png(&DynamicImage::ImageLuma8(grey8))),
        ("PNG of 16 bits", png(&DynamicImage::ImageRgb16(rgb16))),
        ("PNG with a palette", palette_png(&grey)),
        ("JPEG 60", jpeg(WIDTH, HEIGHT, &rgb, 60)),
        ("JPEG 85", jpeg(WIDTH, HEIGHT, &rgb, 85)),
        ("JPEG 95", jpeg(WIDTH, HEIGHT, &rgb, 95)),
        (
            "grey JPEG",
            encoder(&grey, PixelFormat::Grayscale).encode().unwrap(),
        ),
        ("RGB JPEG", rgb_jpeg.encode().unwrap()),
        ("lossless WebP", webp(true, 75.0)),
        ("lossy WebP", webp(false, 85.0)),
        ("lossy WebP with alpha", faded_webp),
    ] {
        let embedded = embed(open(&file), &key()).unwrap();
        let (told, seen) = (embedded.report.psnr_db, psnr(&file, &embedded.bytes));
        println!("{container}: told {told:.2}, seen {seen:.2}");
        assert!((told - seen).abs() < 0.1, "{container}: {told} {seen}");
    }
}
