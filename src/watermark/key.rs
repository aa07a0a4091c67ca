//! The secret of one photo, from which everything random in the engine is derived.
//!
//! ```text
//! photo key    = HKDF-SHA256(salt "wm-v1", key = tenant key, info = photo id || version)
//! stream key   = HKDF-SHA256-Expand(photo key, label)        one label per use
//! stream       = ChaCha20(stream key)
//! ```
//!
//! HKDF is RFC 5869. The generator is part of the format: golden vectors below pin its bytes.

use std::fmt;

use hkdf::Hkdf;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// HKDF salt: the domain of all watermark keys.
const SALT: &[u8] = b"wm-v1";

/// Version of the carrier (its order, spectrum and grid). A new carrier gets a new value, so that
/// the marks of two versions are independent.
const CARRIER_VERSION: u8 = 1;

/// Purpose of a random stream. Streams of one key are independent of each other.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stream {
    /// The signs of the carrier.
    Signs,
    /// The thresholds of stochastic rounding.
    Dither,
    /// The bytes that hide the chroma of a record.
    Chroma,
    /// The bytes that hide the levels of a record.
    Levels,
}

impl Stream {
    /// RFC 5869 `info || 0x01` of the first (and only) block of HKDF-Expand.
    fn info(self) -> &'static [u8] {
        match self {
            Self::Signs => b"signs\x01",
            Self::Dither => b"dither\x01",
            Self::Chroma => b"chroma\x01",
            Self::Levels => b"levels\x01",
        }
    }
}

/// The 32 secret bytes of one photo of one tenant.
///
/// They are wiped from memory on drop and never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct WatermarkKey([u8; 32]);

impl WatermarkKey {
    /// Derives the key of a photo from its tenant's key.
    ///
    /// `tenant_key` must be uniformly random; `photo_id` (a UUID's bytes) need only be unique.
    pub fn derive(tenant_key: &[u8; 32], photo_id: &[u8; 16]) -> Self {
        let extracted = Zeroizing::new(hmac(SALT, tenant_key));
        let mut info = [0; 18];
        info[..16].copy_from_slice(photo_id);
        info[16] = CARRIER_VERSION;
        info[17] = 1;
        Self(hmac(&*extracted, &info))
    }

    /// Starts one of the key's random streams.
    pub(super) fn stream(&self, stream: Stream) -> ChaCha20Rng {
        let seed = Zeroizing::new(hmac(&self.0, stream.info()));
        ChaCha20Rng::from_seed(*seed)
    }
}

impl fmt::Debug for WatermarkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WatermarkKey(..)")
    }
}

/// `HMAC(key, input)`: HKDF-Extract under a salt, and HKDF-Expand to exactly one hash length, whose
/// first block is `HMAC(key, info || 0x01)`. Written as the former it cannot fail on a length.
fn hmac(key: &[u8], input: &[u8]) -> [u8; 32] {
    Hkdf::<Sha256>::extract(Some(key), input).0.into()
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::Rng;

    use super::*;

    #[test]
    fn derivation_is_hkdf_of_rfc_5869() {
        let tenant_key: [u8; 32] = std::array::from_fn(|i| i as u8);
        let photo_id = [0xA5; 16];
        let mut info = photo_id.to_vec();
        info.push(CARRIER_VERSION);
        let mut expected = [0; 32];
        Hkdf::<Sha256>::new(Some(SALT), &tenant_key)
            .expand(&info, &mut expected)
            .unwrap();
        assert_eq!(WatermarkKey::derive(&tenant_key, &photo_id).0, expected);

        let mut seed = [0; 32];
        Hkdf::<Sha256>::from_prk(&expected)
            .unwrap()
            .expand(b"signs", &mut seed)
            .unwrap();
        let mut bytes = [0; 8];
        ChaCha20Rng::from_seed(seed).fill_bytes(&mut bytes);
        let mut stream_bytes = [0; 8];
        WatermarkKey(expected)
            .stream(Stream::Signs)
            .fill_bytes(&mut stream_bytes);
        assert_eq!(stream_bytes, bytes);
    }

    #[test]
    fn every_input_changes_the_key() {
        let key = WatermarkKey::derive(&[1; 32], &[2; 16]);
        assert_ne!(key.0, WatermarkKey::derive(&[3; 32], &[2; 16]).0);
        assert_ne!(key.0, WatermarkKey::derive(&[1; 32], &[4; 16]).0);
    }

    #[test]
    fn the_key_is_not_printed() {
        let key = WatermarkKey::derive(&[1; 32], &[2; 16]);
        assert_eq!(format!("{key:?}"), "WatermarkKey(..)");
    }

    #[test]
    fn the_streams_are_pinned() {
        let key = WatermarkKey::derive(&[7; 32], &[9; 16]);
        for (stream, expected) in [
            (Stream::Signs, [98, 227, 131, 252, 232, 155, 95, 183]),
            (Stream::Dither, [62, 52, 64, 99, 225, 125, 51, 48]),
        ] {
            let mut bytes = [0; 8];
            key.stream(stream).fill_bytes(&mut bytes);
            assert_eq!(bytes, expected, "{stream:?}");
        }
    }
}
