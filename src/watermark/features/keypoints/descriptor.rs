//! The description of a corner: its direction and 256 comparisons.

use pulp::Simd;

use super::{
    corners::Corner,
    pattern::{PATTERN, THRESHOLD_STEPS},
    pyramid::{BORDER, Level},
};
use crate::simd;

/// Number of 64-bit words of a descriptor.
pub(super) const WORDS: usize = 4;
/// Number of comparisons.
const BITS: usize = PATTERN.len();
/// Radius, in samples of the level, of the disc whose centroid gives the direction.
const DISC: usize = 15;
/// Columns that are added up for the direction: the disc's, and one more to make whole registers.
const COLUMNS: usize = 2 * DISC + 2;
/// Half the width of each row of the disc, from the top: the largest h with `h^2 + y^2 <= 240`.
const HALF_WIDTHS: [usize; 2 * DISC + 1] = [
    3, 6, 8, 9, 10, 11, 12, 13, 13, 14, 14, 14, 15, 15, 15, 15, 15, 15, 15, 14, 14, 14, 13, 13, 12,
    11, 10, 9, 8, 6, 3,
];
/// 1 for the samples of each row that are in the disc, 0 for the others.
const IN_DISC: [[f32; COLUMNS]; 2 * DISC + 1] = in_disc();
/// Samples on a side of a patch.
pub(super) const SIDE: usize = 32;
/// Steps of a patch sample per grey level.
const STEPS: f32 = 16.0;

/// Fraction bits of a position inside a level.
const FIXED_BITS: u32 = 14;
/// One sample in fixed point, `2^FIXED_BITS`.
const FIXED: f32 = (1 << FIXED_BITS) as f32;

/// Places of the running sums along a row: one before the first sample, and one behind each.
const STRIDE: usize = SIDE + 1;
/// Room for the running sums, a power of two, so that an index needs no check.
const ROOM: usize = 2048;
/// Where the comparisons read the running sums: eight places each, those of box a and then of box
/// b; bottom right, bottom left, top right, top left.
static UPRIGHT: [[u16; 8]; BITS] = places(false);
/// The same for the patch upside down, which is that of the picture's mirror image.
static MIRRORED: [[u16; 8]; BITS] = places(true);
/// Thresholds of the comparisons, and the sides of their boxes.
static THRESHOLDS: [[f32; BITS]; 2] = thresholds();

/// The direction of a corner, radians, and the bits of its comparisons.
#[derive(Debug)]
pub(super) struct Description {
    pub(super) angle: f32,
    /// The bits as the picture is.
    pub(super) upright: [u64; WORDS],
    /// The bits in its mirror image; 0 unless they were asked for.
    pub(super) mirrored: [u64; WORDS],
}

/// A square around a corner, rotated so that the corner's direction points right.
struct Patch {
    /// Samples, row-major, in 1/16 grey levels.
    samples: [i32; SIDE * SIDE],
}

/// Describes a corner; as it is in the mirror image of the picture, too, if `both` asks for it.
pub(super) fn describe(level: &Level, corner: &Corner, both: bool) -> Description {
    describe_widest(level, corner, both)
}

#[pulp::with_simd(describe_widest = simd::arch())]
#[inline(always)]
fn describe_lanes<'a, S: Simd>(
    _: S,
    level: &'a Level,
    corner: &'a Corner,
    both: bool,
) -> Description {
    let angle = orientation(level, corner);
    let patch = Patch::new(level, corner, angle);
    let sums = patch.running_sums();
    let unit = patch.mean_deviation() / THRESHOLD_STEPS;
    Description {
        angle,
        upright: compare(&sums, unit, &UPRIGHT),
        mirrored: if both {
            compare(&sums, unit, &MIRRORED)
        } else {
            [0; WORDS]
        },
    }
}

/// Returns the direction from a corner to the intensity centroid of the disc around it (Rosin,
/// 1999), in radians.
#[inline(always)]
fn orientation(level: &Level, corner: &Corner) -> f32 {
    let column = ((corner.x * level.width() as f32) as usize).min(level.width() - 1) + BORDER;
    let row = ((corner.y * level.height() as f32) as usize).min(level.height() - 1) + BORDER;
    // Sums of each column of the disc, as they are and times the row: many short sums instead of
    // one long one. What lies beside the disc adds 0, which changes no sum.
    let mut sums = [0.0_f32; COLUMNS];
    let mut moments = [0.0_f32; COLUMNS];
    for (line, inside) in (row - DISC..=row + DISC).zip(&IN_DISC) {
        let down = line as f32 - row as f32;
        let samples = &level.padded().row(line)[column - DISC..][..COLUMNS];
        for at in 0..COLUMNS {
            let sample = samples[at] * inside[at];
            sums[at] += sample;
            moments[at] += down * sample;
        }
    }
    let across: f64 = sums[..=2 * DISC]
        .iter()
        .enumerate()
        .map(|(column, &sum)| (column as f64 - DISC as f64) * f64::from(sum))
        .sum();
    let down: f64 = moments[..=2 * DISC].iter().copied().map(f64::from).sum();
    down.atan2(across) as f32
}

impl Patch {
    /// Samples the patch of a corner.
    #[inline(always)]
    fn new(level: &Level, corner: &Corner, angle: f32) -> Self {
        let (sin, cos) = f64::from(angle).sin_cos();
        let (sin, cos) = (sin as f32, cos as f32);
        let centre = (SIDE - 1) as f32 / 2.0;
        let x0 = corner.x * level.width() as f32 - 0.5 + BORDER as f32;
        let y0 = corner.y * level.height() as f32 - 0.5 + BORDER as f32;
        let plane = level.padded();
        let fixed = |value: f32| (value * FIXED) as i32;
        let steps = (fixed(cos), fixed(sin));
        let mut samples = [0; SIDE * SIDE];
        for (j, line) in samples.as_chunks_mut::<SIDE>().0.iter_mut().enumerate() {
            let v = j as f32 - centre;
            let x = fixed(x0 - sin * v - cos * centre);
            let y = fixed(y0 + cos * v - sin * centre);
            sample_line((plane.data(), plane.width()), (x, y), steps, line);
        }
        Self { samples }
    }

    /// Returns the mean absolute deviation of the samples, plus half a grey level, in 1/16 grey
    /// levels.
    #[inline(always)]
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
    #[inline(always)]
    fn running_sums(&self) -> [i32; ROOM] {
        let mut sums = [0; ROOM];
        let mut columns = [0; SIDE];
        for (y, line) in self.samples.as_chunks::<SIDE>().0.iter().enumerate() {
            for (column, sample) in columns.iter_mut().zip(line) {
                *column += sample;
            }
            let mut sum = 0;
            let here = &mut sums[(y + 1) * STRIDE + 1..][..SIDE];
            for (here, column) in here.iter_mut().zip(&columns) {
                sum += column;
                *here = sum;
            }
        }
        sums
    }
}

/// Interpolates a line of a patch from `(x, y)` on, `steps` apart, all in fixed point. The data of
/// a plane comes with its width.
#[inline(always)]
fn sample_line(
    (data, width): (&[f32], usize),
    (mut x, mut y): (i32, i32),
    (step_x, step_y): (i32, i32),
    line: &mut [i32; SIDE],
) {
    // Looking up takes one sample after the other, what follows takes eight at once.
    let (mut above, mut below) = ([[0.0; SIDE]; 2], [[0.0; SIDE]; 2]);
    let (mut across, mut down) = ([0; SIDE], [0; SIDE]);
    for i in 0..SIDE {
        let at = (y >> FIXED_BITS) as usize * width + (x >> FIXED_BITS) as usize;
        let around = &data[at..at + width + 2];
        (above[0][i], above[1][i]) = (around[0], around[1]);
        (below[0][i], below[1][i]) = (around[width], around[width + 1]);
        (across[i], down[i]) = (x, y);
        x += step_x;
        y += step_y;
    }
    let fraction = |value: i32| (value & (FIXED as i32 - 1)) as f32 / FIXED;
    for i in 0..SIDE {
        let (fx, fy) = (fraction(across[i]), fraction(down[i]));
        let upper = above[0][i] + fx * (above[1][i] - above[0][i]);
        let lower = below[0][i] + fx * (below[1][i] - below[0][i]);
        line[i] = ((upper + fy * (lower - upper)) * STEPS) as i32;
    }
}

/// Returns the bits of the comparisons that read the running sums at `places`.
#[inline(always)]
fn compare(sums: &[i32; ROOM], unit: f32, places: &[[u16; 8]; BITS]) -> [u64; WORDS] {
    let mut differences = [0; BITS];
    for (difference, places) in differences.iter_mut().zip(places) {
        let [a0, a1, a2, a3, b0, b1, b2, b3] =
            places.map(|place| sums[usize::from(place) & (ROOM - 1)]);
        *difference = (a0 - a1 - a2 + a3) - (b0 - b1 - b2 + b3);
    }
    let mut bits = [0; BITS];
    let [thresholds, sides] = &THRESHOLDS;
    for i in 0..BITS {
        let threshold = thresholds[i] * unit * sides[i] * sides[i];
        bits[i] = u64::from((differences[i] as f32) < threshold);
    }
    let mut words = [0; WORDS];
    for (word, bits) in words.iter_mut().zip(bits.as_chunks::<64>().0) {
        for (at, bit) in bits.iter().enumerate() {
            *word |= bit << at;
        }
    }
    words
}

const fn in_disc() -> [[f32; COLUMNS]; 2 * DISC + 1] {
    let mut inside = [[0.0; COLUMNS]; 2 * DISC + 1];
    let mut row = 0;
    while row < HALF_WIDTHS.len() {
        let mut column = DISC - HALF_WIDTHS[row];
        while column <= DISC + HALF_WIDTHS[row] {
            inside[row][column] = 1.0;
            column += 1;
        }
        row += 1;
    }
    inside
}

const fn places(mirrored: bool) -> [[u16; 8]; BITS] {
    let mut places = [[0; 8]; BITS];
    let mut bit = 0;
    while bit < BITS {
        let boxes = PATTERN[bit].boxes;
        let mut place = 0;
        while place < 8 {
            let (x, y) = (boxes[place / 4 * 2], boxes[place / 4 * 2 + 1]);
            let y = if mirrored { SIDE as u8 - 1 - y } else { y };
            let radius = boxes[4];
            let column = if place % 2 == 0 {
                x + radius + 1
            } else {
                x - radius
            };
            let row = if place % 4 < 2 {
                y + radius + 1
            } else {
                y - radius
            };
            places[bit][place] = row as u16 * STRIDE as u16 + column as u16;
            place += 1;
        }
        bit += 1;
    }
    places
}

const fn thresholds() -> [[f32; BITS]; 2] {
    let mut found = [[0.0; BITS]; 2];
    let mut bit = 0;
    while bit < BITS {
        found[0][bit] = PATTERN[bit].threshold as f32;
        found[1][bit] = (2 * PATTERN[bit].boxes[4] + 1) as f32;
        bit += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watermark::{
        features::keypoints::{corners::find_corners, pyramid::Pyramid},
        sampling::grid::upright_luma,
        tests::pictures::scene_photo,
    };

    #[test]
    fn descriptions_are_the_same_on_every_instruction_set() {
        let pyramid = Pyramid::new(&upright_luma(&scene_photo(600, 400)), 1.2, 3);
        let mut described = 0;
        for (index, level) in pyramid.levels().iter().enumerate() {
            for corner in find_corners(level, index, 100) {
                let look = || {
                    let found = describe(level, &corner, true);
                    (found.angle.to_bits(), found.upright, found.mirrored)
                };
                assert_eq!(simd::narrow::run(look), look());
                described += 1;
            }
        }
        assert!(described > 100, "{described}");
    }

    #[test]
    fn the_mirrored_bits_are_those_of_the_patch_upside_down() {
        let samples = std::array::from_fn(|at| (at * at * 7 % 4_001) as i32);
        let patch = Patch { samples };
        let flipped = Patch {
            samples: std::array::from_fn(|at| samples[(SIDE - 1 - at / SIDE) * SIDE + at % SIDE]),
        };
        let sums = (patch.running_sums(), flipped.running_sums());
        let unit = patch.mean_deviation() / THRESHOLD_STEPS;
        let mirrored = compare(&sums.0, unit, &MIRRORED);
        assert_eq!(mirrored, compare(&sums.1, unit, &UPRIGHT));
        assert_ne!(mirrored, compare(&sums.0, unit, &UPRIGHT));
    }
}
