//! Resampling along an axis, and of pictures along both.
//!
//! ```text
//! out[o] = sum over i of  weight(o, i) in[i]           sum over i of weight(o, i) = 1
//!
//! area      weight ~ length of  [i, i+1)  inside  [o n/N, (o+1) n/N)
//! bicubic   Keys' kernel with a = -3/4 at  (o + 1/2) n/N - 1/2;  samples outside repeat the border
//! grid      256 samples: area where the side has 512 or more, else bicubic to 512 and the mean of two
//! ```
//!
//! The kernel is that of Keys, "Cubic convolution interpolation for digital image processing"
//! (1981); a = -3/4 as in `OpenCV`, with which the engine was tuned. Pictures are read row by row
//! ([`LumaRows`]), so that none is held at full size in `f32`: the rows under an output row are
//! added up first, with one weight each, and the sum is then reduced across.

use pulp::Simd;

use crate::{
    imaging::Plane,
    simd::{self, LANES},
    watermark::layout::GRID,
};

/// Sides below this, in pixels, are enlarged on their way to the grid.
const ENLARGED_BELOW: usize = 512;
/// Keys' parameter a.
const KEYS_A: f64 = -0.75;

/// Luma of a picture, row by row, 0..=255.
pub(in crate::watermark) trait LumaRows {
    /// Returns the number of columns.
    fn width(&self) -> usize;
    /// Returns the number of rows.
    fn height(&self) -> usize;
    /// Writes row `y` into `out`, which is [`LumaRows::width`] long.
    fn read_row(&self, y: usize, out: &mut [f32]);
    /// Returns row `y` if it lies in memory as it is, so that it need not be written.
    fn borrow_row(&self, _y: usize) -> Option<&[f32]> {
        None
    }
}

impl LumaRows for Plane {
    fn width(&self) -> usize {
        self.width()
    }

    fn height(&self) -> usize {
        self.height()
    }

    fn read_row(&self, y: usize, out: &mut [f32]) {
        out.copy_from_slice(self.row(y));
    }

    fn borrow_row(&self, y: usize) -> Option<&[f32]> {
        Some(self.row(y))
    }
}

/// The rows of a picture, each written once if it is wanted twice in a row: neighbouring outputs
/// share the input row that their edge cuts.
struct Rows<'a, R> {
    picture: &'a R,
    row: Vec<f32>,
    /// The number of the row that `row` holds.
    held: Option<usize>,
}

impl<'a, R: LumaRows> Rows<'a, R> {
    fn new(picture: &'a R) -> Self {
        Self {
            picture,
            row: Vec::new(),
            held: None,
        }
    }

    /// Returns row `y`.
    fn get(&mut self, y: usize) -> &[f32] {
        let picture: &'a R = self.picture;
        if let Some(row) = picture.borrow_row(y) {
            return row;
        }
        if self.held != Some(y) {
            self.row.resize(picture.width(), 0.0);
            picture.read_row(y, &mut self.row);
            self.held = Some(y);
        }
        &self.row
    }
}

/// The weights of every output sample: runs of neighbouring input samples.
#[derive(Debug, Clone)]
pub(in crate::watermark) struct Taps {
    /// For each output, its first input sample and the end of its weights.
    runs: Vec<(usize, usize)>,
    weights: Vec<f32>,
    /// The weights again, those of each output filled up with zeros to as many lanes as the longest
    /// run needs.
    lanes: Vec<[f32; LANES]>,
}

impl Taps {
    /// Area average of an axis of `extent` input samples, of which the last may be a fraction, to
    /// `outputs`.
    pub(in crate::watermark) fn area(extent: f64, outputs: usize) -> Self {
        let step = extent / outputs as f64;
        let last = extent.ceil() as usize - 1;
        Self::collect(outputs, |output| {
            let (start, end) = (output as f64 * step, (output + 1) as f64 * step);
            let first = (start as usize).min(last);
            let weights = (first..=last)
                .take_while(|&input| input == first || (input as f64) < end)
                .map(|input| (end.min((input + 1) as f64) - start.max(input as f64)).max(0.0))
                .collect();
            (first, weights)
        })
    }

    /// Area average of an axis whose samples are themselves means of `extent` equal parts of it.
    ///
    /// Where a cell's edge cuts a part, a slope through the neighbouring means estimates the share
    /// of the part's sum that lies on either side: `f m_i - f (1 - f) (m_(i+1) - m_(i-1)) / 4` of
    /// part i before the fraction f.
    pub(in crate::watermark) fn area_of_means(extent: f64, outputs: usize) -> Self {
        let step = extent / outputs as f64;
        let last = extent.ceil() as usize - 1;
        Self::collect(outputs, |output| {
            let (start, end) = (
                output as f64 * step,
                ((output + 1) as f64 * step).min(extent),
            );
            let first = (start as usize).saturating_sub(1);
            let mut weights = vec![0.0; (end as usize + 1).min(last) - first + 1];
            for (edge, sign) in [(end, 1.0), (start, -1.0)] {
                let cut = (edge as usize).min(last);
                let fraction = edge - cut as f64;
                for weight in &mut weights[..cut - first] {
                    *weight += sign;
                }
                let slope = sign * fraction * (1.0 - fraction) / 4.0;
                weights[cut - first] += sign * fraction;
                weights[(cut + 1).min(last) - first] -= slope;
                weights[cut.saturating_sub(1).max(first) - first] += slope;
            }
            (first, weights)
        })
    }

    /// Bicubic interpolation of `inputs` samples at `outputs` places.
    pub(in crate::watermark) fn bicubic(inputs: usize, outputs: usize) -> Self {
        Self::collect(outputs, |output| bicubic_run(inputs, outputs, output))
    }

    /// Returns whether a side of this many pixels is averaged to the grid, not enlarged first.
    pub(in crate::watermark) fn averages(side: usize) -> bool {
        side >= ENLARGED_BELOW
    }

    /// Returns the taps from a picture's side to the canonical grid.
    pub(in crate::watermark) fn to_grid(side: usize) -> Self {
        if Self::averages(side) {
            return Self::area(side as f64, GRID);
        }
        Self::collect(GRID, |output| {
            let (first, left) = bicubic_run(side, 2 * GRID, 2 * output);
            let (second, right) = bicubic_run(side, 2 * GRID, 2 * output + 1);
            let mut weights = vec![0.0; second + right.len() - first];
            for (weight, left) in weights.iter_mut().zip(left) {
                *weight += left;
            }
            for (weight, right) in weights[second - first..].iter_mut().zip(right) {
                *weight += right;
            }
            (first, weights)
        })
    }

    /// Returns the taps from the grid to a picture's side: bicubic, or the area average where the
    /// side is shorter than the grid.
    pub(in crate::watermark) fn from_grid(side: usize) -> Self {
        if side >= GRID {
            Self::bicubic(GRID, side)
        } else {
            Self::area(GRID as f64, side)
        }
    }

    /// Gathers the runs of all outputs and scales each to a sum of 1.
    fn collect(outputs: usize, run: impl Fn(usize) -> (usize, Vec<f64>)) -> Self {
        let mut taps = Self {
            runs: Vec::with_capacity(outputs),
            weights: Vec::new(),
            lanes: Vec::new(),
        };
        for output in 0..outputs {
            let (first, weights) = run(output);
            let sum: f64 = weights.iter().sum();
            taps.weights
                .extend(weights.iter().map(|weight| (weight / sum) as f32));
            taps.runs.push((first, taps.weights.len()));
        }
        let longest = (0..outputs).map(|output| taps.run(output).1.len()).max();
        let whole = longest.unwrap_or(0).div_ceil(LANES);
        let mut lanes = vec![[0.0; LANES]; outputs * whole];
        for (output, lanes) in lanes.chunks_exact_mut(whole.max(1)).enumerate() {
            let weights = taps.run(output).1;
            lanes.as_flattened_mut()[..weights.len()].copy_from_slice(weights);
        }
        taps.lanes = lanes;
        taps
    }

    /// Returns the number of output samples.
    pub(in crate::watermark) fn outputs(&self) -> usize {
        self.runs.len()
    }

    /// Returns the first input sample of an output, and the weights from there on.
    pub(in crate::watermark) fn run(&self, output: usize) -> (usize, &[f32]) {
        let (first, end) = self.runs[output];
        let start = output
            .checked_sub(1)
            .map_or(0, |before| self.runs[before].1);
        (first, &self.weights[start..end])
    }

    /// Writes the outputs for a line of input samples.
    pub(in crate::watermark) fn apply(&self, line: &[f32], out: &mut [f32]) {
        apply(self, line, out);
    }
}

#[pulp::with_simd(apply = simd::arch())]
#[inline(always)]
fn apply_lanes<'a, S: Simd>(_: S, taps: &'a Taps, line: &'a [f32], out: &'a mut [f32]) {
    let lanes = taps.lanes.len() / taps.runs.len().max(1);
    let outputs = out
        .iter_mut()
        .zip(&taps.runs)
        .zip(taps.lanes.chunks_exact(lanes.max(1)));
    for (output, ((out, &(first, _)), weights)) in outputs.enumerate() {
        *out = match line.get(first..first + LANES * lanes) {
            Some(values) => simd::dot(values, weights.as_flattened()),
            None => simd::dot(&line[first..], taps.run(output).1),
        };
    }
}

/// Returns the bicubic weights of one output; those outside the line are given to its border
/// samples.
fn bicubic_run(inputs: usize, outputs: usize, output: usize) -> (usize, Vec<f64>) {
    let at = (output as f64 + 0.5) * inputs as f64 / outputs as f64 - 0.5;
    let base = at.floor();
    let t = at - base;
    let near = |x: f64| ((KEYS_A + 2.0) * x - (KEYS_A + 3.0)) * x * x + 1.0;
    let far = |x: f64| ((KEYS_A * x - 5.0 * KEYS_A) * x + 8.0 * KEYS_A) * x - 4.0 * KEYS_A;
    let kernel = [far(1.0 + t), near(t), near(1.0 - t), far(2.0 - t)];
    let last = inputs as f64 - 1.0;
    let index = |tap: usize| (base - 1.0 + tap as f64).clamp(0.0, last) as usize;
    let first = index(0);
    let mut weights = vec![0.0; index(3) - first + 1];
    for (tap, weight) in kernel.into_iter().enumerate() {
        weights[index(tap) - first] += weight;
    }
    (first, weights)
}

/// Resamples a picture: `x` across, `y` down.
pub(in crate::watermark) fn resample(rows: &impl LumaRows, x: &Taps, y: &Taps) -> Plane {
    let mut out = Plane::new(x.outputs(), y.outputs());
    let mut sum = vec![0.0; rows.width()];
    let mut rows = Rows::new(rows);
    for output in 0..y.outputs() {
        let (first, weights) = y.run(output);
        sum.fill(0.0);
        for (input, &weight) in (first..).zip(weights) {
            add_scaled(rows.get(input), weight, &mut sum);
        }
        x.apply(&sum, out.row_mut(output));
    }
    out
}

/// Adds a row to `sum`, weighted.
#[pulp::with_simd(add_scaled = simd::arch())]
#[inline(always)]
pub(in crate::watermark) fn add_scaled_lanes<'a, S: Simd>(
    _: S,
    row: &'a [f32],
    weight: f32,
    sum: &'a mut [f32],
) {
    for (sum, sample) in sum.iter_mut().zip(row) {
        *sum += weight * sample;
    }
}

/// Computes mean and variance of a picture over the cells of area taps.
///
/// Deviations are taken from the first row of a cell and then from the cell's mean, so that a flat
/// picture has a variance of exactly zero; `E[Y^2] - E[Y]^2` in `f32` would not.
pub(in crate::watermark) fn moments(rows: &impl LumaRows, x: &Taps, y: &Taps) -> (Plane, Plane) {
    let mut mean = Plane::new(x.outputs(), y.outputs());
    let mut variance = mean.clone();
    let width = rows.width();
    let mut top = vec![0.0; width];
    let mut sum = vec![0.0_f32; width];
    let mut square = vec![0.0_f32; width];
    let mut rows = Rows::new(rows);
    for output in 0..y.outputs() {
        let (first, weights) = y.run(output);
        top.copy_from_slice(rows.get(first));
        sum.fill(0.0);
        square.fill(0.0);
        for (input, &weight) in (first + 1..).zip(&weights[1..]) {
            add_deviations(rows.get(input), &top, weight, &mut sum, &mut square);
        }
        // From here on `top` is the mean of each column and `square` its variance.
        for ((top, square), sum) in top.iter_mut().zip(&mut square).zip(&sum) {
            *square -= sum * sum;
            *top += sum;
        }
        x.apply(&top, mean.row_mut(output));
        for (cell, variance) in variance.row_mut(output).iter_mut().enumerate() {
            let (first, weights) = x.run(cell);
            let mean = mean.row(output)[cell];
            let columns = top[first..].iter().zip(&square[first..]);
            *variance = weights
                .iter()
                .zip(columns)
                .map(|(weight, (column, inside))| {
                    weight * (inside + (column - mean) * (column - mean))
                })
                .sum::<f32>()
                .max(0.0);
        }
    }
    (mean, variance)
}

/// Adds the deviations of a row from the top row of its cell, and their squares, weighted.
#[pulp::with_simd(add_deviations = simd::arch())]
#[inline(always)]
fn add_deviations_lanes<'a, S: Simd>(
    _: S,
    row: &'a [f32],
    top: &'a [f32],
    weight: f32,
    sum: &'a mut [f32],
    square: &'a mut [f32],
) {
    let sums = sum.iter_mut().zip(square);
    for ((sum, square), (sample, top)) in sums.zip(row.iter().zip(top)) {
        let deviation = sample - top;
        *sum += weight * deviation;
        *square += weight * deviation * deviation;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(width: usize, height: usize) -> Plane {
        let mut plane = Plane::new(width, height);
        for y in 0..height {
            for (x, sample) in plane.row_mut(y).iter_mut().enumerate() {
                *sample = x as f32 + 100.0 * y as f32;
            }
        }
        plane
    }

    #[test]
    fn area_weights_are_the_overlaps() {
        let taps = Taps::area(5.0, 2);
        assert_eq!(taps.run(0), (0, &[0.4, 0.4, 0.2][..]));
        assert_eq!(taps.run(1), (2, &[0.2, 0.4, 0.4][..]));
        let fraction = Taps::area(2.5, 1);
        assert_eq!(fraction.run(0), (0, &[0.4, 0.4, 0.2][..]));
        let enlarging = Taps::area(2.0, 4);
        assert_eq!(enlarging.run(1), (0, &[1.0][..]));
    }

    #[test]
    fn every_axis_keeps_a_constant_and_stays_inside() {
        for side in [1, 2, 16, 100, 255, 256, 300, 511, 512, 513, 4000] {
            for (taps, inputs) in [(Taps::to_grid(side), side), (Taps::from_grid(side), GRID)] {
                for output in 0..taps.outputs() {
                    let (first, weights) = taps.run(output);
                    assert!(first + weights.len() <= inputs, "{side}");
                    assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{side}");
                }
            }
        }
    }

    #[test]
    fn bicubic_reproduces_a_ramp_inside() {
        let line: Vec<f32> = (0..256).map(|x| x as f32).collect();
        let mut out = vec![0.0; 1024];
        Taps::bicubic(256, 1024).apply(&line, &mut out);
        for (x, value) in out.iter().enumerate().skip(16).take(990) {
            // Keys with a = -3/4 is exact on constants only; on a ramp it is off by up to 0.03 of a
            // step.
            let expected = (x as f32 + 0.5) / 4.0 - 0.5;
            assert!((value - expected).abs() < 0.06, "{x}: {value} {expected}");
        }
    }

    #[test]
    fn moments_agree_with_their_definition() {
        let picture = ramp(600, 530);
        let (x, y) = (Taps::area(600.0, 256), Taps::area(530.0, 256));
        let (mean, variance) = moments(&picture, &x, &y);
        let direct = resample(&picture, &x, &y);
        for (a, b) in mean.data().iter().zip(direct.data()) {
            assert!((a - b).abs() < b.abs() * 1e-5 + 1e-2, "{a} {b}");
        }
        // Cell 3 covers the columns 7.03 .. 9.375 and the rows 6.21 .. 8.28.
        let spread = |taps: &Taps| {
            let (first, weights) = taps.run(3);
            let at = |power: i32| -> f64 {
                (first..)
                    .zip(weights)
                    .map(|(i, &w)| f64::from(w) * (i as f64).powi(power))
                    .sum()
            };
            at(2) - at(1) * at(1)
        };
        let expected = spread(&x) + 100.0 * 100.0 * spread(&y);
        let actual = f64::from(variance.row(3)[3]);
        assert!(
            (actual - expected).abs() < 0.01 * expected,
            "{actual} {expected}"
        );
    }

    #[test]
    fn a_flat_picture_has_no_variance() {
        let mut flat = Plane::new(600, 600);
        flat.data_mut().fill(254.7);
        let taps = Taps::area(600.0, 256);
        let (_, variance) = moments(&flat, &taps, &taps);
        assert!(variance.data().iter().all(|&v| v < 1e-6));
    }

    /// Bits of samples.
    fn bits(plane: &Plane) -> Vec<u32> {
        plane.data().iter().map(|sample| sample.to_bits()).collect()
    }

    #[test]
    fn samples_are_the_same_bits_on_every_instruction_set() {
        let data = (0..603 * 531_u64).map(|at| (at * 7_919 % 1_013) as f32 * 0.251);
        let picture = Plane::from_vec(603, 531, data.collect()).unwrap();
        let (x, y) = (Taps::area(603.0, 256), Taps::area(531.0, 256));
        let all = || {
            let (mean, variance) = moments(&picture, &x, &y);
            [resample(&picture, &x, &y), mean, variance].map(|plane| bits(&plane))
        };
        assert_eq!(all(), simd::narrow::run(all));
    }

    /// Rows that count how often they are written.
    struct Counted<'a>(&'a Plane, std::cell::RefCell<Vec<usize>>);

    impl LumaRows for Counted<'_> {
        fn width(&self) -> usize {
            self.0.width()
        }

        fn height(&self) -> usize {
            self.0.height()
        }

        fn read_row(&self, y: usize, out: &mut [f32]) {
            self.1.borrow_mut()[y] += 1;
            out.copy_from_slice(self.0.row(y));
        }
    }

    #[test]
    fn each_row_is_written_once_and_as_if_it_were_borrowed() {
        let picture = ramp(600, 530);
        let rows = Counted(&picture, std::cell::RefCell::new(vec![0; 530]));
        let (x, y) = (Taps::area(600.0, 256), Taps::area(530.0, 256));
        assert_eq!(
            bits(&resample(&rows, &x, &y)),
            bits(&resample(&picture, &x, &y))
        );
        assert_eq!(rows.1.take(), vec![1; 530]);
    }
}
