//! What a corner looks like: its direction and 256 comparisons.

use super::{
    WORDS,
    corners::Corner,
    pattern::PATTERN,
    pyramid::{BORDER, Level},
};

/// Radius of the disc whose centroid gives the direction, samples of the level.
const DISC: usize = 15;
/// Samples on a side of a patch.
pub(super) const SIDE: usize = 32;
/// Steps of a patch sample per grey level.
const STEPS: f32 = 16.0;

/// A square around a corner, turned so that the corner's direction points right: its running sums.
#[derive(Debug)]
pub(super) struct Patch {
    /// Samples, row-major, in 1/16 grey levels.
    samples: [i32; SIDE * SIDE],
}

/// Direction from a corner to the intensity centroid of the disc around it (Rosin, 1999), radians.
pub(super) fn orientation(level: &Level, corner: &Corner) -> f32 {
    let column = ((corner.x * level.width() as f32) as usize).min(level.width() - 1) + BORDER;
    let row = ((corner.y * level.height() as f32) as usize).min(level.height() - 1) + BORDER;
    let (mut across, mut down) = (0.0_f32, 0.0_f32);
    for (dy, y) in (row - DISC..=row + DISC).enumerate() {
        let dy = dy as f32 - DISC as f32;
        let half = ((DISC * DISC) as f32 - dy * dy + DISC as f32).sqrt() as usize;
        let line = &level.padded().row(y)[column - half..=column + half];
        let mut sum = 0.0;
        for (dx, sample) in line.iter().enumerate() {
            sum += sample;
            across += (dx as f32 - half as f32) * sample;
        }
        down += dy * sum;
    }
    f64::from(down).atan2(f64::from(across)) as f32
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
        let mut samples = [0; SIDE * SIDE];
        for (j, line) in samples.chunks_exact_mut(SIDE).enumerate() {
            let v = j as f32 - centre;
            let (start_x, start_y) = (x0 - sin * v, y0 + cos * v);
            for (i, sample) in line.iter_mut().enumerate() {
                let u = i as f32 - centre;
                let (x, y) = (start_x + cos * u, start_y + sin * u);
                let (column, row) = (x as usize, y as usize);
                let (fx, fy) = (x - column as f32, y - row as f32);
                let at = row * stride + column;
                let (top, bottom) = (&data[at..at + 2], &data[at + stride..at + stride + 2]);
                let above = top[0] + fx * (top[1] - top[0]);
                let below = bottom[0] + fx * (bottom[1] - bottom[0]);
                *sample = ((above + fy * (below - above)) * STEPS) as i32;
            }
        }
        Self { samples }
    }

    /// The patch upside down: that of the mirror image of the picture.
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

    /// Runs the comparisons.
    pub(super) fn describe(&self) -> [u64; WORDS] {
        let sums = self.running_sums();
        let mean = |[x, y, r]: [u8; 3]| {
            let (x, y, r) = (usize::from(x), usize::from(y), usize::from(r));
            let (left, right, top, bottom) = (x - r, x + r + 1, y - r, y + r + 1);
            let at = |x: usize, y: usize| sums[y * (SIDE + 1) + x];
            at(right, bottom) - at(left, bottom) - at(right, top) + at(left, top)
        };
        let mut words = [0; WORDS];
        for (word, tests) in words.iter_mut().zip(PATTERN.chunks_exact(64)) {
            for (bit, &[ax, ay, bx, by, r]) in tests.iter().enumerate() {
                let darker = mean([ax, ay, r]) < mean([bx, by, r]);
                *word |= u64::from(darker) << bit;
            }
        }
        words
    }

    /// Sums of all samples above and left of each place.
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
