//! Companding to eight bits of sums that span four orders of magnitude.
//!
//! ```text
//! code = round(13 asinh(h))   in -127..=127        h = sinh(code / 13)
//! ```
//!
//! Linear near zero (steps of 1/13), 8 % steps above 1, clipped at 8 739. A linear scale would
//! starve dark pictures or clip contrasty ones: it made a photo of the moon on black undetectable
//! (measured: docs/watermark.md).

use std::sync::LazyLock;

/// Codes per unit of asinh.
const SCALE: f64 = 13.0;
/// Largest magnitude of a code.
const MAX_CODE: usize = 127;

/// The value of each code from 0 up.
static LEVELS: LazyLock<[f32; MAX_CODE + 1]> =
    LazyLock::new(|| std::array::from_fn(|code| (code as f64 / SCALE).sinh() as f32));

/// The smallest value of each code from 1 up.
static EDGES: LazyLock<[f32; MAX_CODE]> =
    LazyLock::new(|| std::array::from_fn(|code| ((code as f64 + 0.5) / SCALE).sinh() as f32));

/// Compresses a sum to its code, -127..=127. Searching a table is faster than asinh, and the same
/// everywhere.
pub(in crate::watermark) fn compress(sum: f32) -> i8 {
    let code = EDGES.partition_point(|&edge| edge <= sum.abs()) as i8;
    if sum < 0.0 { -code } else { code }
}

/// Returns the sum of a code.
pub(in crate::watermark) fn expand(code: i8) -> f32 {
    let level = LEVELS[usize::from(code.unsigned_abs()).min(MAX_CODE)];
    if code < 0 { -level } else { level }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_rounded_asinh_and_come_back() {
        for code in -127..=127 {
            assert_eq!(compress(expand(code)), code);
        }
        for sum in [0.0_f32, 0.03, 0.05, -0.7, 12.5, -300.0, 9e9] {
            let expected = (13.0 * f64::from(sum).asinh()).round().clamp(-127.0, 127.0);
            assert_eq!(compress(sum), expected as i8, "{sum}");
        }
    }
}
