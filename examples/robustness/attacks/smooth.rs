//! Blurs and sharpening.

use image::RgbImage;
use imageproc::filter::median_filter;

use super::Attack;

/// The blurring and sharpening attacks.
pub(super) fn attacks() -> Vec<Attack> {
    let mut attacks = Vec::new();
    for (sigma, severity) in [(1, 1), (2, 2), (3, 3)] {
        attacks.push(Attack::new(
            format!("blur_{sigma}"),
            "blur",
            severity,
            "gaussian sigma",
            move |i| gaussian(i, f64::from(sigma)),
        ));
    }
    for (size, severity) in [(3, 1), (5, 2)] {
        let run = move |i: &RgbImage| median_filter(i, size / 2, size / 2);
        attacks.push(Attack::new(
            format!("median_{size}"),
            "blur",
            severity,
            "",
            run,
        ));
    }
    let run = |i: &RgbImage| sharpen(i, 1.5);
    attacks.push(Attack::new("sharpen", "sharpen", 1, "unsharp mask", run));
    attacks
}

/// Blurs with a Gaussian, cut at three deviations; the border is mirrored about its pixels.
pub(crate) fn gaussian(picture: &RgbImage, sigma: f64) -> RgbImage {
    let reach = (3.0 * sigma).round() as i64;
    let mut kernel: Vec<f32> = (-reach..=reach)
        .map(|at| (-0.5 * (at as f64 / sigma).powi(2)).exp() as f32)
        .collect();
    let sum: f32 = kernel.iter().sum();
    for weight in &mut kernel {
        *weight /= sum;
    }
    let mirrored = |at: i64, length: u32| {
        let last = i64::from(length) - 1;
        let at = at.abs().min(2 * last - at.abs()).clamp(0, last);
        at as usize
    };
    let (width, height) = picture.dimensions();
    let stride = 3 * width as usize;
    let samples = picture.as_raw();
    let mut blurred = Vec::with_capacity(samples.len());
    let mut column = vec![0.0f32; stride];
    for y in 0..i64::from(height) {
        column.fill(0.0);
        for (row, weight) in (y - reach..).zip(&kernel) {
            let row = &samples[stride * mirrored(row, height)..][..stride];
            for (sum, sample) in column.iter_mut().zip(row) {
                *sum += weight * f32::from(*sample);
            }
        }
        for x in 0..i64::from(width) {
            let mut pixel = [0.0f32; 3];
            for (at, weight) in (x - reach..).zip(&kernel) {
                let at = 3 * mirrored(at, width);
                for (sum, sample) in pixel.iter_mut().zip(&column[at..at + 3]) {
                    *sum += weight * sample;
                }
            }
            blurred.extend(pixel.map(|sum| sum.round() as u8));
        }
    }
    RgbImage::from_raw(width, height, blurred).unwrap()
}

/// Unsharp mask of radius 2: adds `amount` of what a blur takes away, where that is more than two
/// levels.
pub(super) fn sharpen(picture: &RgbImage, amount: f32) -> RgbImage {
    let mut sharp = gaussian(picture, 2.0);
    for (sharp, &sample) in sharp.iter_mut().zip(picture.iter()) {
        let detail = i16::from(sample) - i16::from(*sharp);
        *sharp = if detail.abs() > 2 {
            (f32::from(sample) + f32::from(detail) * amount) as u8
        } else {
            sample
        };
    }
    sharp
}
