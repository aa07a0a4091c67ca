//! Marking pixels: the enlarged residual, rounded at random.
//!
//! ```text
//! out = floor(v + R + u)      v: sample, R: residual there, u: uniform in [0, 1), one for all colours of a pixel
//!     = v + floor(R + u)      because v is whole; clamped to the samples' range
//! ```
//!
//! The expectation of out is v + R even where R is far below a step, as in flat, dark and large
//! photos; plain rounding would leave nothing there (measured: docs/watermark.md). u comes from the
//! key's dither stream, 8 bits a pixel: the mean error of 1/512 step is far below the mark. 16-bit
//! samples take 257 R and u in their own steps. Alpha is left alone, and so are the pixels that it
//! hides. Pictures whose files such grain would swell are marked by [`super::sparse`] instead.
//!
//! The grid is enlarged row by row: each of its 256 rows is enlarged across once, then a few of
//! them are summed down for every row of the picture.

use pulp::Simd;
use rand_chacha::{ChaCha20Rng, rand_core::Rng};

use super::difference::Squares;
use crate::{
    imaging::{Layout, Plane, Raster, Samples, SamplesMut},
    simd,
    watermark::{
        key::{Stream, WatermarkKey},
        layout::GRID,
        sampling::{
            luma::{STEPS_16, SampleRow},
            resample::{Taps, add_scaled},
        },
    },
};

/// 1.5 * 2^23: added to a number below 2^22, it leaves no bits for a fraction, and the whole part
/// in the last ones.
const WHOLE: f32 = 12_582_912.0;

/// Samples that are kept or not as a whole: few enough that a lone highlight keeps little, and many
/// enough that their place costs little.
const PIECE: usize = 64;

/// A mark in a raster, and what it takes to have the original back, so that there is no second
/// raster.
///
/// Moving back undoes a step unless a sample reached an end of its range. The samples around those
/// that did are kept.
#[derive(Debug)]
pub(in crate::watermark) struct Mark {
    /// Mean square difference from the original, in grey levels squared.
    pub(in crate::watermark) change: f64,
    residual: Plane,
    /// Where the kept samples begin.
    places: Vec<usize>,
    kept: Samples,
}

impl Mark {
    /// Adds a residual (256 x 256, stored orientation, in 8-bit steps) to the pixels of a raster.
    pub(in crate::watermark) fn put(
        raster: &mut Raster,
        residual: Plane,
        key: &WatermarkKey,
    ) -> Self {
        let layout = raster.layout();
        let mut squares = Squares::new(raster.width() as usize * layout.colour_channels());
        let mut steps = StepRows::new(&residual, raster, key);
        let mut places = Vec::new();
        let kept = match raster.samples_mut() {
            SamplesMut::U8(samples) => {
                Samples::U8(put(samples, layout, &mut steps, &mut squares, &mut places))
            }
            SamplesMut::U16(samples) => {
                Samples::U16(put(samples, layout, &mut steps, &mut squares, &mut places))
            }
        };
        Self {
            change: squares.mean(),
            residual,
            places,
            kept,
        }
    }

    /// Gives the raster its original samples back.
    pub(in crate::watermark) fn take_off(self, raster: &mut Raster, key: &WatermarkKey) {
        let layout = raster.layout();
        let mut steps = StepRows::new(&self.residual, raster, key);
        match (raster.samples_mut(), &self.kept) {
            (SamplesMut::U8(samples), Samples::U8(kept)) => {
                take_off(samples, layout, &mut steps, &self.places, kept);
            }
            (SamplesMut::U16(samples), Samples::U16(kept)) => {
                take_off(samples, layout, &mut steps, &self.places, kept);
            }
            (SamplesMut::U8(_), Samples::U16(_)) | (SamplesMut::U16(_), Samples::U8(_)) => {}
        }
    }
}

/// Moves samples by the steps of their rows, and returns the pieces that moving back would not
/// restore.
fn put<S: Sample>(
    samples: &mut [S],
    layout: Layout,
    steps: &mut StepRows<'_>,
    squares: &mut Squares,
    places: &mut Vec<usize>,
) -> Vec<S> {
    let length = steps.row.len() * layout.channels();
    let (mut before, mut back) = (vec![S::default(); length], vec![S::default(); length]);
    let mut kept = Vec::new();
    for (y, row) in samples.chunks_exact_mut(length).enumerate() {
        let steps = steps.read_row(y, S::STEPS);
        before.copy_from_slice(row);
        move_row(row, steps, layout, 1);
        squares.add((S::row(&before), layout), (S::row(row), layout));
        back.copy_from_slice(row);
        move_row(&mut back, steps, layout, -1);
        let pieces = before.chunks(PIECE).zip(back.chunks(PIECE)).enumerate();
        for (piece, (before, _)) in pieces.filter(|(_, (before, back))| before != back) {
            places.push(y * length + piece * PIECE);
            kept.extend_from_slice(before);
        }
    }
    kept
}

/// Moves samples back, and puts the kept ones in their places.
fn take_off<S: Sample>(
    samples: &mut [S],
    layout: Layout,
    steps: &mut StepRows<'_>,
    places: &[usize],
    mut kept: &[S],
) {
    let length = steps.row.len() * layout.channels();
    for (y, row) in samples.chunks_exact_mut(length).enumerate() {
        move_row(row, steps.read_row(y, S::STEPS), layout, -1);
    }
    for &place in places {
        let row_end = (place / length + 1) * length;
        let (piece, rest) = kept.split_at(PIECE.min(row_end - place));
        samples[place..place + piece.len()].copy_from_slice(piece);
        kept = rest;
    }
}

/// The steps by which the pixels of each row move.
struct StepRows<'a> {
    enlarger: Enlarger<'a>,
    dither: ChaCha20Rng,
    bytes: Vec<u8>,
    row: Vec<f32>,
    steps: Vec<i32>,
}

impl<'a> StepRows<'a> {
    fn new(residual: &'a Plane, raster: &Raster, key: &WatermarkKey) -> Self {
        let (width, height) = (raster.width() as usize, raster.height() as usize);
        Self {
            enlarger: Enlarger::new(residual, width, height),
            dither: key.stream(Stream::Dither),
            // Whole words of the stream, so that a row's length does not decide where in a word
            // the next row begins.
            bytes: vec![0; width.next_multiple_of(4)],
            row: vec![0.0; width],
            steps: vec![0; width],
        }
    }

    /// Returns the steps of row `y`, of which an 8-bit step has `scale`. Rows must be read in
    /// ascending order.
    fn read_row(&mut self, y: usize, scale: f32) -> &[i32] {
        self.enlarger.read_row(y, &mut self.row);
        self.dither.fill_bytes(&mut self.bytes);
        round_at_random(&self.row, &self.bytes, scale, &mut self.steps);
        &self.steps
    }
}

/// Rounds a row of the residual by the bytes of the stream.
#[pulp::with_simd(round_at_random = simd::arch())]
#[inline(always)]
fn round_at_random_lanes<'a, S: Simd>(
    _: S,
    row: &'a [f32],
    bytes: &'a [u8],
    scale: f32,
    steps: &'a mut [i32],
) {
    for ((step, value), byte) in steps.iter_mut().zip(row).zip(bytes) {
        *step = floor(value * scale + (f32::from(*byte) + 0.5) / 256.0);
    }
}

/// Returns a residual scaled to a strength.
pub(in crate::watermark) fn scaled(residual: &Plane, strength: f32) -> Plane {
    let mut scaled = residual.clone();
    for value in scaled.data_mut() {
        *value *= strength;
    }
    scaled
}

/// Adds whole grey levels to an 8-bit raster, the same to all pixels of a cell of the grid (256 x
/// 256, stored orientation).
pub(in crate::watermark) fn add_steps(raster: &mut Raster, cells: &Plane) {
    let (width, height) = (raster.width() as usize, raster.height() as usize);
    let layout = raster.layout();
    let length = width * layout.channels();
    let mut steps = vec![0; width];
    let SamplesMut::U8(samples) = raster.samples_mut() else {
        return;
    };
    for (y, row) in samples.chunks_exact_mut(length).enumerate() {
        let cells = cells.row(y * GRID / height);
        for (x, step) in steps.iter_mut().enumerate() {
            *step = cells[x * GRID / width] as i32;
        }
        move_row(row, &steps, layout, 1);
    }
}

/// Returns the largest whole number not above x, for x between -2^22 and 2^22. (A residual has unit
/// RMS times strength and mask, below 6,300 steps of 8 bits in its highest peak.)
///
/// `f32::floor` is a call without SSE4.1, and a cast to whole numbers, which saturates, is done one
/// by one; this is a handful of vector instructions.
#[inline(always)]
fn floor(x: f32) -> i32 {
    let nearest = (x + WHOLE) - WHOLE;
    let floor = if nearest > x { nearest - 1.0 } else { nearest };
    (floor + WHOLE).to_bits().cast_signed() - WHOLE.to_bits().cast_signed()
}

/// A sample that moves by whole steps, saturating at the ends of its range.
trait Sample: Copy + Default + PartialEq {
    /// Number of its steps in an 8-bit step.
    const STEPS: f32;
    /// Splits a step into the amounts to add and to subtract; one of them is zero.
    fn split(step: i32) -> (Self, Self);
    /// Returns the sample moved up and down by the two amounts.
    fn moved(self, up: Self, down: Self) -> Self;
    /// Returns samples as a row of a raster.
    fn row(samples: &[Self]) -> SampleRow<'_>;
}

impl Sample for u8 {
    const STEPS: f32 = 1.0;

    #[inline(always)]
    fn split(step: i32) -> (Self, Self) {
        let most = i32::from(Self::MAX);
        (step.clamp(0, most) as Self, (-step).clamp(0, most) as Self)
    }

    #[inline(always)]
    fn moved(self, up: Self, down: Self) -> Self {
        self.saturating_add(up).saturating_sub(down)
    }

    fn row(samples: &[Self]) -> SampleRow<'_> {
        SampleRow::U8(samples)
    }
}

impl Sample for u16 {
    const STEPS: f32 = STEPS_16;

    #[inline(always)]
    fn split(step: i32) -> (Self, Self) {
        let most = i32::from(Self::MAX);
        (step.clamp(0, most) as Self, (-step).clamp(0, most) as Self)
    }

    #[inline(always)]
    fn moved(self, up: Self, down: Self) -> Self {
        self.saturating_add(up).saturating_sub(down)
    }

    fn row(samples: &[Self]) -> SampleRow<'_> {
        SampleRow::U16(samples)
    }
}

/// Moves the colours of a row of pixels, by the steps times `sign`.
#[pulp::with_simd(move_row = simd::arch())]
#[inline(always)]
fn move_row_lanes<'a, V: Simd, S: Sample>(
    _: V,
    samples: &'a mut [S],
    steps: &'a [i32],
    layout: Layout,
    sign: i32,
) {
    let hidden = S::default();
    match layout {
        Layout::Gray => add_to_pixels::<S, 1>(samples, steps, sign, |_| true),
        Layout::GrayAlpha => add_to_pixels::<S, 2>(samples, steps, sign, |p| p[1] != hidden),
        Layout::Rgb => add_to_pixels::<S, 3>(samples, steps, sign, |_| true),
        Layout::Rgba => add_to_pixels::<S, 4>(samples, steps, sign, |p| p[3] != hidden),
    }
}

/// Moves the visible pixels, of `N` samples each.
#[inline(always)]
fn add_to_pixels<S: Sample, const N: usize>(
    samples: &mut [S],
    steps: &[i32],
    sign: i32,
    visible: impl Fn(&[S; N]) -> bool,
) {
    // Layouts with an even number of samples end in alpha.
    let colours = if N.is_multiple_of(2) { N - 1 } else { N };
    let (pixels, _) = samples.as_chunks_mut::<N>();
    for (pixel, &step) in pixels.iter_mut().zip(steps) {
        let (up, down) = S::split(if visible(pixel) { sign * step } else { 0 });
        for sample in &mut pixel[..colours] {
            *sample = sample.moved(up, down);
        }
    }
}

/// Enlarges the grid to the rows of a picture, one row at a time.
pub(in crate::watermark) struct Enlarger<'a> {
    grid: &'a Plane,
    across: Taps,
    down: Taps,
    /// The latest rows of the grid, enlarged across; row i is at `i % rows`.
    lines: Plane,
    /// Number of rows enlarged so far.
    ready: usize,
}

impl<'a> Enlarger<'a> {
    pub(in crate::watermark) fn new(grid: &'a Plane, width: usize, height: usize) -> Self {
        let down = Taps::from_grid(height);
        let rows = (0..height).map(|y| down.run(y).1.len()).max().unwrap_or(1);
        Self {
            grid,
            across: Taps::from_grid(width),
            down,
            lines: Plane::new(width, rows),
            ready: 0,
        }
    }

    /// Writes row `y`. Rows must be read in ascending order.
    pub(in crate::watermark) fn read_row(&mut self, y: usize, out: &mut [f32]) {
        let (first, weights) = self.down.run(y);
        let rows = self.lines.height();
        while self.ready < (first + weights.len()).min(GRID) {
            let line = self.lines.row_mut(self.ready % rows);
            self.across.apply(self.grid.row(self.ready), line);
            self.ready += 1;
        }
        out.fill(0.0);
        for (row, &weight) in (first..).zip(weights) {
            add_scaled(self.lines.row(row % rows), weight, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watermark::{
        embed::difference::mean_square_difference, sampling::resample::resample,
    };

    fn key() -> WatermarkKey {
        WatermarkKey::derive(&[7; 32], &[9; 16])
    }

    fn ramp() -> Plane {
        let data = (0..GRID * GRID)
            .map(|i| (i % 97) as f32 / 97.0 - 0.5)
            .collect();
        Plane::from_vec(GRID, GRID, data).unwrap()
    }

    #[test]
    fn rows_are_those_of_the_whole_enlarged_picture() {
        let grid = ramp();
        for (width, height) in [(300, 400), (100, 300), (300, 17)] {
            let whole = resample(&grid, &Taps::from_grid(width), &Taps::from_grid(height));
            let mut enlarger = Enlarger::new(&grid, width, height);
            let mut row = vec![0.0; width];
            for y in 0..height {
                enlarger.read_row(y, &mut row);
                for (a, b) in row.iter().zip(whole.row(y)) {
                    assert!((a - b).abs() < 1e-5, "{width} x {height} row {y}");
                }
            }
        }
    }

    #[test]
    fn floor_is_floor() {
        for x in [
            -2.0_f32, -1.5, -0.001, -1e-30, -0.0, 0.0, 1e-30, 0.5, 0.999, 1.0, 2.5, 7.25,
        ] {
            assert_eq!(floor(x), x.floor() as i32, "{x}");
        }
        for eighths in (-33_554_000..33_554_000).step_by(89) {
            let x = eighths as f32 / 8.0;
            assert_eq!(floor(x), x.floor() as i32, "{x}");
        }
    }

    #[test]
    fn a_fraction_of_a_step_is_kept_on_average() {
        let mut residual = Plane::new(GRID, GRID);
        residual.data_mut().fill(0.3);
        for (samples, expected) in [
            (Samples::U8(vec![100; 64 * 64 * 3]), 100.3),
            (Samples::U16(vec![1000; 64 * 64 * 3]), 1000.0 + 0.3 * 257.0),
        ] {
            let mut raster = Raster::new(64, 64, Layout::Rgb, samples).unwrap();
            Mark::put(&mut raster, residual.clone(), &key());
            let values: Vec<f64> = match raster.samples() {
                Samples::U8(samples) => samples.iter().map(|&s| s.into()).collect(),
                Samples::U16(samples) => samples.iter().map(|&s| s.into()).collect(),
            };
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            assert!((mean - expected).abs() < 0.05, "{mean}");
            assert!(values.chunks_exact(3).all(|p| p[1..] == [p[0]; 2]));
        }
    }

    #[test]
    fn alpha_and_hidden_pixels_stay() {
        let mut residual = Plane::new(GRID, GRID);
        residual.data_mut().fill(5.0);
        let samples = Samples::U8([10, 0, 20, 255, 254, 9].repeat(16 * 16));
        let mut raster = Raster::new(48, 16, Layout::GrayAlpha, samples).unwrap();
        Mark::put(&mut raster, residual, &key());
        let Samples::U8(samples) = raster.samples() else {
            unreachable!()
        };
        assert!(
            samples
                .chunks_exact(6)
                .all(|p| *p == [10, 0, 25, 255, 255, 9])
        );
    }

    /// Pictures of all layouts and depths, with many samples at the ends of their range.
    fn rasters() -> Vec<Raster> {
        let layouts = [Layout::Gray, Layout::GrayAlpha, Layout::Rgb, Layout::Rgba];
        let of_layout = |layout: Layout| {
            let count = 301 * 40 * layout.channels();
            let bytes: Vec<u8> = (0..count).map(|at| (at * 97 % 256) as u8).collect();
            let words = bytes.iter().map(|&byte| u16::from(byte) * 257).collect();
            [Samples::U8(bytes), Samples::U16(words)]
                .map(|samples| Raster::new(301, 40, layout, samples).unwrap())
        };
        layouts.into_iter().flat_map(of_layout).collect()
    }

    #[test]
    fn marked_samples_are_the_same_on_every_instruction_set() {
        for original in rasters() {
            let mark = || {
                let mut marked = original.clone();
                let mark = Mark::put(&mut marked, scaled(&ramp(), 9.0), &key());
                (marked, mark.change.to_bits())
            };
            let (marked, change) = mark();
            let layout = original.layout();
            assert!(marked != original, "{layout:?}");
            assert!(
                simd::narrow::run(mark) == (marked.clone(), change),
                "{layout:?}"
            );
            let again = mean_square_difference(&original, &marked);
            assert_eq!(change, again.to_bits(), "{layout:?}");
        }
    }

    #[test]
    fn a_mark_that_is_taken_off_leaves_the_original() {
        for original in rasters() {
            let mut raster = original.clone();
            let mark = Mark::put(&mut raster, scaled(&ramp(), 9.0), &key());
            assert!(!mark.places.is_empty());
            mark.take_off(&mut raster, &key());
            assert!(raster == original, "{:?}", original.layout());
        }
    }

    #[test]
    fn nothing_is_kept_of_a_picture_that_reaches_no_end() {
        let samples = Samples::U8(vec![100; 64 * 64 * 3]);
        let mut raster = Raster::new(64, 64, Layout::Rgb, samples).unwrap();
        let mark = Mark::put(&mut raster, scaled(&ramp(), 9.0), &key());
        assert!(mark.places.is_empty() && mark.kept == Samples::U8(Vec::new()));
    }
}
