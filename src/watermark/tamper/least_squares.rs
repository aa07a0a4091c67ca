//! Weighted linear least squares with a quadratic penalty, by its normal equations.
//!
//! ```text
//! minimise  sum w_i (y_i - row_i . p)^2 + p^T P p - 2 q^T p          (R^T W R + P) p = R^T W y + q
//! ```

/// A least-squares problem of `N` unknowns, as its normal equations.
#[derive(Debug, Clone)]
pub(super) struct NormalEquations<const N: usize> {
    /// The lower triangle of `R^T W R + P`.
    matrix: [[f64; N]; N],
    /// The right-hand side `R^T W y + q`.
    right: [f64; N],
}

impl<const N: usize> NormalEquations<N> {
    /// Returns a problem without equations and penalties.
    pub(super) fn new() -> Self {
        Self {
            matrix: [[0.0; N]; N],
            right: [0.0; N],
        }
    }

    /// Draws unknown `at` towards a value, as strongly as an equation of that weight would.
    pub(super) fn draw(&mut self, at: usize, towards: f64, weight: f64) {
        self.matrix[at][at] += weight;
        self.right[at] += weight * towards;
    }

    /// Adds the equation `row . p = y`.
    pub(super) fn add(&mut self, row: &[f64; N], y: f64, weight: f64) {
        for (i, (line, right)) in self.matrix.iter_mut().zip(&mut self.right).enumerate() {
            let scaled = weight * row[i];
            if scaled != 0.0 {
                *right += scaled * y;
                for (entry, value) in line[..=i].iter_mut().zip(row) {
                    *entry += scaled * value;
                }
            }
        }
    }

    /// Solves by Cholesky factors; unknowns that nothing determines are 0.
    pub(super) fn solve(&self) -> [f64; N] {
        let mut lower = self.matrix;
        let mut p = self.right;
        for row in 0..N {
            for column in 0..=row {
                let product: f64 = (0..column).map(|k| lower[row][k] * lower[column][k]).sum();
                let rest = lower[row][column] - product;
                lower[row][column] = if row == column {
                    rest.max(0.0).sqrt()
                } else if lower[column][column] > 0.0 {
                    rest / lower[column][column]
                } else {
                    0.0
                };
            }
        }
        let divide = |value: f64, by: f64| if by > 0.0 { value / by } else { 0.0 };
        for row in 0..N {
            let known: f64 = (0..row).map(|k| lower[row][k] * p[k]).sum();
            p[row] = divide(p[row] - known, lower[row][row]);
        }
        for row in (0..N).rev() {
            let known: f64 = (row + 1..N).map(|k| lower[k][row] * p[k]).sum();
            p[row] = divide(p[row] - known, lower[row][row]);
        }
        p
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heavier_equations_win_and_penalties_draw() {
        let mut normal = NormalEquations::<2>::new();
        for (x, y, weight) in [
            (0.0, 1.0, 1.0),
            (1.0, 3.0, 1.0),
            (2.0, 5.0, 1.0),
            (2.0, 50.0, 0.0),
        ] {
            normal.add(&[1.0, x], y, weight);
        }
        let [constant, slope] = normal.solve();
        assert!((constant - 1.0).abs() < 1e-9 && (slope - 2.0).abs() < 1e-9);
        normal.draw(1, 0.0, 1e9);
        let [constant, slope] = normal.solve();
        assert!((constant - 3.0).abs() < 1e-6 && slope.abs() < 1e-6);
    }

    #[test]
    fn what_nothing_determines_is_zero() {
        let mut normal = NormalEquations::<3>::new();
        normal.add(&[1.0, 0.0, 0.0], 4.0, 1.0);
        let [first, rest @ ..] = normal.solve();
        assert!((first - 4.0).abs() < 1e-9 && rest.iter().all(|value| value.abs() < 1e-9));
    }
}
