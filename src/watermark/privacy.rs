//! How much a record keeps of the picture.
//!
//! ```text
//! profile   version   sums of a band   expected mark   sections
//! full      1         32 x 32          32 x 32         key points, colour, ...
//! strict    2         16 x 16          4 x 4           none
//! ```

use super::layout::{TILES, Tiling};

/// Parts along a side for which a strict record keeps the expected mark. A finer mark is a picture of the texture.
const STRICT_MARK_SIDE: usize = 4;

/// How much a record may show to someone who holds it and the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Privacy {
    /// Coarse shapes: in return crops, turns and altered regions are found best.
    #[default]
    Full,
    /// Nothing that can be recognised; the mark is read with half the z.
    Strict,
}

impl Privacy {
    /// How finely its records sum.
    pub(super) fn tiling(self) -> Tiling {
        match self {
            Self::Full => Tiling::Fine,
            Self::Strict => Tiling::Coarse,
        }
    }

    /// Version byte of its records.
    pub(super) fn version(self) -> u8 {
        match self {
            Self::Full => 1,
            Self::Strict => 2,
        }
    }

    /// Parts along a side for which its records keep the expected mark.
    pub(super) fn mark_side(self) -> usize {
        match self {
            Self::Full => TILES,
            Self::Strict => STRICT_MARK_SIDE,
        }
    }
}
