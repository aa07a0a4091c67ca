//! The position of the protected photo in a received picture: a projective map, and on top of it a
//! smooth field of shifts.
//!
//! ```text
//! (x, y)      = H (u + f(u))        u: canonical, (x, y): received, both in units of the picture's sides
//! f(u)        = sum over the 9 x 9 knots of  B(6 u - i) B(6 v - j) shift_ij
//! ```
//!
//! B is the uniform cubic B-spline (de Boor, "A Practical Guide to Splines", 1978) on six intervals
//! an axis. The map describes crops, scales, rotations and views; the field takes up what is left
//! of lenses and of paper that was not flat. Shifts are small, so maps compose as if they moved
//! nothing else.

use super::homography::Homography;

/// Intervals of the spline along an axis.
const INTERVALS: usize = 6;
/// Knots of the spline along an axis.
pub(in crate::watermark) const KNOTS: usize = INTERVALS + 3;

/// A position of the protected photo in a received picture.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::watermark) struct Warp {
    /// Map from canonical to received coordinates.
    pub(in crate::watermark) map: Homography,
    /// Shifts that remain after the map; `None` if they were not looked for.
    pub(in crate::watermark) shifts: Option<ShiftField>,
}

impl Warp {
    /// Returns the warp of a projective map alone.
    pub(in crate::watermark) fn of(map: Homography) -> Self {
        Self { map, shifts: None }
    }

    /// Returns the shifted canonical positions along the row v: `(u + du, v + dv)` at u = i /
    /// count, i = 0..=count.
    pub(in crate::watermark) fn shifted_row(&self, v: f64, count: usize) -> Vec<(f64, f64)> {
        let place = |i: usize| i as f64 / count as f64;
        let Some(shifts) = &self.shifts else {
            return (0..=count).map(|i| (place(i), v)).collect();
        };
        let knots = shifts.along(v);
        (0..=count)
            .map(|i| {
                let u = place(i);
                let (first, weights) = spline(u);
                let (mut du, mut dv) = (0.0, 0.0);
                for (weight, knot) in weights.iter().zip(&knots[first..]) {
                    du += weight * knot.0;
                    dv += weight * knot.1;
                }
                (u + du, v + dv)
            })
            .collect()
    }
}

/// Shifts of the canonical picture, as fractions of its sides.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::watermark) struct ShiftField {
    /// Shifts (du, dv) at the knots, row-major from the top left.
    knots: [[(f64, f64); KNOTS]; KNOTS],
}

impl ShiftField {
    /// The field without any shift.
    pub(in crate::watermark) const NONE: Self = Self {
        knots: [[(0.0, 0.0); KNOTS]; KNOTS],
    };

    /// Returns the field with `shifts` added at its knots, in row-major order.
    #[must_use]
    pub(in crate::watermark) fn plus(&self, shifts: impl Iterator<Item = (f64, f64)>) -> Self {
        let mut sum = self.clone();
        for (knot, (du, dv)) in sum.knots.iter_mut().flatten().zip(shifts) {
            knot.0 += du;
            knot.1 += dv;
        }
        sum
    }

    /// Evaluates the spline down to the row v, at each column of knots.
    fn along(&self, v: f64) -> [(f64, f64); KNOTS] {
        let (first, weights) = spline(v);
        std::array::from_fn(|column| {
            let rows = weights.iter().zip(&self.knots[first..]);
            rows.fold((0.0, 0.0), |(du, dv), (weight, row)| {
                (du + weight * row[column].0, dv + weight * row[column].1)
            })
        })
    }
}

/// Returns the first of the four knots that count at a place in 0..=1, and their weights.
pub(in crate::watermark) fn spline(at: f64) -> (usize, [f64; 4]) {
    let scaled = at.clamp(0.0, 1.0) * INTERVALS as f64;
    let first = (scaled as usize).min(INTERVALS - 1);
    let t = scaled - first as f64;
    let s = 1.0 - t;
    let weights = [
        s * s * s,
        (3.0 * t - 6.0) * t * t + 4.0,
        (3.0 * s - 6.0) * s * s + 4.0,
        t * t * t,
    ];
    (first, weights.map(|weight| weight / 6.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_shifts_of_all_knots_are_that_shift_everywhere() {
        let shifts = ShiftField::NONE.plus(std::iter::repeat_n((0.01, -0.02), KNOTS * KNOTS));
        let warp = Warp {
            map: Homography::IDENTITY,
            shifts: Some(shifts),
        };
        for v in [0.0, 0.3, 1.0] {
            for (i, (u, shifted)) in warp.shifted_row(v, 5).into_iter().enumerate() {
                assert!((u - i as f64 / 5.0 - 0.01).abs() < 1e-12);
                assert!((shifted - v + 0.02).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn the_spline_is_a_smooth_partition_of_unity() {
        for step in 0..=400 {
            let (first, weights) = spline(f64::from(step) / 400.0);
            assert!(first + 4 <= KNOTS);
            assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(weights.iter().all(|&weight| weight >= 0.0));
        }
        let (before, after) = (spline(0.5 - 1e-9), spline(0.5 + 1e-9));
        assert!((before.1[1] - after.1[0]).abs() < 1e-6 && after.0 == before.0 + 1);
    }
}
