//! How far apart two pictures are, for eyes and for numbers.

use image::{RgbImage, imageops, imageops::FilterType};
use ssimulacra2::{ColorPrimaries, Rgb, TransferCharacteristic, compute_frame_ssimulacra2};

/// Long side at which SSIMULACRA2 looks at large pictures, in pixels: a screen's.
const SCREEN_PX: u32 = 1600;

/// Peak signal-to-noise ratio in decibels, over all channels.
pub(crate) fn psnr(one: &RgbImage, other: &RgbImage) -> f64 {
    let squares = one.as_raw().iter().zip(other.as_raw());
    let sum: f64 = squares
        .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
        .sum();
    10.0 * (255.0_f64.powi(2) / (sum / one.as_raw().len() as f64)).log10()
}

/// Mean structural similarity of the luma, Gaussian window of 11 pixels and deviation 1.5 (Wang et
/// al. 2004).
pub(crate) fn ssim(one: &RgbImage, other: &RgbImage) -> f64 {
    let (width, height) = (one.width() as usize, one.height() as usize);
    let luma = |picture: &RgbImage| -> Vec<f32> {
        let weigh = |p: &image::Rgb<u8>| {
            0.299 * f32::from(p[0]) + 0.587 * f32::from(p[1]) + 0.114 * f32::from(p[2])
        };
        picture.pixels().map(weigh).collect()
    };
    let (x, y) = (luma(one), luma(other));
    let product =
        |a: &[f32], b: &[f32]| -> Vec<f32> { a.iter().zip(b).map(|(a, b)| a * b).collect() };
    let [mx, my, xx, yy, xy] = [
        x.clone(),
        y.clone(),
        product(&x, &x),
        product(&y, &y),
        product(&x, &y),
    ]
    .map(|plane| blur(&plane, width, height));
    let (c1, c2) = ((0.01_f32 * 255.0).powi(2), (0.03_f32 * 255.0).powi(2));
    let mut sum = 0.0;
    for i in 0..mx.len() {
        let (a, b) = (mx[i], my[i]);
        let (va, vb, cov) = (xx[i] - a * a, yy[i] - b * b, xy[i] - a * b);
        let similarity =
            (2.0 * a * b + c1) * (2.0 * cov + c2) / ((a * a + b * b + c1) * (va + vb + c2));
        sum += f64::from(similarity);
    }
    sum / mx.len() as f64
}

/// SSIMULACRA2 (Sneyers 2022): 90 is visually lossless, 100 is equal. Large pictures are looked at
/// as a screen shows them.
pub(crate) fn ssimulacra2(one: &RgbImage, other: &RgbImage) -> f64 {
    let frame = |picture: &RgbImage| {
        let long = picture.width().max(picture.height());
        let shown = if long > SCREEN_PX {
            let side =
                |side: u32| (u64::from(side) * u64::from(SCREEN_PX) / u64::from(long)) as u32;
            imageops::resize(
                picture,
                side(picture.width()),
                side(picture.height()),
                FilterType::Triangle,
            )
        } else {
            picture.clone()
        };
        let pixels = shown
            .pixels()
            .map(|p| p.0.map(|value| f32::from(value) / 255.0))
            .collect();
        let (width, height) = (shown.width() as usize, shown.height() as usize);
        let (transfer, primaries) = (TransferCharacteristic::SRGB, ColorPrimaries::BT709);
        Rgb::new(pixels, width, height, transfer, primaries).unwrap()
    };
    compute_frame_ssimulacra2(frame(one), frame(other)).unwrap()
}

/// Gaussian blur of deviation 1.5 over 11 samples each way; the border repeats.
fn blur(plane: &[f32], width: usize, height: usize) -> Vec<f32> {
    let mut taps: Vec<f32> = (-5..=5).map(|i| (-(i * i) as f32 / 4.5).exp()).collect();
    let sum: f32 = taps.iter().sum();
    for tap in &mut taps {
        *tap /= sum;
    }
    let pass = |source: &[f32], length: usize, step: usize, start: usize, out: &mut [f32]| {
        for i in 0..length {
            let tap = |(k, weight): (usize, &f32)| {
                let at = (i + k).saturating_sub(5).min(length - 1);
                weight * source[start + at * step]
            };
            out[start + i * step] = taps.iter().enumerate().map(tap).sum();
        }
    };
    let mut rows = vec![0.0; plane.len()];
    (0..height).for_each(|y| pass(plane, width, 1, y * width, &mut rows));
    let mut both = vec![0.0; plane.len()];
    (0..width).for_each(|x| pass(&rows, height, width, x, &mut both));
    both
}
