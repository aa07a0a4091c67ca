//! Privacy profiles: the detail that a record keeps of the picture.
//!
//! ```text
//! profile   version   sums of a band   expected mark   sections
//! full      1         32 x 32          32 x 32         key points, colour, ...
//! strict    2         16 x 16          4 x 4           none
//! ```

use super::layout::{TILES, Tiling};

/// Parts along a side for which a strict record keeps the expected mark. A finer mark would be a
/// picture of the texture.
const STRICT_MARK_SIDE: usize = 4;

/// Limit on what a record may show to someone who holds it and the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecordPrivacy {
    /// Coarse shapes may show: in return crops, rotations and altered regions are found best.
    #[default]
    Full,
    /// Nothing recognisable shows; the mark is read with half the z.
    Strict,
}

impl RecordPrivacy {
    /// Returns the resolution of the record's sums.
    pub(super) fn tiling(self) -> Tiling {
        match self {
            Self::Full => Tiling::Fine,
            Self::Strict => Tiling::Coarse,
        }
    }

    /// Returns the version byte of the record.
    pub(super) fn version(self) -> u8 {
        match self {
            Self::Full => 1,
            Self::Strict => 2,
        }
    }

    /// Returns the number of parts along a side for which the record keeps the expected mark.
    pub(super) fn mark_side(self) -> usize {
        match self {
            Self::Full => TILES,
            Self::Strict => STRICT_MARK_SIDE,
        }
    }
}
