//! How a stored picture is turned before it is shown: EXIF tag 0x0112.
//!
//! The eight values are the symmetries of the square. Pixels are never turned: the tag is kept, and
//! the square grid of the watermark is turned instead ([`Orientation::apply_square`]).

use super::Plane;

/// The way from the stored picture to the upright one; EXIF values 1 to 8, in that order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Orientation {
    /// 1: shown as stored.
    #[default]
    Upright,
    /// 2: mirrored left to right.
    MirrorH,
    /// 3: turned by half.
    Rotate180,
    /// 4: mirrored top to bottom.
    MirrorV,
    /// 5: mirrored about the main diagonal (top left to bottom right).
    Transpose,
    /// 6: turned clockwise by a quarter.
    Rotate90,
    /// 7: mirrored about the other diagonal.
    Transverse,
    /// 8: turned anticlockwise by a quarter.
    Rotate270,
}

impl Orientation {
    /// All orientations, EXIF 1 to 8.
    pub const ALL: [Self; 8] = [
        Self::Upright,
        Self::MirrorH,
        Self::Rotate180,
        Self::MirrorV,
        Self::Transpose,
        Self::Rotate90,
        Self::Transverse,
        Self::Rotate270,
    ];

    /// Returns the orientation of an EXIF value, or nothing outside of 1 to 8.
    pub fn from_exif(value: u16) -> Option<Self> {
        let index = usize::from(value).checked_sub(1)?;
        Self::ALL.get(index).copied()
    }

    /// Returns the EXIF value, 1 to 8.
    pub fn exif(self) -> u16 {
        match self {
            Self::Upright => 1,
            Self::MirrorH => 2,
            Self::Rotate180 => 3,
            Self::MirrorV => 4,
            Self::Transpose => 5,
            Self::Rotate90 => 6,
            Self::Transverse => 7,
            Self::Rotate270 => 8,
        }
    }

    /// Tells whether the upright picture is as wide as the stored one is high.
    pub fn swaps_sides(self) -> bool {
        self.exif() >= 5
    }

    /// Returns the way back, from upright to stored.
    #[must_use]
    pub fn inverse(self) -> Self {
        match self {
            Self::Rotate90 => Self::Rotate270,
            Self::Rotate270 => Self::Rotate90,
            mirror_or_half_turn => mirror_or_half_turn,
        }
    }

    /// Turns a stored square upright. `plane` must be square; any other shape is returned as it is.
    #[must_use]
    pub fn apply_square(self, plane: &Plane) -> Plane {
        let side = plane.width();
        if side != plane.height() || self == Self::Upright {
            return plane.clone();
        }
        let last = side.saturating_sub(1);
        let mut upright = Plane::new(side, side);
        for y in 0..side {
            for (x, sample) in upright.row_mut(y).iter_mut().enumerate() {
                let (from_x, from_y) = match self {
                    Self::Upright => (x, y),
                    Self::MirrorH => (last - x, y),
                    Self::Rotate180 => (last - x, last - y),
                    Self::MirrorV => (x, last - y),
                    Self::Transpose => (y, x),
                    Self::Rotate90 => (y, last - x),
                    Self::Transverse => (last - y, last - x),
                    Self::Rotate270 => (last - y, x),
                };
                *sample = plane.row(from_y)[from_x];
            }
        }
        upright
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stored rows "ab / cd" as numbers.
    const STORED: [f32; 4] = [1.0, 2.0, 3.0, 4.0];

    #[test]
    fn each_value_turns_as_the_exif_standard_draws_it() {
        let expected: [[f32; 4]; 8] = [
            [1.0, 2.0, 3.0, 4.0],
            [2.0, 1.0, 4.0, 3.0],
            [4.0, 3.0, 2.0, 1.0],
            [3.0, 4.0, 1.0, 2.0],
            [1.0, 3.0, 2.0, 4.0],
            [3.0, 1.0, 4.0, 2.0],
            [4.0, 2.0, 3.0, 1.0],
            [2.0, 4.0, 1.0, 3.0],
        ];
        let stored = Plane::from_vec(2, 2, STORED.to_vec()).unwrap();
        for (orientation, expected) in Orientation::ALL.into_iter().zip(expected) {
            let upright = orientation.apply_square(&stored);
            assert_eq!(upright.data(), expected, "{orientation:?}");
            assert_eq!(orientation.inverse().apply_square(&upright), stored);
        }
    }

    #[test]
    fn exif_values_round_trip() {
        for value in 1..=8 {
            assert_eq!(Orientation::from_exif(value).unwrap().exif(), value);
        }
        for value in [0, 9, u16::MAX] {
            assert_eq!(Orientation::from_exif(value), None);
        }
    }
}
