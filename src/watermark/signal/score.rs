//! From the statistic to a verdict, with a bound on false alarms that holds for every picture.
//!
//! *Null hypothesis*: the tested picture does not depend on the key's signs (it is unmarked, or
//! marked for another photo or tenant). Flip the signs of one (tile, band): r and h flip there,
//! while rho, the geometry that rho chose, the gain a, |d|, the noise and omega all stay, and d
//! flips. Given everything but the signs, z is thus `sum e_j |u_j| / sqrt(sum u_j^2)` with
//! independent fair signs `e_j`, and for t > 0
//!
//! ```text
//! P(z >= t) <= exp(-t^2 / 2)        Hoeffding, "Probability inequalities for sums of bounded random
//!                                   variables" (1963)
//! P(z >= t) <= 3.18 Q(t)            Bentkus and Dzindzalieta, "A tight Gaussian bound for weighted sums
//!                                   of Rademacher random variables" (2015); Q: upper normal tail
//! ```
//!
//! The search over geometries costs nothing, because it never sees the sign of d; nor does the sign
//! of the picture itself, which may be a negative, because content decides on it.
//! `tests/it/false_positives.rs` measures the same null.
//!
//! A mark may also be there with its sign reversed: someone who combines copies to remove a mark
//! can overshoot. So both tails are read, at a cost. They share the probability unequally
//! (Bonferroni with weights), 256 to 1:
//!
//! ```text
//! P(z >= t, or -z worth t among 256 tests) <= (1 + 1 / 256) P(z >= t)
//! ```
//!
//! so that a detection at 6.2 stays below 1e-9, and a reversed mark is one from z = -7.03 on.

use std::f64::consts::PI;

/// Least z of a detection: false-positive probability below 9.1e-10, for any picture.
pub const DETECTION_THRESHOLD: f64 = 6.2;

/// Least z of a marginal finding: false-positive probability below 2.9e-5, for any picture.
pub const MARGINAL_THRESHOLD: f64 = 4.3;

/// Step of the z that is published for a detection; chosen by simulated attacks
/// (docs/watermark.md).
const PUBLISHED_STEP: f64 = 6.0;

/// Decision of the statistic on a photo's mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetectionStatus {
    /// The mark is there: z at or above [`DETECTION_THRESHOLD`].
    Detected,
    /// Something of it may be there: z at or above [`MARGINAL_THRESHOLD`].
    Marginal,
    /// There is nothing that chance does not explain.
    NotFound,
}

/// Factor by which a reversed mark may be found by chance more rarely than a mark.
const REVERSED_TESTS: usize = 256;

/// A z of either sign, as evidence for the mark.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::watermark) struct Signed {
    /// The evidence: z, or the equivalent z of a reversed mark.
    pub(in crate::watermark) z: f64,
    /// Whether the mark was detected with its sign reversed.
    pub(in crate::watermark) reversed: bool,
}

impl Signed {
    /// Reads both tails of a statistic.
    pub(in crate::watermark) fn of(z: f64) -> Self {
        let worth = corrected_for_tests(-z, REVERSED_TESTS);
        if status(worth) == DetectionStatus::Detected {
            Self {
                z: worth,
                reversed: true,
            }
        } else {
            Self { z, reversed: false }
        }
    }
}

/// Classifies a z by the thresholds.
pub fn status(z: f64) -> DetectionStatus {
    if z >= DETECTION_THRESHOLD {
        DetectionStatus::Detected
    } else if z >= MARGINAL_THRESHOLD {
        DetectionStatus::Marginal
    } else {
        DetectionStatus::NotFound
    }
}

/// Bounds the probability, in (0, 1], that a picture without the mark reaches `z`, or its
/// equivalent with a reversed sign.
///
/// Q has no closed form; `Q(t) <= 2 phi(t) / (t + sqrt(t^2 + 8 / pi))` for t > 0 (Pollak 1956, from
/// Komatu's inequality) keeps it a bound. Beyond the range of `f64` (z > 37) the smallest positive
/// number is returned.
pub(in crate::watermark) fn false_positive_probability(z: f64) -> f64 {
    if z <= 0.0 {
        return 1.0;
    }
    let both = 1.0 + 1.0 / REVERSED_TESTS as f64;
    (both * ln_false_positive(z).exp()).clamp(f64::MIN_POSITIVE, 1.0)
}

/// Returns the z of one test that is worth as much as `z`, the best of `tests` tests.
///
/// Among n tests without a mark the chance that any reaches z is at most n times that of one
/// (Bonferroni). n P(z) is turned back into the z of one test, so that thresholds and confidence
/// keep their meaning.
pub fn corrected_for_tests(z: f64, tests: usize) -> f64 {
    if tests <= 1 || z <= 0.0 {
        return z;
    }
    // ln min(3.18 Q, Hoeffding) + ln n, in logarithms so that a large z does not underflow.
    let worth = ln_false_positive(z) + (tests as f64).ln();
    if worth >= 0.0 {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, z);
    for _ in 0..64 {
        let middle = f64::midpoint(low, high);
        if ln_false_positive(middle) > worth {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// Returns the natural logarithm of the bound, for z > 0.
fn ln_false_positive(z: f64) -> f64 {
    let hoeffding = -z * z / 2.0;
    let tail = 3.18 * 2.0 / ((2.0 * PI).sqrt() * (z + (z * z + 8.0 / PI).sqrt()));
    (hoeffding + tail.ln()).min(hoeffding)
}

/// Maps z to a score from 0 to 100, to two decimals, monotone in z.
///
/// ```text
/// z <= 0: 0      z < 6.2: 60 (z / 6.2)^2      else: 60 + 40 (1 - 2^-((z - 6.2) / 6))
/// ```
///
/// The threshold is at 60; from there every 6 standard deviations halve the distance to 100.
pub(in crate::watermark) fn confidence(z: f64) -> f64 {
    let score = if z <= 0.0 {
        0.0
    } else if z < DETECTION_THRESHOLD {
        60.0 * (z / DETECTION_THRESHOLD).powi(2)
    } else {
        60.0 + 40.0 * (1.0 - (-(z - DETECTION_THRESHOLD) / 6.0).exp2())
    };
    (score * 100.0).round() / 100.0
}

/// The evidence that is published for a z: never more than was measured, and only in steps.
///
/// ```text
/// z < 4.3: nothing      4.3 <= z < 6.2: as 4.3      else: as 6.2 + STEP floor((z - 6.2) / STEP)
/// ```
///
/// Someone who changes a picture little by little and keeps every change that lowers the score
/// learns nothing from most changes. The false-positive probability is that of the lower z, so it
/// stays a bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PublicEvidence {
    /// Standard deviations above an unmarked picture, rounded down to a step.
    pub z: f64,
    /// The same on a scale from 0 to 100, to two decimals; a detection starts at 60.
    pub confidence: f64,
    /// Bound on the probability that a picture without this mark gets as much, in (0, 1].
    pub false_positive_probability: f64,
}

impl PublicEvidence {
    /// No evidence of a mark.
    pub const NOTHING: Self = Self {
        z: 0.0,
        confidence: 0.0,
        false_positive_probability: 1.0,
    };

    /// Returns the evidence published for a z.
    pub fn of(z: f64) -> Self {
        let z = match status(z) {
            DetectionStatus::NotFound => return Self::NOTHING,
            DetectionStatus::Marginal => MARGINAL_THRESHOLD,
            DetectionStatus::Detected => {
                DETECTION_THRESHOLD
                    + PUBLISHED_STEP * ((z - DETECTION_THRESHOLD) / PUBLISHED_STEP).floor()
            }
        };
        Self {
            z,
            confidence: confidence(z),
            false_positive_probability: false_positive_probability(z),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_keep_their_documented_rates() {
        assert!(false_positive_probability(DETECTION_THRESHOLD) < 9.1e-10);
        assert!(false_positive_probability(MARGINAL_THRESHOLD) < 2.9e-5);
        assert!(false_positive_probability(-1.0) >= 1.0);
        assert!((0.0..1e-300).contains(&false_positive_probability(60.0)));
        assert!(false_positive_probability(60.0) > 0.0);
        // Where 3.18 Q(t) is no bound worth having, Hoeffding's is: at most 1.
        assert!((0.5..=1.0).contains(&false_positive_probability(0.5)));
    }

    #[test]
    fn the_tail_bound_is_above_the_normal_tail_and_close() {
        // Upper normal tail probabilities from tables.
        for (z, q) in [
            (1.0, 0.158_655),
            (2.0, 0.022_750_1),
            (4.0, 3.167_12e-5),
            (6.0, 9.865_88e-10),
        ] {
            let bound = false_positive_probability(z);
            let exact = f64::min(3.18 * q, (-z * z / 2.0_f64).exp());
            assert!(
                bound >= exact * 0.999_99 && bound < exact * 1.065,
                "{z}: {bound:e} {exact:e}"
            );
        }
    }

    #[test]
    fn the_best_of_many_tests_is_worth_less() {
        assert_eq!(corrected_for_tests(7.0, 1).to_bits(), 7.0_f64.to_bits());
        for (z, tests) in [(6.2, 20), (9.0, 100), (45.0, 20)] {
            let fair = corrected_for_tests(z, tests);
            assert!(fair < z, "{z} {fair}");
            let ratio = (ln_false_positive(fair) - ln_false_positive(z)).exp();
            assert!((ratio / tests as f64 - 1.0).abs() < 1e-6, "{z}: {ratio}");
        }
        // Twenty candidates ask for 6.66 where one asks for 6.2.
        assert_eq!(
            status(corrected_for_tests(6.65, 20)),
            DetectionStatus::Marginal
        );
        assert_eq!(
            status(corrected_for_tests(6.67, 20)),
            DetectionStatus::Detected
        );
        assert!(corrected_for_tests(0.5, 1000).abs() < 1e-9 && corrected_for_tests(-2.0, 9) < 0.0);
    }

    #[test]
    fn a_reversed_mark_needs_more_and_leaves_the_bound() {
        for (z, worth, reversed) in [
            (6.2, 6.2, false),
            (-3.0, -3.0, false),
            (-7.02, -7.02, false),
            (-7.03, corrected_for_tests(7.03, 256), true),
            (-50.0, corrected_for_tests(50.0, 256), true),
        ] {
            let found = Signed::of(z);
            assert_eq!((found.z, found.reversed), (worth, reversed), "{z}");
        }
        let reversed = ln_false_positive(7.03).exp();
        let both = ln_false_positive(DETECTION_THRESHOLD).exp() + reversed;
        assert!(both <= false_positive_probability(DETECTION_THRESHOLD) * 1.000_1);
        assert_eq!(status(Signed::of(-7.03).z), DetectionStatus::Detected);
    }

    #[test]
    fn confidence_is_the_documented_scale() {
        for (z, expected) in [
            (-3.0, 0.0),
            (3.1, 15.0),
            (6.2, 60.0),
            (12.2, 80.0),
            (18.2, 90.0),
            (30.0, 97.44),
        ] {
            assert!((confidence(z) - expected).abs() < 1e-9, "{z}");
        }
        let steps: Vec<f64> = (0..600).map(|z| confidence(f64::from(z) / 10.0)).collect();
        assert!(steps.windows(2).all(|pair| pair[0] <= pair[1]));
        assert!(confidence(1e9) <= 100.0);
    }

    #[test]
    fn what_is_published_comes_in_steps_and_never_says_more() {
        for (z, expected) in [
            (-3.0, 0.0),
            (4.29, 0.0),
            (4.3, 4.3),
            (6.19, 4.3),
            (6.2, 6.2),
            (12.19, 6.2),
            (12.21, 12.2),
            (58.6, 54.2),
        ] {
            let published = PublicEvidence::of(z);
            assert!((published.z - expected).abs() < 1e-9, "{z}: {published:?}");
        }
        let all: Vec<(f64, PublicEvidence)> = (0..6500)
            .map(|z| f64::from(z) / 100.0)
            .map(|z| (z, PublicEvidence::of(z)))
            .collect();
        for (z, published) in &all {
            assert!(published.false_positive_probability >= false_positive_probability(*z));
            assert!(published.confidence <= confidence(*z));
            assert!(status(published.z) == status(*z) || *z < MARGINAL_THRESHOLD);
        }
        let rises = |a: &PublicEvidence, b: &PublicEvidence| b.confidence >= a.confidence;
        assert!(all.windows(2).all(|pair| rises(&pair[0].1, &pair[1].1)));
        let values: std::collections::BTreeSet<u64> =
            all.iter().map(|(_, p)| p.confidence.to_bits()).collect();
        assert!(values.len() == 12, "{}", values.len());
    }

    #[test]
    fn statuses_start_at_their_thresholds() {
        assert_eq!(status(6.2), DetectionStatus::Detected);
        assert_eq!(status(6.199), DetectionStatus::Marginal);
        assert_eq!(status(4.299), DetectionStatus::NotFound);
    }
}
