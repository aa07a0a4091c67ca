//! Vector instructions, chosen when the program runs: those of x86-64-v3 (AVX2, POPCNT) where the
//! processor has them, else what every processor of the architecture has.
//!
//! ```text
//! sum   lane i of eight adds up the terms i, i + 8, i + 16, ... in this order,
//!       then the lanes are added up: ((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7))
//! ```
//!
//! A sum in `f32` depends on its order, so each has one, whatever runs it: results are the same
//! bits on every machine. Products are never fused with sums, which would round once where others
//! round twice. A function that is compiled for both is written once:
//!
//! ```ignore
//! #[pulp::with_simd(double = simd::arch())]
//! #[inline(always)]
//! fn double_lanes<'a, S: Simd>(_: S, values: &'a mut [f32]) { .. }
//! ```
//!
//! Depends on nothing of this crate.

use std::sync::LazyLock;

use pulp::Arch;

/// Lanes of a sum: as many `f32` as one register of AVX2 has.
pub(crate) const LANES: usize = 8;

/// Returns the widest instructions of this processor.
#[inline]
pub(crate) fn arch() -> Arch {
    static WIDEST: LazyLock<Arch> = LazyLock::new(Arch::new);
    #[cfg(test)]
    if narrow::is_on() {
        return Arch::Scalar;
    }
    *WIDEST
}

/// Returns the sum of the products of two rows, as long as the shorter one, in the order of all
/// sums here. For callers that are compiled for vector instructions themselves.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let length = a.len().min(b.len());
    let (a, a_rest) = a[..length].as_chunks::<LANES>();
    let (b, b_rest) = b[..length].as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    for ((lane, a), b) in lanes.iter_mut().zip(a_rest).zip(b_rest) {
        *lane += a * b;
    }
    total(lanes)
}

/// Adds up the lanes.
#[inline(always)]
pub(crate) fn total(lanes: [f32; LANES]) -> f32 {
    let [l0, l1, l2, l3, l4, l5, l6, l7] = lanes;
    ((l0 + l4) + (l2 + l6)) + ((l1 + l5) + (l3 + l7))
}

#[cfg(test)]
pub(crate) mod narrow {
    //! Tests compare the narrowest instructions with the widest.

    use std::cell::Cell;

    thread_local! {
        static ON: Cell<bool> = const { Cell::new(false) };
    }

    pub(super) fn is_on() -> bool {
        ON.get()
    }

    /// Runs work of this thread on the narrowest instructions.
    pub(crate) fn run<R>(work: impl FnOnce() -> R) -> R {
        ON.set(true);
        let done = work();
        ON.set(false);
        done
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::cast_possible_truncation, reason = "rounded once, on purpose")]

    use super::*;

    #[pulp::with_simd(dot_widest = arch())]
    #[inline(always)]
    fn dot_lanes<'a, S: pulp::Simd>(_: S, a: &'a [f32], b: &'a [f32]) -> f32 {
        dot(a, b)
    }

    /// The definition, term by term.
    fn dot_defined(a: &[f32], b: &[f32]) -> f32 {
        let mut lanes = [0.0; LANES];
        for at in 0..a.len() {
            lanes[at % LANES] += a[at] * b[at];
        }
        let [l0, l1, l2, l3, l4, l5, l6, l7] = lanes;
        ((l0 + l4) + (l2 + l6)) + ((l1 + l5) + (l3 + l7))
    }

    #[test]
    fn a_sum_has_one_order_on_every_instruction_set() {
        let number = |seed: u32| (f64::from(seed * 7_919 % 1_013) * 0.731 - 365.7) as f32;
        for length in 0..100_u32 {
            let a: Vec<f32> = (0..length).map(number).collect();
            let b: Vec<f32> = (0..length).map(|at| number(3 * at + 11)).collect();
            let defined = dot_defined(&a, &b).to_bits();
            assert_eq!(dot_widest(&a, &b).to_bits(), defined, "{length}");
            let narrowest = narrow::run(|| dot_widest(&a, &b));
            assert_eq!(narrowest.to_bits(), defined, "{length}");
        }
    }
}
