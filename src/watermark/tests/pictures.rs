//! Pictures made by code: deterministic, whole numbers only.

use image::{DynamicImage, ImageFormat};
use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling};

use crate::{
    imaging::{Layout, Limits, Photo, Pixels, Raster, Samples, decode},
    watermark::WatermarkKey,
};

/// Returns the key of the mark in these tests.
pub(in crate::watermark) fn key() -> WatermarkKey {
    WatermarkKey::derive(&[7; 32], &[9; 16])
}

/// A scene of 8-bit RGB: a sky that fades, a striped field, a wall of bricks, and grain.
pub(in crate::watermark) fn scene(width: u32, height: u32) -> Vec<u8> {
    let mut grain = 12_345_u32;
    let mut samples = Vec::with_capacity((width * height * 3) as usize);
    for y in 0..height {
        for x in 0..width {
            grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = i32::from((grain >> 24) as u8) % 9 - 4;
            // Positions in 1024ths, so that all sizes show the same scene.
            let (u, v) = (
                (x * 1024 / width).cast_signed(),
                (y * 1024 / height).cast_signed(),
            );
            let luma = if v < 300 + u / 8 {
                190 - v / 6 + noise / 3
            } else if u < 500 {
                90 + 40 * ((u * 3 + v * 2) / 37 % 2) + (u * v / 900) % 23 + noise
            } else {
                let mortar = v % 64 < 6 || (u + 48 * (v / 64 % 2)) % 96 < 6;
                if mortar {
                    170 + noise
                } else {
                    70 + (u / 96 * 31 + v / 64 * 17) % 60 + noise * 2
                }
            };
            for tint in [10, 0, -15] {
                samples.push((luma + tint).clamp(0, 255) as u8);
            }
        }
    }
    samples
}

/// A PNG photo of these samples.
pub(in crate::watermark) fn photo(
    width: u32,
    height: u32,
    layout: Layout,
    samples: Samples,
) -> Photo {
    let empty = DynamicImage::new_luma8(1, 1);
    let mut file = std::io::Cursor::new(Vec::new());
    empty.write_to(&mut file, ImageFormat::Png).unwrap();
    let shell = decode(file.get_ref(), &Limits::default()).unwrap();
    Photo {
        pixels: Pixels::Raster(Raster::new(width, height, layout, samples).unwrap()),
        ..shell
    }
}

/// The scene as a PNG photo.
pub(in crate::watermark) fn scene_photo(width: u32, height: u32) -> Photo {
    photo(
        width,
        height,
        Layout::Rgb,
        Samples::U8(scene(width, height)),
    )
}

/// A photo of one colour.
pub(super) fn flat_photo(width: u32, height: u32, level: u8) -> Photo {
    let samples = vec![level; (width * height * 3) as usize];
    photo(width, height, Layout::Rgb, Samples::U8(samples))
}

/// A JPEG file of 8-bit RGB samples, 4:2:0.
pub(in super::super) fn jpeg(width: u32, height: u32, rgb: &[u8], quality: u8) -> Vec<u8> {
    Encoder::new(rgb, width as usize, height as usize, PixelFormat::Rgb)
        .quality(quality)
        .subsampling(Subsampling::S420)
        .encode()
        .unwrap()
}

/// Decodes a file that is known to be sound.
pub(in super::super) fn open(file: &[u8]) -> Photo {
    decode(file, &Limits::default()).unwrap()
}

/// The 8-bit samples of a photo.
pub(in super::super) fn samples(photo: &Photo) -> &[u8] {
    let Pixels::Raster(raster) = &photo.pixels else {
        panic!("a JPEG has no samples")
    };
    let Samples::U8(samples) = raster.samples() else {
        panic!("16-bit samples")
    };
    samples
}

/// The photo saved as a JPEG of this quality and opened again.
pub(super) fn resaved(photo: &Photo, quality: u8) -> Photo {
    open(&jpeg(
        photo.width(),
        photo.height(),
        samples(photo),
        quality,
    ))
}

/// The pixels of a JPEG file as another decoder shows them.
pub(super) fn decoded(file: &[u8]) -> Photo {
    let rgb = image::load_from_memory_with_format(file, ImageFormat::Jpeg)
        .unwrap()
        .to_rgb8();
    photo(
        rgb.width(),
        rgb.height(),
        Layout::Rgb,
        Samples::U8(rgb.into_raw()),
    )
}

/// The photo at half its size, by means of 2 x 2 pixels.
pub(super) fn halved(photo_: &Photo) -> Photo {
    let (width, height) = (photo_.width() as usize, photo_.height() as usize);
    let rgb = samples(photo_);
    let mut half = Vec::new();
    for y in 0..height / 2 {
        for x in 0..width / 2 {
            for channel in 0..3 {
                let at = |dx, dy| u32::from(rgb[((2 * y + dy) * width + 2 * x + dx) * 3 + channel]);
                half.push(((at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1) + 2) / 4) as u8);
            }
        }
    }
    photo(
        photo_.width() / 2,
        photo_.height() / 2,
        Layout::Rgb,
        Samples::U8(half),
    )
}
