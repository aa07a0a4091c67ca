//! Keypoints as a record keeps them: section 1, 37 bytes each, at most 400.
//!
//! ```text
//! bytes  field
//! 3      x, y: 12 bits each, round(4096 x - 1/2), x in the low bits; little-endian
//! 1      scale: round(16 log2(scale)) + 64
//! 1      angle: round(256 angle / 2 pi) modulo 256
//! 32     descriptor, four little-endian words
//! ```

use std::f64::consts::TAU;

use super::{Keypoint, MOST, descriptor::WORDS};
use crate::watermark::error::WatermarkError;

/// Bytes of a keypoint.
const BYTES: usize = 5 + 8 * WORDS;
/// Number of steps in a coordinate's range.
const STEPS: f64 = 4096.0;
/// Codes of the scale per octave.
const CODES_PER_OCTAVE: f64 = 16.0;
/// Code of a scale of 1.
const UNIT_CODE: f64 = 64.0;

pub(in crate::watermark) fn to_bytes(keypoints: &[Keypoint]) -> Vec<u8> {
    keypoints.iter().flat_map(write).collect()
}

/// Reads keypoints.
///
/// # Errors
///
/// [`WatermarkError::InvalidRecord`] if the length is not that of whole keypoints, or of too many.
pub(in crate::watermark) fn from_bytes(bytes: &[u8]) -> Result<Vec<Keypoint>, WatermarkError> {
    let (keypoints, rest) = bytes.as_chunks::<BYTES>();
    if !rest.is_empty() || keypoints.len() > MOST {
        return Err(WatermarkError::InvalidRecord("keypoints of a wrong length"));
    }
    Ok(keypoints.iter().map(read).collect())
}

/// Returns keypoints with the precision that they have in a record.
pub(in crate::watermark) fn as_kept(keypoints: &[Keypoint]) -> Vec<Keypoint> {
    let most = keypoints.len().min(MOST);
    keypoints[..most]
        .iter()
        .map(|keypoint| read(&write(keypoint)))
        .collect()
}

fn write(keypoint: &Keypoint) -> [u8; BYTES] {
    let coordinate = |at: f32| {
        (f64::from(at) * STEPS - 0.5)
            .round()
            .clamp(0.0, STEPS - 1.0) as u32
    };
    let [x0, x1, x2, _] = (coordinate(keypoint.x) | coordinate(keypoint.y) << 12).to_le_bytes();
    let scale = (CODES_PER_OCTAVE * f64::from(keypoint.scale).log2() + UNIT_CODE).round();
    let angle = (f64::from(keypoint.angle) / TAU * 256.0).round() as i32;
    let mut bytes = [0; BYTES];
    bytes[..5].copy_from_slice(&[
        x0,
        x1,
        x2,
        scale.clamp(0.0, 255.0) as u8,
        angle.rem_euclid(256) as u8,
    ]);
    for (bytes, word) in bytes[5..].chunks_exact_mut(8).zip(keypoint.descriptor) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

fn read(bytes: &[u8; BYTES]) -> Keypoint {
    let [x0, x1, x2, scale, angle, words @ ..] = bytes;
    let place = u32::from_le_bytes([*x0, *x1, *x2, 0]);
    let coordinate = |code: u32| ((f64::from(code) + 0.5) / STEPS) as f32;
    let mut descriptor = [0; WORDS];
    for (word, bytes) in descriptor.iter_mut().zip(words.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    Keypoint {
        x: coordinate(place & 0xFFF),
        y: coordinate(place >> 12),
        angle: (f64::from(angle.cast_signed()) * TAU / 256.0) as f32,
        scale: ((f64::from(*scale) - UNIT_CODE) / CODES_PER_OCTAVE).exp2() as f32,
        descriptor,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn example(x: f32, y: f32, angle: f32, scale: f32) -> Keypoint {
        Keypoint {
            x,
            y,
            angle,
            scale,
            descriptor: [1, u64::MAX, 3 << 40, 0x8000_0000_0000_0001],
        }
    }

    #[test]
    fn a_keypoint_is_kept_to_the_steps_of_its_fields() {
        for (x, y, angle, scale) in [
            (0.0, 1.0, -3.1, 1.0),
            (0.123, 0.987, 0.7, 1.2),
            (0.5, 0.25, 3.1, 9.3),
        ] {
            let keypoint = example(x, y, angle, scale);
            let [kept] = &as_kept(std::slice::from_ref(&keypoint))[..] else {
                panic!("one in, one out");
            };
            assert!((kept.x - x).abs() <= 0.000_13 && (kept.y - y).abs() <= 0.000_13);
            let turn = f64::from(kept.angle - angle).rem_euclid(TAU);
            assert!(turn.min(TAU - turn) <= TAU / 512.0 + 1e-6, "{turn}");
            assert!((kept.scale / scale).log2().abs() <= 1.0 / 32.0 + 1e-5);
            assert_eq!(kept.descriptor, keypoint.descriptor);
        }
    }

    #[test]
    fn torn_and_overlong_sections_are_refused() {
        assert!(from_bytes(&[0; 2 * BYTES]).is_ok());
        assert!(from_bytes(&[0; 2 * BYTES - 1]).is_err());
        assert!(from_bytes(&vec![0; (MOST + 1) * BYTES]).is_err());
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_back(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..10 * BYTES)) {
            let whole = &bytes[..bytes.len() / BYTES * BYTES];
            let keypoints = from_bytes(whole).unwrap();
            prop_assert_eq!(to_bytes(&keypoints), whole);
            prop_assert_eq!(as_kept(&keypoints), keypoints);
        }
    }
}
