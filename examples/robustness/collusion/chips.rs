//! The chips of a picture: the engine's lapped transform, here of a picture of any size at once.
//!
//! ```text
//! phi_k[n] = sin(pi (n + 1/2) / 16) sqrt(2/8) cos(pi/8 (n + 1/2 + 4) (k + 1/2)),   n = 0..15, k = 0..3
//! M        128 x 256: phi_k of 32 tiles, which begin at 8 b - 4, with wrap-around
//! A        256 x side: the area average of an axis
//! C        (M A) Y (M A)^T: 128 x 128 chips of a luma of any size;   M^T C M is their grid, since M M^T = 1
//! U        side x 256: bicubic interpolation (Keys, a = -1/2)
//! ```

use std::f64::consts::PI;

/// Samples on a side of the grid.
const GRID: usize = 256;
/// Samples on a side of a tile.
const TILE: usize = 8;
/// Frequencies of a tile and axis.
const FREQUENCIES: usize = 4;
/// Chips on a side.
const SIDE: usize = GRID / TILE * FREQUENCIES;

/// Numbers in rows.
#[derive(Clone)]
pub(super) struct Matrix {
    /// Numbers in a row.
    pub(super) columns: usize,
    /// Row after row.
    pub(super) data: Vec<f32>,
}

impl Matrix {
    /// Returns all zeros.
    pub(super) fn zeros(rows: usize, columns: usize) -> Self {
        let data = vec![0.0; rows * columns];
        Self { columns, data }
    }

    fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.data.chunks_exact(self.columns)
    }

    fn times(&self, other: &Self) -> Self {
        let mut product = Self::zeros(self.data.len() / self.columns, other.columns);
        let lines = product.data.chunks_exact_mut(other.columns);
        for (line, row) in lines.zip(self.rows()) {
            for (factor, other) in row.iter().zip(other.rows()) {
                for (sum, value) in line.iter_mut().zip(other) {
                    *sum += factor * value;
                }
            }
        }
        product
    }

    fn transposed(&self) -> Self {
        let height = self.data.len() / self.columns;
        let mut turned = Self::zeros(self.columns, height);
        for (y, row) in self.rows().enumerate() {
            for (x, value) in row.iter().enumerate() {
                turned.data[x * height + y] = *value;
            }
        }
        turned
    }
}

/// The transform of pictures of one size.
pub(super) struct ChipTransform {
    /// M A of both axes.
    across: Matrix,
    down: Matrix,
    /// U M^T of both axes.
    back_across: Matrix,
    back_down: Matrix,
}

impl ChipTransform {
    /// Prepares for pictures of these sides, in pixels.
    pub(super) fn new(width: usize, height: usize) -> Self {
        let basis = basis();
        let back = basis.transposed();
        Self {
            across: basis.times(&area(width)),
            down: basis.times(&area(height)),
            back_across: bicubic(width).times(&back),
            back_down: bicubic(height).times(&back),
        }
    }

    /// Returns the chips of a luma, 128 x 128.
    pub(super) fn forward(&self, luma: &Matrix) -> Matrix {
        self.down.times(luma).times(&self.across.transposed())
    }

    /// Returns a luma whose chips these are nearly, as wide and high as the pictures.
    ///
    /// Enlarging the grid changes its chips a little, so that what is missing is added four times.
    pub(super) fn inverse(&self, wanted: &Matrix) -> Matrix {
        let mut field = Matrix::zeros(self.down.columns, self.across.columns);
        for _ in 0..4 {
            let got = self.forward(&field);
            let mut missing = wanted.clone();
            for (missing, got) in missing.data.iter_mut().zip(&got.data) {
                *missing -= got;
            }
            let rest = self
                .back_down
                .times(&missing)
                .times(&self.back_across.transposed());
            for (sum, value) in field.data.iter_mut().zip(&rest.data) {
                *sum += value;
            }
        }
        field
    }
}

/// Tells whether a chip is the mean of its tile, which carries no mark.
pub(super) fn is_mean(index: usize) -> bool {
    (index / SIDE).is_multiple_of(FREQUENCIES) && (index % SIDE).is_multiple_of(FREQUENCIES)
}

fn basis() -> Matrix {
    let mut basis = Matrix::zeros(SIDE, GRID);
    for (row, line) in basis.data.chunks_exact_mut(GRID).enumerate() {
        let (tile, k) = (row / FREQUENCIES, (row % FREQUENCIES) as f64);
        for n in 0..2 * TILE {
            let at = n as f64 + 0.5;
            let window = (PI * at / 16.0).sin() * 0.5;
            let wave = (PI / 8.0 * (at + 4.0) * (k + 0.5)).cos();
            line[(tile * TILE + n + GRID - TILE / 2) % GRID] = (window * wave) as f32;
        }
    }
    basis
}

fn area(side: usize) -> Matrix {
    let mut area = Matrix::zeros(GRID, side);
    let step = side as f64 / GRID as f64;
    for (cell, line) in area.data.chunks_exact_mut(side).enumerate() {
        let (start, end) = (cell as f64 * step, (cell + 1) as f64 * step);
        for (pixel, weight) in line.iter_mut().enumerate() {
            let shared = end.min((pixel + 1) as f64) - start.max(pixel as f64);
            *weight = (shared.max(0.0) / step) as f32;
        }
    }
    area
}

fn bicubic(side: usize) -> Matrix {
    let mut bicubic = Matrix::zeros(side, GRID);
    let near = |x: f64| (1.5 * x - 2.5) * x * x + 1.0;
    let far = |x: f64| ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0;
    for (pixel, line) in bicubic.data.chunks_exact_mut(GRID).enumerate() {
        let at = (pixel as f64 + 0.5) * GRID as f64 / side as f64 - 0.5;
        let (base, t) = (at.floor(), at - at.floor());
        let kernel = [far(1.0 + t), near(t), near(1.0 - t), far(2.0 - t)];
        for (tap, weight) in kernel.into_iter().enumerate() {
            let cell = (base - 1.0 + tap as f64).clamp(0.0, GRID as f64 - 1.0);
            line[cell as usize] += weight as f32;
        }
    }
    bicubic
}
