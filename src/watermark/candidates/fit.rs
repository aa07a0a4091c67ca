//! Least squares: similarities and projective maps from pairs of points.

use crate::watermark::homography::Homography;

/// A point of the original and where it is in the query.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) from: [f64; 2],
    pub(super) to: [f64; 2],
}

/// A turn by the angle of (a, b), a scaling by its length, and a shift: `x' = a x - b y + c`, `y' = b x + a y + d`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Similarity {
    pub(super) a: f64,
    pub(super) b: f64,
    pub(super) c: f64,
    pub(super) d: f64,
}

impl Similarity {
    /// The similarity that takes `from` to `to`, with a given turn in radians and scale.
    pub(super) fn through(pair: Pair, angle: f64, scale: f64) -> Self {
        let (sin, cos) = angle.sin_cos();
        let (a, b) = (scale * cos, scale * sin);
        let [x, y] = pair.from;
        Self {
            a,
            b,
            c: pair.to[0] - (a * x - b * y),
            d: pair.to[1] - (b * x + a * y),
        }
    }

    /// The best one in the sense of least squares; nothing if all points of the original are one.
    pub(super) fn fit(pairs: &[Pair]) -> Option<Self> {
        let count = pairs.len() as f64;
        let mean = |of: fn(&Pair) -> f64| pairs.iter().map(of).sum::<f64>() / count;
        let from = [mean(|p| p.from[0]), mean(|p| p.from[1])];
        let to = [mean(|p| p.to[0]), mean(|p| p.to[1])];
        let (mut along, mut across, mut spread) = (0.0, 0.0, 0.0);
        for pair in pairs {
            let (x, y) = (pair.from[0] - from[0], pair.from[1] - from[1]);
            let (u, v) = (pair.to[0] - to[0], pair.to[1] - to[1]);
            along += x * u + y * v;
            across += x * v - y * u;
            spread += x * x + y * y;
        }
        (spread > 1e-9).then(|| {
            let (a, b) = (along / spread, across / spread);
            Self {
                a,
                b,
                c: to[0] - (a * from[0] - b * from[1]),
                d: to[1] - (b * from[0] + a * from[1]),
            }
        })
    }

    /// Applies it.
    pub(super) fn apply(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [
            self.a * x - self.b * y + self.c,
            self.b * x + self.a * y + self.d,
        ]
    }

    /// Its scale.
    pub(super) fn scale(&self) -> f64 {
        self.a.hypot(self.b)
    }

    /// Its turn, radians.
    pub(super) fn angle(&self) -> f64 {
        self.b.atan2(self.a)
    }

    /// The same as a matrix.
    pub(super) fn homography(&self) -> Homography {
        Homography([
            [self.a, -self.b, self.c],
            [self.b, self.a, self.d],
            [0.0, 0.0, 1.0],
        ])
    }
}

/// Standard deviation of shear and of unequal scaling that a map is expected to have.
const SHEAR: f64 = 0.10;
/// Standard deviation of the perspective terms, per long side of the original.
const PERSPECTIVE: f64 = 0.10;
/// Rounds of reweighting.
const ROUNDS: usize = 4;

/// Improves a similarity to a projective map: `H = S (I + D)`, D by weighted least squares.
///
/// `noise` is the expected error of a point, in query units. The four directions of D that make it no similarity
/// any more are held back as by a Gaussian prior, so that a few pairs in a corner cannot bend the whole picture,
/// while many pairs can. Weights are those of a Cauchy distribution.
pub(super) fn projective(
    similarity: &Similarity,
    pairs: &[Pair],
    noise: f64,
) -> Option<Homography> {
    let start = similarity.homography();
    let back = start.inverse()?;
    let noise = noise / similarity.scale();
    let mut best = Homography::IDENTITY;
    for _ in 0..ROUNDS {
        let mut normal = Normal::new();
        // a - e and b + d are what no similarity has; g and h are the perspective.
        normal.add(
            &[1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0],
            0.0,
            1.0 / (SHEAR * SHEAR),
        );
        normal.add(
            &[0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
            0.0,
            1.0 / (SHEAR * SHEAR),
        );
        normal.add(
            &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0],
            0.0,
            1.0 / (PERSPECTIVE * PERSPECTIVE),
        );
        normal.add(
            &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
            0.0,
            1.0 / (PERSPECTIVE * PERSPECTIVE),
        );
        for pair in pairs {
            let [x, y] = pair.from;
            let (u, v) = back.apply(pair.to[0], pair.to[1])?;
            let w = best.0[2][0] * x + best.0[2][1] * y + 1.0;
            let (px, py) = best.apply(x, y)?;
            let error = (px - u).hypot(py - v) / noise;
            let weight = 1.0 / ((1.0 + error * error) * w * w * noise * noise);
            // u (1 + g x + h y) = x + a x + b y + c, and the same for v.
            normal.add(&[x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y], u - x, weight);
            normal.add(&[0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y], v - y, weight);
        }
        let [a, b, c, d, e, f, g, h] = normal.solve()?;
        best = Homography([[1.0 + a, b, c], [d, 1.0 + e, f], [g, h, 1.0]]);
    }
    Some(start.after(&best))
}

/// Normal equations of a weighted least-squares problem with eight unknowns.
struct Normal {
    /// Rows of the symmetric matrix, and the right side as the last column.
    rows: [[f64; 9]; 8],
}

impl Normal {
    fn new() -> Self {
        Self {
            rows: [[0.0; 9]; 8],
        }
    }

    /// Adds the equation `terms . unknowns = value`.
    fn add(&mut self, terms: &[f64; 8], value: f64, weight: f64) {
        for (row, &term) in self.rows.iter_mut().zip(terms) {
            for (entry, other) in row.iter_mut().zip(terms.iter().chain([&value])) {
                *entry += weight * term * other;
            }
        }
    }

    /// Solves by Gaussian elimination with pivots; nothing if the equations leave something open.
    fn solve(mut self) -> Option<[f64; 8]> {
        for column in 0..8 {
            let size = |row: usize| self.rows[row][column].abs();
            let pivot = (column..8).max_by(|&a, &b| size(a).total_cmp(&size(b)))?;
            self.rows.swap(column, pivot);
            let line = self.rows[column];
            if line[column].abs() <= 1e-12 {
                return None;
            }
            for (index, row) in self.rows.iter_mut().enumerate() {
                if index != column {
                    let factor = row[column] / line[column];
                    for (entry, pivot) in row.iter_mut().zip(&line) {
                        *entry -= factor * pivot;
                    }
                }
            }
        }
        Some(std::array::from_fn(|k| self.rows[k][8] / self.rows[k][k]))
    }
}
