//! The strength of a mark, and the rule that raises it.
//!
//! ```text
//! g      = 0.42 (768 / L)^q      L: long side; q = 0.45 for L < 768, else 0.2
//! kappa  = max(0.3, 1 / (1 + (d / d_0)^2))      JPEG only; d: mean quantiser step of the touched
//!                                coefficients, d_0 = 32 from a megapixel up, 14 below
//! ```
//!
//! A larger picture averages more pixels into each cell, so the same evidence needs less; a coarse
//! quantiser makes every step visible. The sent picture is read back (`z_sent`), and so is its copy
//! of 1024 pixels at JPEG quality 50 (`z_small`). As long as one is below its aim the mark is
//! strengthened and read again; it is never raised beyond that. All figures are measured:
//! docs/watermark.md.

/// Strength g at a long side of [`REFERENCE_SIDE`].
const REFERENCE_STRENGTH: f64 = 0.42;
/// Long side, in pixels, at which the strength was set by eye.
const REFERENCE_SIDE: f64 = 768.0;
/// Least z of the sent picture for the level [`ProtectionLevel::Full`].
const SENT_AIM: f64 = 25.0;
/// Least z of the small copy for the level [`ProtectionLevel::Full`].
const SMALL_AIM: f64 = 10.0;
/// Least z of the sent picture; below it the photo is refused.
pub(in crate::watermark) const LEAST_SENT: f64 = 12.0;
/// Least factor of a JPEG's strength. Only sources of a quality of about 30 and less (18 when
/// large) reach it; their own blocks show far more than the mark, and with less of a mark they
/// would be refused.
const LEAST_FACTOR: f64 = 0.3;
/// Pixels from which a JPEG block is small against a tile, so that errors may diffuse to its
/// neighbours.
pub(in crate::watermark) const LARGE_PIXELS: u64 = 1_000_000;

/// Level of attack that a protected photo endures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtectionLevel {
    /// Both read-backs reached their aims: z 25 as sent, z 10 at 1024 pixels and JPEG quality 50.
    Full,
    /// z is at least 12 as sent: the mark is there, but a strong attack may remove it.
    Limited,
}

impl ProtectionLevel {
    /// Returns the level's name in the API's contract: `FULL` or `LIMITED`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Limited => "LIMITED",
        }
    }
}

/// The two read-backs of a marked photo.
#[derive(Debug, Clone, Copy)]
pub(in crate::watermark) struct ReadBack {
    /// z of the pixels that are sent.
    pub(in crate::watermark) z_sent: f64,
    /// z of a copy of at most 1024 pixels at JPEG quality 50.
    pub(in crate::watermark) z_small: f64,
}

impl ReadBack {
    /// Returns the protection level that the read-backs prove.
    pub(in crate::watermark) fn level(self) -> ProtectionLevel {
        if self.z_sent >= SENT_AIM && self.z_small >= SMALL_AIM {
            ProtectionLevel::Full
        } else {
            ProtectionLevel::Limited
        }
    }
}

/// Returns the strength g for a picture of these sides, in pixels.
pub(in crate::watermark) fn strength(width: u32, height: u32) -> f32 {
    let ratio = REFERENCE_SIDE / f64::from(width.max(height));
    let exponent = if ratio > 1.0 { 0.45 } else { 0.2 };
    (REFERENCE_STRENGTH * ratio.powf(exponent)) as f32
}

/// Returns the factor `kappa` for a JPEG of `pixels` pixels whose touched coefficients have a mean
/// quantiser step of `step`.
pub(in crate::watermark) fn lattice_factor(pixels: u64, step: f64) -> f32 {
    let half = if pixels >= LARGE_PIXELS { 32.0 } else { 14.0 };
    (1.0 / (1.0 + (step / half).powi(2))).max(LEAST_FACTOR) as f32
}

/// Rule that strengthens a mark that reads back too weak.
#[derive(Debug, Clone, Copy)]
pub(in crate::watermark) enum Schedule {
    /// Pixels: by 1.35 while the strength is below 1.6.
    Pixels,
    /// JPEG lattice: by the slopes `d ln z / d ln g` of 1/2 (as sent) and 0.7 (small), 1.2 to 2 at
    /// a time, at most twice the start, at most four iterations; beyond that flat regions show.
    /// Only a photo that would be refused otherwise, its own blocks being far coarser than the
    /// mark, may have four times the start.
    Jpeg {
        /// Strength of the first iteration.
        start: f32,
    },
}

impl Schedule {
    /// Returns the next strength, or `None` if the mark is strong enough or may not be raised after
    /// this many `iterations`.
    pub(in crate::watermark) fn next(
        self,
        strength: f32,
        iterations: u32,
        read: ReadBack,
    ) -> Option<f32> {
        if read.level() == ProtectionLevel::Full {
            return None;
        }
        match self {
            Self::Pixels => (strength < 1.6).then_some(strength * 1.35),
            Self::Jpeg { start } => {
                let refused = read.z_sent < LEAST_SENT;
                let limit = if refused { 4.0 * start } else { 2.0 * start };
                if strength >= limit || iterations >= 4 {
                    return None;
                }
                // Below a z of 1 the slopes say nothing; the largest factor is taken there anyway.
                let sent = (SENT_AIM / read.z_sent.max(1.0)).powi(2);
                let small = (SMALL_AIM / read.z_small.max(1.0)).powf(1.4);
                let factor = sent.max(small).clamp(1.2, 2.0) as f32;
                Some((strength * factor).min(limit))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn read(z_sent: f64, z_small: f64) -> ReadBack {
        ReadBack { z_sent, z_small }
    }

    #[test]
    fn strength_falls_with_the_long_side() {
        assert!((strength(768, 512) - 0.42).abs() < 1e-6);
        assert!((strength(3264, 4896) - 0.290).abs() < 1e-3);
        assert!((strength(192, 100) - 0.784).abs() < 1e-3);
    }

    #[test]
    fn a_coarse_table_lowers_the_strength() {
        assert!((lattice_factor(12_000_000, 16.0) - 0.8).abs() < 1e-6);
        assert!((lattice_factor(400_000, 14.0) - 0.5).abs() < 1e-6);
        assert!((lattice_factor(400_000, 80.0) - 0.3).abs() < 1e-6);
    }

    #[test]
    fn a_mark_that_reads_well_is_never_raised() {
        for schedule in [Schedule::Pixels, Schedule::Jpeg { start: 0.3 }] {
            assert_eq!(schedule.next(0.3, 1, read(25.0, 10.0)), None);
        }
    }

    #[test]
    fn a_weak_mark_is_raised_to_the_limit_and_no_further() {
        let mut strength = 0.3;
        let mut iterations = 1;
        while let Some(next) = Schedule::Pixels.next(strength, iterations, read(20.0, 9.0)) {
            assert!(next > strength);
            strength = next;
            iterations += 1;
        }
        assert_eq!(iterations, 7);

        let lattice = Schedule::Jpeg { start: 0.3 };
        assert!((lattice.next(0.3, 1, read(24.9, 11.0)).unwrap() - 0.36).abs() < 1e-6);
        assert!((lattice.next(0.3, 1, read(5.0, -2.0)).unwrap() - 0.6).abs() < 1e-6);
        assert_eq!(lattice.next(0.6, 2, read(12.0, 2.0)), None);
        assert!((lattice.next(0.6, 2, read(11.9, 2.0)).unwrap() - 1.2).abs() < 1e-6);
        assert_eq!(lattice.next(1.2, 3, read(11.9, 2.0)), None);
        assert_eq!(lattice.next(0.5, 4, read(5.0, 2.0)), None);
    }

    #[test]
    fn levels_need_both_aims() {
        assert_eq!(read(25.0, 10.0).level(), ProtectionLevel::Full);
        assert_eq!(read(50.0, 9.9).level(), ProtectionLevel::Limited);
        assert_eq!(read(24.9, 40.0).level(), ProtectionLevel::Limited);
    }
}
