//! Least squares fits of similarities and projective maps to pairs of points.

use crate::watermark::geometry::homography::Homography;

/// A point of the original and its position in the received picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct PointPair {
    pub(super) from: [f64; 2],
    pub(super) to: [f64; 2],
}

/// A rotation by the angle of (a, b), a scaling by its length, and a shift: `x' = a x - b y + c`,
/// `y' = b x + a y + d`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Similarity {
    pub(super) a: f64,
    pub(super) b: f64,
    pub(super) c: f64,
    pub(super) d: f64,
}

impl Similarity {
    /// Returns the similarity that takes `from` to `to`, with a given rotation in radians and
    /// scale.
    pub(super) fn through(pair: PointPair, angle: f64, scale: f64) -> Self {
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

    /// Fits a similarity by least squares; `None` if all points of the original coincide.
    pub(super) fn fit(pairs: &[PointPair]) -> Option<Self> {
        let count = pairs.len() as f64;
        let mean = |of: fn(&PointPair) -> f64| pairs.iter().map(of).sum::<f64>() / count;
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

    pub(super) fn apply(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [
            self.a * x - self.b * y + self.c,
            self.b * x + self.a * y + self.d,
        ]
    }

    /// Returns the scale factor.
    pub(super) fn scale(&self) -> f64 {
        self.a.hypot(self.b)
    }

    /// Returns the angle of rotation, in radians.
    pub(super) fn angle(&self) -> f64 {
        self.b.atan2(self.a)
    }

    /// Returns the map as a matrix.
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
/// Iterations of reweighting.
const ROUNDS: usize = 4;

/// Refines a similarity to a projective map: `H = S (I + D)`, D by weighted least squares;
/// row-major without its last entry.
///
/// `noise` is the expected error of a point, in units of the received picture. The four directions
/// of D in which the map is no similarity any more are held back as by a Gaussian prior, so that a
/// few pairs in a corner cannot bend the whole picture, while many pairs can. Weights are those of
/// a Cauchy distribution.
pub(super) fn projective(
    similarity: &Similarity,
    pairs: &[PointPair],
    noise: f64,
) -> Option<Homography> {
    let start = similarity.homography();
    let back = start.inverse()?;
    let noise = noise / similarity.scale();
    let mut best = Homography::IDENTITY;
    for _ in 0..ROUNDS {
        let mut normal = ProjectiveEquations::new();
        normal.hold_back();
        for pair in pairs {
            let (from, to) = (pair.from, back.apply(pair.to[0], pair.to[1])?);
            let depth = best.0[2][0] * from[0] + best.0[2][1] * from[1] + 1.0;
            let image = best.apply(from[0], from[1])?;
            let error = (image.0 - to.0).hypot(image.1 - to.1) / noise;
            let noise = depth * noise;
            let weight = 1.0 / ((1.0 + error * error) * noise * noise);
            normal.add_point(from, to, weight);
        }
        let d = normal.solve()?;
        best = Homography([
            [1.0 + d[0], d[1], d[2]],
            [d[3], 1.0 + d[4], d[5]],
            [d[6], d[7], 1.0],
        ]);
    }
    Some(start.after(&best))
}

/// Normal equations of a weighted least-squares problem with eight unknowns.
struct ProjectiveEquations {
    /// Rows of the symmetric matrix, with the right-hand side as the last column.
    rows: [[f64; 9]; 8],
}

impl ProjectiveEquations {
    fn new() -> Self {
        Self {
            rows: [[0.0; 9]; 8],
        }
    }

    /// Adds the prior on the directions that make a map differ from a similarity.
    fn hold_back(&mut self) {
        let weight = |deviation: f64| 1.0 / (deviation * deviation);
        let (shear, perspective) = (weight(SHEAR), weight(PERSPECTIVE));
        self.add(&[1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0], 0.0, shear);
        self.add(&[0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0], 0.0, shear);
        self.add(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0], 0.0, perspective);
        self.add(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0], 0.0, perspective);
    }

    /// Adds that `I + D` takes (x, y) to (u, v): `u (1 + d6 x + d7 y) = x + d0 x + d1 y + d2`, and
    /// so for v.
    fn add_point(&mut self, [x, y]: [f64; 2], (u, v): (f64, f64), weight: f64) {
        self.add(&[x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y], u - x, weight);
        self.add(&[0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y], v - y, weight);
    }

    /// Adds the equation `terms . unknowns = value`.
    fn add(&mut self, terms: &[f64; 8], value: f64, weight: f64) {
        for (row, &term) in self.rows.iter_mut().zip(terms) {
            for (entry, other) in row.iter_mut().zip(terms.iter().chain([&value])) {
                *entry += weight * term * other;
            }
        }
    }

    /// Solves by Gaussian elimination with pivots; `None` if the equations are underdetermined.
    fn solve(mut self) -> Option<[f64; 8]> {
        for column in 0..8 {
            let size = |row: usize| self.rows[row][column].abs();
            let pivot = (column..8).max_by(|&a, &b| size(a).total_cmp(&size(b)))?;
            self.rows.swap(column, pivot);
            let line = self.rows[column];
            if line[column].is_nan() || line[column].abs() <= 1e-12 {
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

#[cfg(test)]
mod tests {
    use super::*;

    const TILTED: Homography = Homography([
        [700.0, -80.0, 500.0],
        [95.0, 720.0, 400.0],
        [0.08, -0.05, 1.0],
    ]);

    /// Pairs of a map on a lattice over the square of `side` about the centre.
    fn pairs(map: &Homography, side: f64) -> Vec<PointPair> {
        let at = |k: usize| side * ((k as f64 + 0.5) / 5.0 - 0.5);
        (0..25)
            .map(|k| {
                let from = [at(k % 5), at(k / 5)];
                let to = map.apply(from[0], from[1]).unwrap();
                PointPair {
                    from,
                    to: to.into(),
                }
            })
            .collect()
    }

    fn error(a: &Homography, b: &Homography) -> f64 {
        [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]
            .map(|(x, y)| {
                let (a, b) = (a.apply(x, y).unwrap(), b.apply(x, y).unwrap());
                (a.0 - b.0).hypot(a.1 - b.1)
            })
            .into_iter()
            .fold(0.0, f64::max)
    }

    #[test]
    fn a_similarity_is_found_exactly() {
        let pair = PointPair {
            from: [0.1, 0.2],
            to: [300.0, 400.0],
        };
        let truth = Similarity::through(pair, 0.7, 600.0);
        let [x, y] = truth.apply(pair.from);
        assert!((x - 300.0).abs() < 1e-9 && (y - 400.0).abs() < 1e-9);
        let found = Similarity::fit(&pairs(&truth.homography(), 1.0)).unwrap();
        assert!(error(&found.homography(), &truth.homography()) < 1e-9);
        assert!((found.scale() - 600.0).abs() < 1e-9 && (found.angle() - 0.7).abs() < 1e-12);
        assert!(Similarity::fit(&[pair, pair]).is_none(), "one point only");
    }

    #[test]
    fn a_projective_map_is_found_despite_wrong_pairs() {
        let mut pairs = pairs(&TILTED, 1.0);
        for wrong in [3, 11, 17] {
            pairs[wrong].to[0] += 60.0;
        }
        let similarity = Similarity::fit(&pairs).unwrap();
        assert!(error(&similarity.homography(), &TILTED) > 30.0);
        let found = projective(&similarity, &pairs, 2.0).unwrap();
        let error = error(&found, &TILTED);
        assert!(error < 1.0, "{error}");
    }

    #[test]
    fn few_pairs_in_a_corner_do_not_bend_the_picture() {
        let truth = Similarity::through(
            PointPair {
                from: [0.0; 2],
                to: [512.0; 2],
            },
            0.3,
            900.0,
        );
        let mut pairs = pairs(&truth.homography(), 0.1);
        pairs.truncate(6);
        for (k, pair) in pairs.iter_mut().enumerate() {
            pair.to[k % 2] += if k % 3 == 0 { 2.0 } else { -2.0 };
        }
        let similarity = Similarity::fit(&pairs).unwrap();
        let found = projective(&similarity, &pairs, 2.0).unwrap();
        let [a, b, c] = found.0[2];
        assert!(
            a.abs() < 0.05 * c.abs() && b.abs() < 0.05 * c.abs(),
            "{:?}",
            found.0[2]
        );
    }
}
