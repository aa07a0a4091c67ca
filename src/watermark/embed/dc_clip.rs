//! The level of a flat JPEG block relative to the range of pixels.
//!
//! A decoder clips luma to 0..=255 block by block, before it converts to colours. A step that makes
//! a white block whiter, or a black one blacker, changes no pixel; it only costs bytes.

use crate::imaging::Component;

/// Luma of a flat block before it is rounded and clipped to 0..=255, and the change per quantiser
/// step of DC.
#[derive(Debug, Clone, Copy)]
pub(in crate::watermark) struct FlatLevel {
    luma: f32,
    per_step: f32,
}

impl FlatLevel {
    /// Returns the level of a block without AC.
    pub(in crate::watermark) fn of(component: &Component<'_>, block: &[i16; 64]) -> Self {
        // An eighth of the orthonormal DC is the mean.
        let per_step = f32::from(component.quant[0]) / 8.0;
        Self {
            luma: 128.0 + per_step * f32::from(block[0]),
            per_step,
        }
    }

    /// Returns whether `steps` quantiser steps of DC change no pixel because the block is at an end
    /// of the range.
    pub(in crate::watermark) fn hides(self, steps: f32) -> bool {
        let changed = self.luma + self.per_step * steps;
        self.luma.min(changed) >= 254.5 || self.luma.max(changed) < 0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_white_or_black_does_not_become_more_so() {
        let white = FlatLevel {
            luma: 254.75,
            per_step: 0.75,
        };
        assert!(white.hides(2.0));
        assert!(!white.hides(-1.0));
        let black = FlatLevel {
            luma: 0.25,
            per_step: 0.75,
        };
        assert!(black.hides(-1.0));
        assert!(!black.hides(1.0));
        let grey = FlatLevel {
            luma: 253.5,
            per_step: 0.75,
        };
        assert!(!grey.hides(2.0));
    }
}
