//! Updates of a warp: its degrees of freedom, and the least squares problem of moving it.
//!
//! ```text
//! shift of a place   (dx, dy) = sum over parameters of  p_k field_k(u, v)          samples of the grid
//! zoom               place and size, 3 parameters
//! affine, projective H (C (I + sum p_k E_k) C^-1),  E_k: a single 1;  C: shift to the centre
//! shifts             the knots of the field of the warp, 2 parameters each
//! equations          minimise  sum v_i (e_i + slope_i . (dx, dy)_i)^2              normal equations, Cholesky
//! ```

use super::{
    homography::Homography,
    warp::{KNOTS, ShiftField, Warp, spline},
};
use crate::watermark::layout::GRID;

/// Damping of the shifts: where no content holds a knot, it does not move.
const STIFFNESS: f64 = 0.05;

/// Parameters of a warp that may move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::watermark) enum Freedom {
    /// Place and size, three numbers: as much as a few tiles determine.
    Zoom,
    /// The six numbers of an affine map.
    Affine,
    /// The eight numbers of a projective map.
    Projective,
    /// The knots of the field of shifts.
    Shifts,
}

/// One parameter's field at a tile's centre: its index, and the shift in samples that a unit of it
/// gives.
pub(in crate::watermark) type Field = (usize, f64, f64);

impl Freedom {
    /// Returns the number of parameters.
    pub(in crate::watermark) fn count(self) -> usize {
        match self {
            Self::Zoom => 3,
            Self::Affine => 6,
            Self::Projective => 8,
            Self::Shifts => 2 * KNOTS * KNOTS,
        }
    }

    /// Returns the fields of the parameters that move a place (u, v), in fractions of the sides.
    pub(in crate::watermark) fn fields(self, (u, v): (f64, f64)) -> Vec<Field> {
        let unit = GRID as f64;
        if self == Self::Shifts {
            let (column, across) = spline(u);
            let (row, down) = spline(v);
            return (0..16)
                .flat_map(|index| {
                    let (i, j) = (index / 4, index % 4);
                    let knot = (row + i) * KNOTS + column + j;
                    let weight = unit * down[i] * across[j];
                    [(2 * knot, weight, 0.0), (2 * knot + 1, 0.0, weight)]
                })
                .collect();
        }
        if self == Self::Zoom {
            return vec![
                (0, unit * (u - 0.5), unit * (v - 0.5)),
                (1, unit, 0.0),
                (2, 0.0, unit),
            ];
        }
        // (I + sum p_k E_k) about the centre, E_k having a single 1, in the order of the matrix.
        let (x, y) = (u - 0.5, v - 0.5);
        let all = [
            (0, unit * x, 0.0),
            (1, unit * y, 0.0),
            (2, unit, 0.0),
            (3, 0.0, unit * x),
            (4, 0.0, unit * y),
            (5, 0.0, unit),
            (6, -unit * x * x, -unit * x * y),
            (7, -unit * x * y, -unit * y * y),
        ];
        all[..self.count()].to_vec()
    }
}

impl Warp {
    /// Returns the warp after a step of parameters.
    pub(in crate::watermark) fn moved(&self, step: &[f64], freedom: Freedom) -> Self {
        if freedom == Freedom::Shifts {
            let pairs = step.chunks_exact(2).map(|pair| (pair[0], pair[1]));
            let shifts = self.shifts.as_ref().unwrap_or(&ShiftField::NONE);
            return Self {
                map: self.map,
                shifts: Some(shifts.plus(pairs)),
            };
        }
        let mut change = Homography::IDENTITY;
        if let [zoom, x, y] = *step {
            change = Homography([[1.0 + zoom, 0.0, x], [0.0, 1.0 + zoom, y], [0.0, 0.0, 1.0]]);
        } else {
            for (index, value) in step.iter().enumerate() {
                change.0[index / 3][index % 3] += value;
            }
        }
        let about_centre = Homography::translation(0.5, 0.5)
            .after(&change)
            .after(&Homography::translation(-0.5, -0.5));
        Self {
            map: self.map.after(&about_centre),
            shifts: self.shifts.clone(),
        }
    }
}

/// A weighted linear least squares problem, as its normal equations.
pub(in crate::watermark) struct Equations {
    freedom: Freedom,
    count: usize,
    /// The lower triangle of J^T V J, row-major.
    matrix: Vec<f64>,
    /// The right-hand side, -J^T V e.
    right: Vec<f64>,
}

impl Equations {
    pub(in crate::watermark) fn new(freedom: Freedom) -> Self {
        let count = freedom.count();
        Self {
            freedom,
            count,
            matrix: vec![0.0; count * count],
            right: vec![0.0; count],
        }
    }

    /// Adds one equation: `error + sum p_k (slope_x field_x + slope_y field_y)` is to vanish.
    pub(in crate::watermark) fn add(
        &mut self,
        error: f64,
        slopes: (f64, f64),
        fields: &[Field],
        weight: f64,
    ) {
        let slope = |&(index, x, y): &Field| (index, slopes.0 * x + slopes.1 * y);
        // Fields come in ascending order of index: the lower triangle suffices.
        for (position, (row, a)) in fields.iter().map(slope).enumerate() {
            self.right[row] -= weight * error * a;
            let matrix = &mut self.matrix[row * self.count..];
            for (column, b) in fields[..=position].iter().map(slope) {
                matrix[column] += weight * a * b;
            }
        }
    }

    /// Solves with a damped diagonal (Cholesky); `None` if the equations are singular all the same.
    pub(in crate::watermark) fn solve(&self, damping: f64) -> Option<Vec<f64>> {
        let n = self.count;
        let stiffness = if self.freedom == Freedom::Shifts {
            let mean = (0..n).map(|k| self.matrix[k * n + k]).sum::<f64>() / n as f64;
            STIFFNESS * mean
        } else {
            0.0
        };
        let mut lower = self.matrix.clone();
        for k in 0..n {
            lower[k * n + k] += damping * lower[k * n + k] + stiffness + 1e-9;
        }
        for row in 0..n {
            for column in 0..=row {
                let product: f64 = (0..column)
                    .map(|k| lower[row * n + k] * lower[column * n + k])
                    .sum();
                let rest = lower[row * n + column] - product;
                lower[row * n + column] = if row == column {
                    if rest <= 0.0 {
                        return None;
                    }
                    rest.sqrt()
                } else {
                    rest / lower[column * n + column]
                };
            }
        }
        let mut x = self.right.clone();
        for row in 0..n {
            let known: f64 = (0..row).map(|k| lower[row * n + k] * x[k]).sum();
            x[row] = (x[row] - known) / lower[row * n + row];
        }
        for row in (0..n).rev() {
            let known: f64 = (row + 1..n).map(|k| lower[k * n + row] * x[k]).sum();
            x[row] = (x[row] - known) / lower[row * n + row];
        }
        x.iter().all(|value| value.is_finite()).then_some(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Freedom; 4] = [
        Freedom::Zoom,
        Freedom::Affine,
        Freedom::Projective,
        Freedom::Shifts,
    ];

    #[test]
    fn a_small_step_moves_places_as_its_fields_say() {
        let step = 1e-4;
        for freedom in ALL {
            for parameter in 0..freedom.count() {
                let mut steps = vec![0.0; freedom.count()];
                steps[parameter] = step;
                let moved = Warp::of(Homography::IDENTITY).moved(&steps, freedom);
                for at in [0.1_f64, 0.4, 0.9] {
                    let (u, v) = moved.shifted_row(0.7, 10)[(at * 10.0) as usize];
                    let (x, y) = moved.map.apply(u, v).unwrap();
                    let start = (at * 10.0).floor() / 10.0;
                    let (mut dx, mut dy) = (0.0, 0.0);
                    for (index, field_x, field_y) in freedom.fields((start, 0.7)) {
                        dx += steps[index] * field_x;
                        dy += steps[index] * field_y;
                    }
                    let scale = GRID as f64;
                    assert!(
                        ((x - start) * scale - dx).abs() < 1e-4,
                        "{freedom:?} {parameter}"
                    );
                    assert!(
                        ((y - 0.7) * scale - dy).abs() < 1e-4,
                        "{freedom:?} {parameter}"
                    );
                }
            }
        }
    }

    /// The parameters that are found when all tiles moved as these parameters say.
    fn found(freedom: Freedom, parameters: &[f64]) -> Vec<f64> {
        let mut equations = Equations::new(freedom);
        for place in 0..32 * 32 {
            let at = |i: usize| (i as f64 + 0.5) / 32.0;
            let fields = freedom.fields((at(place % 32), at(place / 32)));
            let shift = fields.iter().fold((0.0, 0.0), |(x, y), &(k, dx, dy)| {
                (x + parameters[k] * dx, y + parameters[k] * dy)
            });
            equations.add(-shift.0, (1.0, 0.0), &fields, 0.5);
            equations.add(-shift.1, (0.0, 1.0), &fields, 0.5);
        }
        equations.solve(0.0).unwrap()
    }

    #[test]
    fn the_parameters_of_a_map_are_found_from_its_shifts() {
        for freedom in [Freedom::Zoom, Freedom::Affine, Freedom::Projective] {
            let parameters: Vec<f64> = (0..freedom.count())
                .map(|k| 0.01 * ((k * 7 % 5) as f64 - 2.0))
                .collect();
            for (found, parameter) in found(freedom, &parameters).iter().zip(&parameters) {
                assert!(
                    (found - parameter).abs() < 1e-6,
                    "{freedom:?} {found} {parameter}"
                );
            }
        }
    }

    #[test]
    fn knots_follow_a_common_shift_and_are_held_back_a_little() {
        let count = Freedom::Shifts.count();
        let common: Vec<f64> = (0..count).map(|k| [0.02, -0.01][k % 2]).collect();
        let found = found(Freedom::Shifts, &common);
        let middle = KNOTS / 2 * KNOTS + KNOTS / 2;
        assert!((0.018..0.02).contains(&found[2 * middle]), "{found:?}");
        assert!(
            (-0.01..-0.009).contains(&found[2 * middle + 1]),
            "{found:?}"
        );
    }

    #[test]
    fn equations_that_say_nothing_move_nothing() {
        for freedom in ALL {
            let still = Equations::new(freedom).solve(1.0).unwrap();
            assert!(still.iter().all(|&p| p.abs() < 1e-12), "{freedom:?}");
        }
    }
}
