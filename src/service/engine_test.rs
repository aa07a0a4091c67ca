//! Protects one picture and verifies it, in memory: decode, mark, seal the record, encode, save
//! again as others would, open the record, detect, decide. What a check of a machine finds out, no
//! client has to.

use sha2::{Digest, Sha256};

use super::{
    Error, engine,
    verification::{Asked, Verification},
};
use crate::{
    auth::TenantSecret,
    domain::{
        ContentHash, PhotoId, Privacy,
        verdict::{Policy, Verdict},
    },
    imaging::{self, Limits, Plane},
    watermark::{self, ReceivedImage},
};

/// The JPEG quality at which the protected picture is saved again.
pub const QUALITY: u8 = 60;

/// The JPEG quality of the picture that is protected.
const SOURCE_QUALITY: u8 = 92;

/// Width and height of the pictures, in pixels.
const SIZE: (u16, u16) = (384, 288);

/// What became of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum EngineTest {
    /// Its copy is authentic, with this z, and another picture is not.
    Passed {
        /// The evidence for the mark in the copy.
        z: f64,
    },
    /// Its copy is not authentic.
    Missed(Verdict),
    /// Another picture is taken for it.
    Mistaken(Verdict),
}

/// Protects a picture under a new key, and verifies a copy of it and another picture.
///
/// # Errors
///
/// A step fails that fails for no client's picture like it.
pub fn run() -> Result<EngineTest, Error> {
    let (secret, photo) = (TenantSecret::random(), PhotoId::random());
    let key = engine::watermark_key(&secret, photo);
    let limits = Limits::default();
    let source = imaging::decode(&picture(0)?, &limits)?;
    let privacy = engine::privacy(Privacy::Full);
    let marked = watermark::embed_with_privacy(source, &key, privacy)?;
    let sha256 = ContentHash::from_digest(Sha256::digest(&marked.bytes).into());
    let sealed = engine::seal_record(&secret, photo, &marked.record, sha256)?;
    let record = engine::open_record(&secret, photo, &sealed)?;

    let verify = |file: &[u8]| -> Result<Verification, Error> {
        let received = imaging::decode(file, &limits)?;
        let detection = watermark::detect(&received, &record, &key);
        let asked = Asked {
            candidates: 1,
            exact_match: false,
            policy: Policy::Standard,
        };
        let received = ReceivedImage::new(&received);
        Ok(Verification::weigh(&received, &record, detection, asked))
    };
    let pixels = imaging::decode_gray_jpeg(&marked.bytes)?;
    let copy = verify(&imaging::encode_gray_jpeg(&pixels, QUALITY)?)?;
    if !copy.evidence.authentic() {
        return Ok(EngineTest::Missed(copy.evidence.verdict()));
    }
    let other = verify(&picture(1)?)?.evidence;
    if other.verdict() != Verdict::Unknown {
        return Ok(EngineTest::Mistaken(other.verdict()));
    }
    let z = copy.detection.map_or(0.0, |detection| detection.z);
    Ok(EngineTest::Passed { z })
}

/// A picture as JPEG: a sky that fades, a wall of bricks, and grain; other seeds give others.
fn picture(seed: u16) -> Result<Vec<u8>, Error> {
    let (width, height) = SIZE;
    let mut plane = Plane::new(width.into(), height.into());
    let mut grain = 12_345_u32.wrapping_add(seed.into());
    for y in 0..height {
        let row = plane.row_mut(y.into());
        for (x, sample) in (0..width).zip(row) {
            grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = f32::from(grain.to_be_bytes()[0] % 17);
            *sample = f32::from(luma(x, y, seed)) + noise;
        }
    }
    Ok(imaging::encode_gray_jpeg(&plane, SOURCE_QUALITY)?)
}

/// The luma of a pixel without its grain, 60 to 190.
fn luma(x: u16, y: u16, seed: u16) -> u16 {
    let is_sky = y < 80 + x / 8;
    let is_mortar = x % 48 < 4 || y % 32 < 4;
    match (is_sky, is_mortar) {
        (true, _) => 190 - y / 2,
        (_, true) => 170,
        _ => 60 + (x / 48 * 31 + y / 32 * 17 + seed * 29) % 70,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_passes_under_any_key() {
        let mut passed = 0;
        for _ in 0..5 {
            let found = run().unwrap();
            assert!(
                matches!(found, EngineTest::Passed { z } if z > 10.0),
                "{found:?}"
            );
            passed += 1;
        }
        println!("{passed} passed");
    }
}
