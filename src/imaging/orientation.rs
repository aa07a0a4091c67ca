//! The turn of a stored picture for display: EXIF tag 0x0112.
//!
//! The eight values are the symmetries of the square. Pixels are never turned: the tag is kept, and
//! the small pictures that the watermark is read from are turned instead ([`Orientation::apply`]).

use super::plane::Plane;

/// Map from the stored picture to the upright one; EXIF values 1 to 8, in that order.
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

    /// Returns the orientation of an EXIF value, or `None` outside 1 to 8.
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

    /// Returns whether the upright picture is as wide as the stored one is high.
    pub fn swaps_sides(self) -> bool {
        self.exif() >= 5
    }

    /// Returns the map from upright back to stored.
    #[must_use]
    pub fn inverse(self) -> Self {
        match self {
            Self::Rotate90 => Self::Rotate270,
            Self::Rotate270 => Self::Rotate90,
            mirror_or_half_turn => mirror_or_half_turn,
        }
    }

    /// Turns a stored picture upright.
    #[must_use]
    pub fn apply(self, stored: &Plane) -> Plane {
        if self == Self::Upright {
            return stored.clone();
        }
        let (right, bottom) = (
            stored.width().saturating_sub(1),
            stored.height().saturating_sub(1),
        );
        let mut upright = if self.swaps_sides() {
            Plane::new(stored.height(), stored.width())
        } else {
            Plane::new(stored.width(), stored.height())
        };
        for y in 0..upright.height() {
            for (x, sample) in upright.row_mut(y).iter_mut().enumerate() {
                let (from_x, from_y) = match self {
                    Self::Upright => (x, y),
                    Self::MirrorH => (right - x, y),
                    Self::Rotate180 => (right - x, bottom - y),
                    Self::MirrorV => (x, bottom - y),
                    Self::Transpose => (y, x),
                    Self::Rotate90 => (y, bottom - x),
                    Self::Transverse => (right - y, bottom - x),
                    Self::Rotate270 => (right - y, x),
                };
                *sample = stored.row(from_y)[from_x];
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
            let upright = orientation.apply(&stored);
            assert_eq!(upright.data(), expected, "{orientation:?}");
            assert_eq!(orientation.inverse().apply(&upright), stored);
        }
    }

    #[test]
    fn sides_are_swapped_with_the_axes() {
        let stored = Plane::from_vec(3, 2, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        let upright = Orientation::Rotate90.apply(&stored);
        assert_eq!((upright.width(), upright.height()), (2, 3));
        assert_eq!(upright.data(), [4.0, 1.0, 5.0, 2.0, 6.0, 3.0]);
        for orientation in Orientation::ALL {
            assert_eq!(
                orientation.inverse().apply(&orientation.apply(&stored)),
                stored
            );
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
