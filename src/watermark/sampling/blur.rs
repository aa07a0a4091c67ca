//! Small symmetric blurs with reflected borders.
//!
//! ```text
//! out = sum over d = -r .. r of  tap[|d|] * in[x + d],   first along rows, then along columns
//! gaussian(s):  tap[d] ~ exp(-d^2 / (2 s^2)),  r = 4 s rounded up,  sum 1
//! ```
//!
//! A border reflects with its last sample repeated (`c b a | a b c`), so that a constant stays that
//! constant.

use pulp::Simd;

use crate::simd;

/// The taps of one blur, from the centre outwards.
#[derive(Debug, Clone)]
pub(in crate::watermark) struct Blur(Vec<f32>);

impl Blur {
    /// Makes a Gaussian of standard deviation `sigma`, in samples, cut off at four of them.
    pub(in crate::watermark) fn gaussian(sigma: f64) -> Self {
        let radius = (4.0 * sigma).ceil() as usize;
        let tap = |d: usize| (-((d * d) as f64) / (2.0 * sigma * sigma)).exp();
        let sum = tap(0) + 2.0 * (1..=radius).map(tap).sum::<f64>();
        Self((0..=radius).map(|d| (tap(d) / sum) as f32).collect())
    }

    /// Makes a blur of given taps, from the centre outwards.
    pub(in crate::watermark) fn of(taps: &[f32]) -> Self {
        Self(taps.to_vec())
    }

    /// Makes the mean over `2 radius + 1` samples.
    pub(in crate::watermark) fn mean(radius: usize) -> Self {
        Self(vec![1.0 / (2 * radius + 1) as f32; radius + 1])
    }

    /// Blurs a picture of rows of `width` samples. Both sides must be at least as long as the
    /// radius.
    pub(in crate::watermark) fn apply(&self, width: usize, picture: &[f32]) -> Vec<f32> {
        blur(self, width, picture)
    }

    /// Adds the `2 r + 1` lines that `line` gives, each times its tap; pairs of equal tap together.
    #[inline(always)]
    fn add_up<'a>(&self, out: &mut [f32], line: impl Fn(usize) -> &'a [f32]) {
        let radius = self.0.len() - 1;
        for (out, sample) in out.iter_mut().zip(line(radius)) {
            *out = self.0[0] * sample;
        }
        for (d, tap) in self.0.iter().enumerate().skip(1) {
            let pairs = line(radius - d).iter().zip(line(radius + d));
            for (out, (before, after)) in out.iter_mut().zip(pairs) {
                *out += tap * (before + after);
            }
        }
    }
}

#[pulp::with_simd(blur = simd::arch())]
#[inline(always)]
fn blur_lanes<'a, S: Simd>(_: S, blur: &'a Blur, width: usize, picture: &'a [f32]) -> Vec<f32> {
    let radius = blur.0.len() - 1;
    let height = picture.len() / width;
    let mut padded = vec![0.0; width + 2 * radius];
    let mut across = vec![0.0; picture.len()];
    for (row, out) in picture
        .chunks_exact(width)
        .zip(across.chunks_exact_mut(width))
    {
        padded[radius..radius + width].copy_from_slice(row);
        for x in (0..radius).chain(radius + width..width + 2 * radius) {
            padded[x] = row[reflect(x, radius, width)];
        }
        blur.add_up(out, |x| &padded[x..x + width]);
    }
    let mut both = vec![0.0; picture.len()];
    for (y, out) in both.chunks_exact_mut(width).enumerate() {
        blur.add_up(out, |tap| {
            let y = reflect(y + tap, radius, height);
            &across[y * width..(y + 1) * width]
        });
    }
    both
}

/// Returns the index of sample `at - radius` of a line of `length`, reflected at both ends.
fn reflect(at: usize, radius: usize, length: usize) -> usize {
    if at < radius {
        radius - at - 1
    } else if at - radius < length {
        at - radius
    } else {
        2 * length - 1 - (at - radius)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_stays_and_a_point_becomes_the_taps() {
        for blur in [Blur::gaussian(2.0), Blur::gaussian(1.0), Blur::mean(2)] {
            let flat = blur.apply(32, &vec![3.5; 32 * 32]);
            assert!(flat.iter().all(|v| (v - 3.5).abs() < 1e-5));

            let mut point = vec![0.0; 32 * 32];
            point[16 * 32 + 16] = 1.0;
            let spread = blur.apply(32, &point);
            assert!((spread[16 * 32 + 17] - blur.0[0] * blur.0[1]).abs() < 1e-7);
            assert_eq!(
                spread[15 * 32 + 16].to_bits(),
                spread[16 * 32 + 15].to_bits()
            );
        }
    }

    #[test]
    fn borders_reflect_with_the_last_sample_repeated() {
        let row: Vec<f32> = (0..8).map(|x| x as f32).collect();
        let picture = row.repeat(8);
        let blurred = Blur::mean(2).apply(8, &picture);
        assert!((blurred[0] - (1.0 + 0.0 + 0.0 + 1.0 + 2.0) / 5.0).abs() < 1e-6);
        assert!((blurred[7] - (5.0 + 6.0 + 7.0 + 7.0 + 6.0) / 5.0).abs() < 1e-6);
    }
}
