//! Coarse luma, which the keyed sums, beginning at 12 cycles a picture, do not see.
//!
//! ```text
//! cell        2 x 2 tiles, 16 x 16 of the protected photo: mean luma, 0..=255
//! in a record round(mean) as u8, hidden by the key's level stream: 256 bytes
//! ```
//!
//! Measured on the *unmarked* picture; the mark has no such low frequencies. Nothing here takes
//! part in the decision on the mark. Together with the colour of the same cells ([`super::chroma`])
//! it is a picture of 16 x 16 pixels to whoever holds the record and the key.

use super::{
    chroma::{CELL_COUNT, CELLS},
    hidden::Hidden,
};
use crate::{
    imaging::Plane,
    watermark::{
        key::{Stream, WatermarkKey},
        layout::GRID,
    },
};

/// Mean luma of each cell, row-major.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::watermark) struct Levels(Vec<f32>);

/// Hidden levels, as a record keeps them.
pub(in crate::watermark) type HiddenLevels = Hidden<CELL_COUNT>;

impl Levels {
    /// Measures an upright luma grid, 256 x 256.
    pub(in crate::watermark) fn of(luma: &Plane) -> Self {
        const SIDE: usize = GRID / CELLS;
        let mean = |cell: usize| {
            let (x, y) = (cell % CELLS * SIDE, cell / CELLS * SIDE);
            let rows = (y..y + SIDE).map(|y| luma.row(y)[x..x + SIDE].iter().sum::<f32>());
            rows.sum::<f32>() / (SIDE * SIDE) as f32
        };
        Self((0..CELL_COUNT).map(mean).collect())
    }

    /// Returns the mean luma of each cell.
    pub(in crate::watermark) fn cells(&self) -> &[f32] {
        &self.0
    }

    /// Hides the levels for a record.
    pub(in crate::watermark) fn hide(&self, key: &WatermarkKey) -> HiddenLevels {
        let codes = self
            .0
            .iter()
            .map(|mean| mean.round().clamp(0.0, 255.0) as u8);
        Hidden::new(codes, key, Stream::Levels)
    }

    /// Uncovers the levels of a record. Another key gives noise.
    pub(in crate::watermark) fn uncover(hidden: &HiddenLevels, key: &WatermarkKey) -> Self {
        Self(
            hidden
                .uncover(key, Stream::Levels)
                .into_iter()
                .map(f32::from)
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watermark::tests::pictures::key;

    #[test]
    fn levels_are_means_and_come_back_for_their_key_alone() {
        let mut luma = Plane::new(GRID, GRID);
        for y in 0..GRID {
            for (x, sample) in luma.row_mut(y).iter_mut().enumerate() {
                *sample = (x / 16 * 10 + y / 16) as f32 + if x % 2 == 0 { 0.4 } else { -0.4 };
            }
        }
        let levels = Levels::of(&luma);
        assert!((levels.cells()[3 * CELLS + 7] - 73.0).abs() < 1e-3);
        let hidden = levels.hide(&key());
        let bytes = hidden.to_bytes();
        assert_eq!(bytes.len(), 256);
        let back = Levels::uncover(&HiddenLevels::from_bytes(bytes).unwrap(), &key());
        for (back, level) in back.cells().iter().zip(levels.cells()) {
            assert!((back - level).abs() <= 0.501);
        }
        let other = Levels::uncover(&hidden, &WatermarkKey::derive(&[7; 32], &[8; 16]));
        let same = other
            .cells()
            .iter()
            .zip(back.cells())
            .filter(|(a, b)| (*a - *b).abs() < 0.5);
        assert!(same.count() < 8);
        assert!(HiddenLevels::from_bytes(&bytes[1..]).is_err());
    }
}
