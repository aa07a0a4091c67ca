//! Bytes about the picture that a record keeps hidden by the key.
//!
//! ```text
//! kept byte = code + byte of the key's stream, modulo 256
//! ```
//!
//! To everybody without the key they are noise: a one-time pad, since each stream belongs to one
//! key and one use.

use rand_chacha::rand_core::Rng;

use crate::watermark::{
    error::WatermarkError,
    key::{Stream, WatermarkKey},
};

/// `N` hidden codes, as a record keeps them.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::watermark) struct Hidden<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Hidden<N> {
    /// Hides codes under one stream of a key; missing ones count as 0.
    pub(in crate::watermark) fn new(
        codes: impl Iterator<Item = u8>,
        key: &WatermarkKey,
        stream: Stream,
    ) -> Self {
        let mut bytes = Box::new([0; N]);
        key.stream(stream).fill_bytes(&mut *bytes);
        for (byte, code) in bytes.iter_mut().zip(codes) {
            *byte = byte.wrapping_add(code);
        }
        Self(bytes)
    }

    /// Returns the codes. Another key gives noise.
    pub(in crate::watermark) fn uncover(&self, key: &WatermarkKey, stream: Stream) -> Vec<u8> {
        let mut codes = vec![0; N];
        key.stream(stream).fill_bytes(&mut codes);
        for (code, byte) in codes.iter_mut().zip(&*self.0) {
            *code = byte.wrapping_sub(*code);
        }
        codes
    }

    /// Returns the bytes of the record's section.
    pub(in crate::watermark) fn to_bytes(&self) -> &[u8] {
        &*self.0
    }

    /// Reads the section of a record.
    ///
    /// # Errors
    ///
    /// [`WatermarkError::InvalidRecord`] if it has another length.
    pub(in crate::watermark) fn from_bytes(bytes: &[u8]) -> Result<Self, WatermarkError> {
        Box::try_from(bytes.to_vec())
            .map(Self)
            .map_err(|_| WatermarkError::InvalidRecord("a hidden section of another length"))
    }
}
