//! Projective maps of the plane, in normalised picture coordinates.
//!
//! ```text
//! (x, y, w)^T = H (u, v, 1)^T       the map takes (u, v) to (x / w, y / w)
//! ```
//!
//! A picture spans the unit square, whatever its size; pixel i of n lies at (i + 1/2) / n. Maps of
//! the engine take the protected photo (canonical) to the received picture. See Hartley and
//! Zisserman, "Multiple View Geometry in Computer Vision" (2003), 2.3.

use crate::imaging::Orientation;

/// A 3 x 3 matrix, row-major, known up to a factor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::watermark) struct Homography(pub(in crate::watermark) [[f64; 3]; 3]);

impl Homography {
    /// The map that leaves every point in place.
    pub(in crate::watermark) const IDENTITY: Self =
        Self([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);

    /// Returns the map that scales both axes about the origin.
    pub(in crate::watermark) fn scaling(x: f64, y: f64) -> Self {
        Self([[x, 0.0, 0.0], [0.0, y, 0.0], [0.0, 0.0, 1.0]])
    }

    /// Returns the map that moves every point by (x, y).
    pub(in crate::watermark) fn translation(x: f64, y: f64) -> Self {
        Self([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])
    }

    /// Returns the map from the square that `orientation` makes of a picture back to that picture.
    pub(in crate::watermark) fn of_orientation(orientation: Orientation) -> Self {
        let [x, y] = match orientation {
            Orientation::Upright => [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
            Orientation::MirrorH => [[-1.0, 0.0, 1.0], [0.0, 1.0, 0.0]],
            Orientation::Rotate180 => [[-1.0, 0.0, 1.0], [0.0, -1.0, 1.0]],
            Orientation::MirrorV => [[1.0, 0.0, 0.0], [0.0, -1.0, 1.0]],
            Orientation::Transpose => [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]],
            Orientation::Rotate90 => [[0.0, 1.0, 0.0], [-1.0, 0.0, 1.0]],
            Orientation::Transverse => [[0.0, -1.0, 1.0], [-1.0, 0.0, 1.0]],
            Orientation::Rotate270 => [[0.0, -1.0, 1.0], [1.0, 0.0, 0.0]],
        };
        Self([x, y, [0.0, 0.0, 1.0]])
    }

    /// Maps a point; `None` if it lies on or behind the horizon.
    pub(in crate::watermark) fn apply(&self, u: f64, v: f64) -> Option<(f64, f64)> {
        let [x, y, w] = self.0.map(|row| row[0] * u + row[1] * v + row[2]);
        (w > 1e-9).then(|| (x / w, y / w))
    }

    /// Returns the map that does `first` and then this one.
    #[must_use]
    pub(in crate::watermark) fn after(&self, first: &Self) -> Self {
        let product = |row: [f64; 3]| {
            std::array::from_fn(|column| (0..3).map(|k| row[k] * first.0[k][column]).sum())
        };
        Self(self.0.map(product)).normalised()
    }

    /// Returns the inverse map; `None` for a map that flattens the plane.
    pub(in crate::watermark) fn inverse(&self) -> Option<Self> {
        let m = &self.0;
        let determinant = self.determinant();
        if !determinant.is_finite() || determinant.abs() < 1e-12 {
            return None;
        }
        let cofactor = |row: usize, column: usize| {
            let (r, s) = ((row + 1) % 3, (row + 2) % 3);
            let (c, d) = ((column + 1) % 3, (column + 2) % 3);
            m[r][c] * m[s][d] - m[r][d] * m[s][c]
        };
        let inverse = std::array::from_fn(|row| {
            std::array::from_fn(|column| cofactor(column, row) / determinant)
        });
        Some(Self(inverse).normalised())
    }

    /// Returns the determinant of the matrix, without normalising it.
    pub(in crate::watermark) fn determinant(&self) -> f64 {
        let [a, b, c] = self.0;
        a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0])
            + a[2] * (b[0] * c[1] - b[1] * c[0])
    }

    /// Returns the affine approximation at (u, v): `[[dx/du, dx/dv], [dy/du, dy/dv]]`.
    pub(in crate::watermark) fn jacobian(&self, u: f64, v: f64) -> Option<[[f64; 2]; 2]> {
        let (x, y) = self.apply(u, v)?;
        let m = &self.0;
        let w = m[2][0] * u + m[2][1] * v + m[2][2];
        let row = |k: usize, at: f64| [(m[k][0] - at * m[2][0]) / w, (m[k][1] - at * m[2][1]) / w];
        Some([row(0, x), row(1, y)])
    }

    /// Returns the same map with a last entry of 1, where that is possible.
    fn normalised(self) -> Self {
        let last = self.0[2][2];
        if last.abs() < 1e-12 {
            return self;
        }
        Self(self.0.map(|row| row.map(|entry| entry / last)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::Plane;

    const EXAMPLE: Homography =
        Homography([[0.9, -0.2, 0.1], [0.15, 1.1, -0.05], [0.08, -0.03, 1.0]]);

    fn close(a: (f64, f64), b: (f64, f64)) -> bool {
        (a.0 - b.0).abs() < 1e-9 && (a.1 - b.1).abs() < 1e-9
    }

    #[test]
    fn a_map_and_its_inverse_undo_each_other() {
        let back = EXAMPLE.inverse().unwrap();
        for (u, v) in [(0.0, 0.0), (1.0, 0.0), (0.3, 0.8)] {
            let (x, y) = EXAMPLE.apply(u, v).unwrap();
            assert!(close(back.apply(x, y).unwrap(), (u, v)));
        }
        assert!(
            Homography([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 1.0]])
                .inverse()
                .is_none()
        );
    }

    #[test]
    fn after_applies_the_first_map_first() {
        let both = EXAMPLE.after(&Homography::translation(0.25, 0.5));
        assert!(close(
            both.apply(0.1, 0.2).unwrap(),
            EXAMPLE.apply(0.35, 0.7).unwrap()
        ));
    }

    #[test]
    fn the_jacobian_is_the_slope() {
        let (at, step) = ((0.4, 0.6), 1e-6);
        let jacobian = EXAMPLE.jacobian(at.0, at.1).unwrap();
        let here = EXAMPLE.apply(at.0, at.1).unwrap();
        for (column, (du, dv)) in [(step, 0.0), (0.0, step)].into_iter().enumerate() {
            let there = EXAMPLE.apply(at.0 + du, at.1 + dv).unwrap();
            assert!(((there.0 - here.0) / step - jacobian[0][column]).abs() < 1e-4);
            assert!(((there.1 - here.1) / step - jacobian[1][column]).abs() < 1e-4);
        }
    }

    #[test]
    fn orientations_lead_back_as_they_turn_planes() {
        let stored = Plane::from_vec(3, 2, (0_u8..6).map(f32::from).collect()).unwrap();
        for orientation in Orientation::ALL {
            let turned = orientation.apply(&stored);
            let back = Homography::of_orientation(orientation);
            for y in 0..turned.height() {
                for x in 0..turned.width() {
                    let unit = |i: usize, n: usize| (i as f64 + 0.5) / n as f64;
                    let (u, v) = (unit(x, turned.width()), unit(y, turned.height()));
                    let (from_x, from_y) = back.apply(u, v).unwrap();
                    let (column, row) = ((from_x * 3.0) as usize, (from_y * 2.0) as usize);
                    assert_eq!(
                        turned.row(y)[x].to_bits(),
                        stored.row(row)[column].to_bits(),
                        "{orientation:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn points_behind_the_horizon_have_no_image() {
        let tilted = Homography([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-2.0, 0.0, 1.0]]);
        assert!(tilted.apply(0.5, 0.5).is_none() && tilted.apply(0.4, 0.5).is_some());
    }
}
