//! Denoisers, and the moire of a screen.

use image::RgbImage;

use super::{
    Attack,
    denoise::{bilateral, non_local_means, wavelet_denoise},
};

/// The denoising attacks.
pub(super) fn attacks() -> Vec<Attack> {
    vec![
        Attack::new("nlm_5", "denoise", 2, "non-local means", |i| {
            non_local_means(i, 5.0)
        }),
        Attack::new("wavelet_denoise", "denoise", 2, "", |i| {
            wavelet_denoise(i, 8.0)
        }),
        Attack::new("bilateral", "denoise", 2, "", bilateral),
    ]
}

/// Low sinusoids at slightly different pitches per channel, as a camera sees on a screen.
pub(super) fn moire(picture: &RgbImage, amplitude: f32) -> RgbImage {
    const PITCHES: [(f64, f64); 3] = [(0.31, 0.02), (0.305, 0.027), (0.315, 0.013)];
    let mut seen = picture.clone();
    for (x, y, pixel) in seen.enumerate_pixels_mut() {
        for (sample, pitch) in pixel.0.iter_mut().zip(PITCHES) {
            let turns = pitch.0 * f64::from(x) + pitch.1 * f64::from(y);
            let wave = (std::f64::consts::TAU * turns).sin() as f32;
            *sample = (f32::from(*sample) + amplitude * wave).round() as u8;
        }
    }
    seen
}
