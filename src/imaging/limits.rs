//! Limits on the size of a file and of a picture.

use super::error::ImagingError;

/// Sizes beyond which [`super::decode`] refuses a file before it decodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest file, in bytes.
    pub max_bytes: usize,
    /// Largest picture, in pixels.
    pub max_pixels: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 25 * 1024 * 1024,
            max_pixels: 16_000_000,
        }
    }
}

impl Limits {
    /// Checks a header's size. Every format calls it before it allocates anything in proportion to
    /// it.
    pub(super) fn check_size(&self, width: u32, height: u32) -> Result<(), ImagingError> {
        let actual = u64::from(width) * u64::from(height);
        if actual == 0 {
            return Err(ImagingError::invalid("a side has length zero"));
        }
        if actual > self.max_pixels {
            return Err(ImagingError::TooManyPixels {
                max: self.max_pixels,
                actual,
            });
        }
        Ok(())
    }
}
