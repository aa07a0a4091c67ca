//! The test statistic: the strength of what is left of the mark, in standard deviations.
//!
//! r are the keyed sums of the received picture, h those of the original, w the expected mark. An
//! attack changes the host by a local gain a and adds noise; the remainder of r after a h is mark
//! plus noise, and is weighted by the expected mark over the noise. Per band, with `G_s` a Gaussian
//! of s tiles:
//!
//! ```text
//! g_b   = <r, h> / <h, h>                                  lambda = mean(h^2) / 4
//! a     = clip((G_2(r h) + lambda g_b) / (G_2(h^2) + lambda), -0.2, 3)
//! d     = r - a h
//! noise = G_1.5(d^2) + 0.2 median(d^2) + 0.1 chips
//! omega = clip(a, 0.02, 1.5) G_1(w) / noise
//! u     = omega clip(d, -3 sqrt(noise), 3 sqrt(noise))
//! z     = sum u / sqrt(sum u^2)                            over all bands and tiles
//! beta  = sum(omega d) / sum(omega a w)                    1: all of the mark, 0: none
//! ```
//!
//! The gain a is also the share of the mark that the attack left, therefore it weights the sum.
//! Flipping the signs of one tile and band flips r and h there and changes d alone: see
//! [`super::score`] for the consequence. Regressing on the known host before correlating is the
//! host-interference rejection of Malvar and Florencio, "Improved spread spectrum" (2003), done at
//! the detector. The constants are measured: docs/watermark.md.

use super::carrier::{BAND_CHIPS, BANDS, Sums, band_amplitudes};
use crate::watermark::{geometry::coverage::Coverage, layout::Tiling, sampling::blur::Blur};

/// Keeps a division by the energy of an empty host finite; far below the smallest companded step.
const TINY: f32 = 1e-6;

/// The evidence for a mark.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::watermark) struct Statistic {
    /// Standard deviations above the mean of an unmarked picture.
    pub(in crate::watermark) z: f64,
    /// Remaining fraction of the mark: 1 all of it, 0 none.
    pub(in crate::watermark) beta: f64,
}

/// Smooths the expected mark of each tile: `G_1(w)` without the band's factor.
pub(in crate::watermark) fn smooth_mark(tiling: Tiling, mark: &[f32]) -> Vec<f32> {
    Blur::gaussian(1.0).apply(tiling.side(), mark)
}

/// Computes the statistic of received sums against those of the original, over the tiles that are
/// shown.
///
/// `smooth_mark` comes from [`smooth_mark`]. A factor common to all of it cancels. All arguments
/// are of one tiling; the sums of a coarse one hold the marks and the noise of four tiles.
pub(in crate::watermark) fn statistic(
    received: &Sums,
    host: &Sums,
    smooth_mark: &[f32],
    coverage: &Coverage,
) -> Statistic {
    let wide = LocalMean::new(2.0, coverage);
    let narrow = LocalMean::new(1.5, coverage);
    debug_assert_eq!(host.tiling(), coverage.tiling());
    let tiles_per_sum = host.tiling().tiles_per_sum();
    let amplitudes = band_amplitudes().map(|amplitude| amplitude * tiles_per_sum as f32);
    let (mut sum, mut energy) = (0.0, 0.0);
    let (mut found, mut expected) = (0.0, 0.0);
    for band in 0..BANDS {
        let (r, h) = (received.band(band), host.band(band));
        let gain = local_gain(&wide, r, h);
        let rest: Vec<f32> = r
            .iter()
            .zip(h)
            .zip(&gain)
            .map(|((r, h), a)| r - a * h)
            .collect();
        let noise = local_noise(&narrow, &rest, BAND_CHIPS[band] * tiles_per_sum);
        for tile in coverage.shown() {
            let (d, noise) = (rest[tile], noise[tile]);
            let left = gain[tile].clamp(0.02, 1.5);
            let mark = smooth_mark[tile] * amplitudes[band];
            let omega = left * mark / noise;
            let limit = 3.0 * noise.sqrt();
            let u = f64::from(omega * d.clamp(-limit, limit));
            sum += u;
            energy += u * u;
            found += f64::from(omega * d);
            expected += f64::from(omega * left * mark);
        }
    }
    Statistic {
        z: ratio(sum, energy.sqrt()),
        beta: ratio(found, expected),
    }
}

/// Gaussian means over the tiles that are shown: the blur of the values over the blur of the mask.
#[derive(Debug)]
pub(in crate::watermark) struct LocalMean<'a> {
    blur: Blur,
    coverage: &'a Coverage,
    /// Blur of the mask; `None` if all tiles are shown, where it would be 1.
    share: Option<Vec<f32>>,
}

impl<'a> LocalMean<'a> {
    /// Prepares means with a standard deviation of `sigma` tiles.
    pub(in crate::watermark) fn new(sigma: f64, coverage: &'a Coverage) -> Self {
        let blur = Blur::gaussian(sigma);
        let share = (!coverage.is_full())
            .then(|| blur.apply(coverage.tiling().side(), &coverage.weights()));
        Self {
            blur,
            coverage,
            share,
        }
    }

    /// Returns the mean around each tile; meaningless where no tile nearby is shown.
    pub(in crate::watermark) fn of(&self, value: impl Fn(usize) -> f32) -> Vec<f32> {
        let shown = |tile| {
            if self.coverage.shows(tile) {
                value(tile)
            } else {
                0.0
            }
        };
        let tiling = self.coverage.tiling();
        let values: Vec<f32> = (0..tiling.count()).map(shown).collect();
        let mut means = self.blur.apply(tiling.side(), &values);
        for (mean, share) in means.iter_mut().zip(self.share.iter().flatten()) {
            *mean /= share + TINY;
        }
        means
    }

    /// Returns the tiles that are shown.
    pub(in crate::watermark) fn shown(&self) -> impl Iterator<Item = usize> {
        self.coverage.shown()
    }
}

/// Returns the gain `a` of each tile of a band.
fn local_gain(mean: &LocalMean<'_>, r: &[f32], h: &[f32]) -> Vec<f32> {
    let sum = |value: &dyn Fn(usize) -> f32| mean.shown().map(|t| f64::from(value(t))).sum::<f64>();
    let energy = sum(&|tile| h[tile] * h[tile]) as f32;
    let global = sum(&|tile| r[tile] * h[tile]) as f32 / (energy + TINY);
    let lambda = 0.25 * energy / (mean.coverage.count() as f32 + TINY) + TINY;
    mean.of(|tile| r[tile] * h[tile])
        .into_iter()
        .zip(mean.of(|tile| h[tile] * h[tile]))
        .map(|(product, square)| ((product + lambda * global) / (square + lambda)).clamp(-0.2, 3.0))
        .collect()
}

/// Returns the noise variance of each tile of a band that sums `chips` chips.
fn local_noise(mean: &LocalMean<'_>, rest: &[f32], chips: usize) -> Vec<f32> {
    let mut noise = mean.of(|tile| rest[tile] * rest[tile]);
    let mut squares: Vec<f32> = mean.shown().map(|tile| rest[tile] * rest[tile]).collect();
    let middle = squares.len() / 2;
    let median = if squares.is_empty() {
        0.0
    } else {
        *squares.select_nth_unstable_by(middle, f32::total_cmp).1
    };
    let floor = 0.2 * median + 0.1 * chips as f32;
    for noise in &mut noise {
        *noise += floor;
    }
    noise
}

/// Returns a quotient, or 0 if the denominator is 0.
pub(in crate::watermark) fn ratio(numerator: f64, denominator: f64) -> f64 {
    if denominator > 0.0 {
        numerator / denominator
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watermark::layout::{TILE_COUNT, TILES};

    /// Reproducible numbers, roughly normal, of unit variance.
    fn noise(seed: u32) -> Sums {
        let mut state = seed;
        let mut uniform = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 8) / f64::from(1 << 24) - 0.5
        };
        Sums::from_fn(Tiling::Fine, |_| {
            ((0..12).map(|_| uniform()).sum::<f64>()) as f32
        })
    }

    fn plus(a: &Sums, b: &Sums, factor: f32) -> Sums {
        Sums::from_fn(Tiling::Fine, |i| a.values()[i] + factor * b.values()[i])
    }

    #[test]
    fn a_mark_is_seen_under_host_and_gain_and_absence_is_not() {
        let mark = vec![0.4; TILE_COUNT];
        let smooth = smooth_mark(Tiling::Fine, &mark);
        assert!((smooth[0] - 0.4).abs() < 1e-6);
        let host = Sums::from_fn(Tiling::Fine, |i| 30.0 * noise(1).values()[i]);
        let amplitudes = band_amplitudes();
        let marked = Sums::from_fn(Tiling::Fine, |i| {
            0.8 * (host.values()[i] + 0.4 * amplitudes[i / TILE_COUNT])
        });
        let attacked = plus(&marked, &noise(2), 1.0);
        let found = statistic(&attacked, &host, &smooth, &Coverage::full());
        assert!(found.z > 20.0, "{found:?}");
        assert!((found.beta - 1.0).abs() < 0.1, "{found:?}");

        let unmarked = plus(&host, &noise(3), 1.0);
        let absent = statistic(&unmarked, &host, &smooth, &Coverage::full());
        assert!(
            absent.z.abs() < 3.0 && absent.beta.abs() < 0.1,
            "{absent:?}"
        );
    }

    #[test]
    fn flipping_one_sign_flips_one_term() {
        let mark = smooth_mark(Tiling::Fine, &vec![0.4; TILE_COUNT]);
        let host = Sums::from_fn(Tiling::Fine, |i| 10.0 * noise(4).values()[i]);
        let received = plus(&host, &noise(5), 1.0);
        let flip = |sums: &Sums| {
            Sums::from_fn(Tiling::Fine, |i| {
                if i == 1234 {
                    -sums.values()[i]
                } else {
                    sums.values()[i]
                }
            })
        };
        let before = statistic(&received, &host, &mark, &Coverage::full()).z;
        let after = statistic(&flip(&received), &flip(&host), &mark, &Coverage::full()).z;
        assert!((1e-9..1.0).contains(&(before - after).abs()));
    }

    #[test]
    fn a_coarse_sum_holds_four_tiles_of_mark_and_noise() {
        let tiling = Tiling::Coarse;
        let mark = smooth_mark(tiling, &vec![0.4; tiling.count()]);
        let (host, added) = (noise(8), noise(9));
        let amplitudes = band_amplitudes();
        let sums = |marked: f32| {
            Sums::from_fn(tiling, |i| {
                let mark = 4.0 * 0.4 * amplitudes[i / tiling.count()];
                60.0 * host.values()[i] + marked * mark + 2.0 * added.values()[i]
            })
        };
        let host = Sums::from_fn(tiling, |i| 60.0 * host.values()[i]);
        let all = Coverage::full().on(tiling);
        let found = statistic(&sums(1.0), &host, &mark, &all);
        assert!(found.z > 12.0 && found.z <= 32.0, "{found:?}");
        assert!((found.beta - 1.0).abs() < 0.2, "{found:?}");
        let absent = statistic(&sums(0.0), &host, &mark, &all);
        assert!(absent.z.abs() < 3.5, "{absent:?}");
    }

    #[test]
    fn an_empty_picture_says_nothing() {
        let none = statistic(
            &Sums::zeros(Tiling::Fine),
            &Sums::zeros(Tiling::Fine),
            &vec![0.0; TILE_COUNT],
            &Coverage::full(),
        );
        assert_eq!((none.z, none.beta), (0.0, 0.0));
    }
    #[test]
    fn tiles_that_are_not_shown_change_nothing() {
        let mark = smooth_mark(Tiling::Fine, &vec![0.4; TILE_COUNT]);
        let host = Sums::from_fn(Tiling::Fine, |i| 30.0 * noise(6).values()[i]);
        let amplitudes = band_amplitudes();
        let marked = Sums::from_fn(Tiling::Fine, |i| {
            host.values()[i] + 0.4 * amplitudes[i / TILE_COUNT]
        });
        let quarter = Coverage::from_fn(|tile| tile % TILES < 16 && tile / TILES < 16);
        let garbage = Sums::from_fn(Tiling::Fine, |i| {
            if quarter.shows(i % TILE_COUNT) {
                marked.values()[i]
            } else {
                1e4 * noise(7).values()[i]
            }
        });
        let clean = statistic(&marked, &host, &mark, &quarter);
        assert_eq!(clean, statistic(&garbage, &host, &mark, &quarter));
        let whole = statistic(&marked, &host, &mark, &Coverage::full());
        assert!(
            clean.z > 10.0 && clean.z < 0.6 * whole.z,
            "{clean:?} {whole:?}"
        );
    }
}
