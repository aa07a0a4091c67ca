//! The description of a corner: its direction and 256 comparisons.

use super::{
    corners::Corner,
    pattern::{PATTERN, THRESHOLD_STEPS},
    pyramid::{BORDER, Level},
};

/// Number of 64-bit words of a descriptor.
pub(super) const WORDS: usize = 4;
/// Radius, in samples of the level, of the disc whose centroid gives the direction.
const DISC: usize = 15;
/// Half the width of each row of the disc, from the top: the largest h with `h^2 + y^2 <= 240`.
const HALF_WIDTHS: [usize; 2 * DISC + 1] = [
    3, 6, 8, 9, 10, 11, 12, 13, 13, 14, 14, 14, 15, 15, 15, 15, 15, 15, 15, 14, 14, 14, 13, 13, 12,
    11, 10, 9, 8, 6, 3,
];
/// Samples on a side of a patch.
pub(super) const SIDE: usize = 32;
/// Steps of a patch sample per grey level.
const STEPS: f32 = 16.0;

/// Fraction bits of a position inside a level.
const FIXED_BITS: u32 = 14;
/// One sample in fixed point, `2^FIXED_BITS`.
const FIXED: f32 = (1 << FIXED_BITS) as f32;

/// A square around a corner, rotated so that the corner's direction points right.
#[derive(Debug)]
pub(super) struct Patch {
    /// Samples, row-major, in 1/16 grey levels.
    samples: [i32; SIDE * SIDE],
}

/// Returns the direction from a corner to the intensity centroid of the disc around it (Rosin,
/// 1999), in radians.
pub(super) fn orientation(level: &Level, corner: &Corner) -> f32 {
    let column = ((corner.x * level.width() as f32) as usize).min(level.width() - 1) + BORDER;
    let row = ((corner.y * level.height() as f32) as usize).min(level.height() - 1) + BORDER;
    // Sums of each column of the disc, as they are and times the row: many short sums instead of
    // one long one.
    let mut sums = [0.0_f32; 2 * DISC + 1];
    let mut moments = [0.0_f32; 2 * DISC + 1];
    for (line, &half) in (row - DISC..=row + DISC).zip(&HALF_WIDTHS) {
        let down = line as f32 - row as f32;
        let samples = &level.padded().row(line)[column - half..=column + half];
        let columns = DISC - half..=DISC + half;
        let columns = sums[columns.clone()].iter_mut().zip(&mut moments[columns]);
        for ((sum, moment), sample) in columns.zip(samples) {
            *sum += sample;
            *moment += down * sample;
        }
    }
    let across: f64 = sums
        .into_iter()
        .enumerate()
        .map(|(column, sum)| (column as f64 - DISC as f64) * f64::from(sum))
        .sum();
    let down: f64 = moments.into_iter().map(f64::from).sum();
    down.atan2(across) as f32
}

impl Patch {
    /// Samples the patch of a corner.
    pub(super) fn new(level: &Level, corner: &Corner, angle: f32) -> Self {
        let (sin, cos) = f64::from(angle).sin_cos();
        let (sin, cos) = (sin as f32, cos as f32);
        let centre = (SIDE - 1) as f32 / 2.0;
        let x0 = corner.x * level.width() as f32 - 0.5 + BORDER as f32;
        let y0 = corner.y * level.height() as f32 - 0.5 + BORDER as f32;
        let plane = level.padded();
        let (data, stride) = (plane.data(), plane.width());
        let fixed = |value: f32| (value * FIXED) as i32;
        let (step_x, step_y) = (fixed(cos), fixed(sin));
        let mut samples = [0; SIDE * SIDE];
        for (j, line) in samples.chunks_exact_mut(SIDE).enumerate() {
            let v = j as f32 - centre;
            let mut x = fixed(x0 - sin * v - cos * centre);
            let mut y = fixed(y0 + cos * v - sin * centre);
            for sample in line {
                let at = (y >> FIXED_BITS) as usize * stride + (x >> FIXED_BITS) as usize;
                let fraction = |value: i32| (value & (FIXED as i32 - 1)) as f32 / FIXED;
                let (fx, fy) = (fraction(x), fraction(y));
                let around = &data[at..at + stride + 2];
                let above = around[0] + fx * (around[1] - around[0]);
                let below = around[stride] + fx * (around[stride + 1] - around[stride]);
                *sample = ((above + fy * (below - above)) * STEPS) as i32;
                x += step_x;
                y += step_y;
            }
        }
        Self { samples }
    }

    /// Returns the patch upside down: that of the mirror image of the picture.
    pub(super) fn flipped(&self) -> Self {
        let mut samples = [0; SIDE * SIDE];
        for (line, source) in samples
            .chunks_exact_mut(SIDE)
            .zip(self.samples.chunks_exact(SIDE).rev())
        {
            line.copy_from_slice(source);
        }
        Self { samples }
    }

    /// Returns the bits of the comparisons.
    pub(super) fn describe(&self) -> [u64; WORDS] {
        let sums = self.running_sums();
        let unit = self.mean_deviation() / THRESHOLD_STEPS;
        let mean = |x: u8, y: u8, r: u8| {
            let (x, y, r) = (usize::from(x), usize::from(y), usize::from(r));
            let (left, right, top, bottom) = (x - r, x + r + 1, y - r, y + r + 1);
            let at = |x: usize, y: usize| sums[y * (SIDE + 1) + x];
            at(right, bottom) - at(left, bottom) - at(right, top) + at(left, top)
        };
        let mut words = [0; WORDS];
        for (word, tests) in words.iter_mut().zip(PATTERN.chunks_exact(64)) {
            for (bit, test) in tests.iter().enumerate() {
                let [ax, ay, bx, by, radius] = test.boxes;
                let difference = mean(ax, ay, radius) - mean(bx, by, radius);
                let side = 2.0 * f32::from(radius) + 1.0;
                let threshold = f32::from(test.threshold) * unit * side * side;
                *word |= u64::from((difference as f32) < threshold) << bit;
            }
        }
        words
    }

    /// Returns the mean absolute deviation of the samples, plus half a grey level, in 1/16 grey
    /// levels.
    fn mean_deviation(&self) -> f32 {
        let count = (SIDE * SIDE) as f32;
        let mean = (self.samples.iter().sum::<i32>() as f32 / count) as i32;
        let sum: i32 = self
            .samples
            .iter()
            .map(|sample| (sample - mean).abs())
            .sum();
        sum as f32 / count + 0.5 * STEPS
    }

    /// Returns, for each place, the sum of all samples above and left of it.
    fn running_sums(&self) -> [i32; (SIDE + 1) * (SIDE + 1)] {
        let mut sums = [0; (SIDE + 1) * (SIDE + 1)];
        for (y, line) in self.samples.chunks_exact(SIDE).enumerate() {
            let (above, here) = sums.split_at_mut((y + 1) * (SIDE + 1));
            let above = &above[y * (SIDE + 1)..];
            let mut sum = 0;
            for (x, sample) in line.iter().enumerate() {
                sum += sample;
                here[x + 1] = above[x + 1] + sum;
            }
        }
        sums
    }
}
