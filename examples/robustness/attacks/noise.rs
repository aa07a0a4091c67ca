//! Noise, from `ChaCha8` seeded with the attack's name.

use image::{Rgb, RgbImage};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use sha2::{Digest, Sha256};

use super::Attack;

/// The noise attacks.
pub(super) fn attacks() -> Vec<Attack> {
    let mut attacks = Vec::new();
    for (sigma, severity) in [(5, 1), (10, 2), (20, 3)] {
        let name = format!("noise_{sigma}");
        let seed = name.clone();
        attacks.push(Attack::new(
            name,
            "noise",
            severity,
            "gaussian sigma",
            move |i| gaussian_noise(i, f64::from(sigma), &seed),
        ));
    }
    attacks.push(Attack::new("salt_pepper_1", "noise", 2, "", |i| {
        salt_pepper(i, 0.01)
    }));
    attacks
}

/// A generator of an attack's own.
pub(crate) fn generator(name: &str) -> ChaCha8Rng {
    ChaCha8Rng::from_seed(Sha256::digest(name).into())
}

/// A number in 0..1.
pub(crate) fn uniform(generator: &mut ChaCha8Rng) -> f64 {
    f64::from(generator.next_u32()) / 4_294_967_296.0
}

/// Adds normal noise of a deviation to each sample (Box and Muller 1958).
pub(super) fn gaussian_noise(picture: &RgbImage, sigma: f64, name: &str) -> RgbImage {
    let mut generator = generator(name);
    let mut noisy = picture.clone();
    for pair in noisy.chunks_mut(2) {
        let radius = sigma * (-2.0 * (1.0 - uniform(&mut generator)).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * uniform(&mut generator)).sin_cos();
        for (sample, part) in pair.iter_mut().zip([cos, sin]) {
            *sample = (f64::from(*sample) + radius * part).round() as u8;
        }
    }
    noisy
}

/// Makes a share of the pixels black or white.
fn salt_pepper(picture: &RgbImage, share: f64) -> RgbImage {
    let mut generator = generator("salt_pepper_1");
    let mut spotted = picture.clone();
    for pixel in spotted.pixels_mut() {
        let drawn = uniform(&mut generator);
        if drawn < share / 2.0 {
            *pixel = Rgb([0; 3]);
        } else if drawn > 1.0 - share / 2.0 {
            *pixel = Rgb([255; 3]);
        }
    }
    spotted
}
