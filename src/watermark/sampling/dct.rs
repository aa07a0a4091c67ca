//! The 8 x 8 discrete cosine transform of JPEG (ITU-T T.81, A.3).

use std::{f64::consts::PI, sync::LazyLock};

/// Number of coefficients in a block.
pub(in crate::watermark) const COEFFICIENTS: usize = 64;

/// Natural index (row 8 v + u) of each coefficient in zigzag order (ITU-T T.81, figure A.6).
pub(in crate::watermark) const ZIGZAG: [usize; COEFFICIENTS] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Returns the orthonormal DCT's basis value `c_u(x)`; both below 8.
pub(in crate::watermark) fn dct_basis(u: usize, x: usize) -> f64 {
    static BASIS: LazyLock<[[f64; 8]; 8]> = LazyLock::new(|| {
        std::array::from_fn(|u| {
            let norm: f64 = if u == 0 { 1.0 / 8.0 } else { 2.0 / 8.0 };
            let angle = |x: usize| (2 * x + 1) as f64 * u as f64 * PI / 16.0;
            std::array::from_fn(|x| norm.sqrt() * angle(x).cos())
        })
    });
    BASIS[u][x]
}
