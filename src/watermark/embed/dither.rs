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

use rand_chacha::rand_core::Rng;

use crate::{
    imaging::{Layout, Plane, Raster, SamplesMut},
    watermark::{
        key::{Stream, WatermarkKey},
        layout::GRID,
        sampling::resample::Taps,
    },
};

/// Number of 16-bit steps in an 8-bit step.
const STEPS_16: f32 = 257.0;

/// Adds a residual (256 x 256, stored orientation, in 8-bit steps) to the pixels of a raster.
pub(in crate::watermark) fn add_residual(
    raster: &mut Raster,
    residual: &Plane,
    key: &WatermarkKey,
) {
    let (width, height) = (raster.width() as usize, raster.height() as usize);
    let mut enlarger = Enlarger::new(residual, width, height);
    let mut dither = key.stream(Stream::Dither);
    // Whole words of the stream, so that a row's length does not decide where in a word the next
    // row begins.
    let mut bytes = vec![0; width.next_multiple_of(4)];
    let mut row = vec![0.0; width];
    let mut steps = vec![0; width];
    let layout = raster.layout();
    let length = width * layout.channels();
    let scale = match raster.samples_mut() {
        SamplesMut::U8(_) => 1.0,
        SamplesMut::U16(_) => STEPS_16,
    };
    for y in 0..height {
        enlarger.read_row(y, &mut row);
        dither.fill_bytes(&mut bytes);
        for ((step, value), byte) in steps.iter_mut().zip(&row).zip(&bytes) {
            *step = floor(value * scale + (f32::from(*byte) + 0.5) / 256.0);
        }
        let range = y * length..(y + 1) * length;
        match raster.samples_mut() {
            SamplesMut::U8(samples) => move_row(&mut samples[range], &steps, layout),
            SamplesMut::U16(samples) => move_row(&mut samples[range], &steps, layout),
        }
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
        move_row(row, &steps, layout);
    }
}

/// Returns the largest whole number not above x. Without SSE4.1 `f32::floor` is a call for every
/// pixel.
fn floor(x: f32) -> i32 {
    let whole = x as i32;
    whole - i32::from(whole as f32 > x)
}

/// A sample that moves by whole steps, saturating at the ends of its range.
trait Sample: Copy + Default + PartialEq {
    /// Splits a step into the amounts to add and to subtract; one of them is zero.
    fn split(step: i32) -> (Self, Self);
    /// Returns the sample moved up and down by the two amounts.
    fn moved(self, up: Self, down: Self) -> Self;
}

impl Sample for u8 {
    fn split(step: i32) -> (Self, Self) {
        let most = i32::from(Self::MAX);
        (step.clamp(0, most) as Self, (-step).clamp(0, most) as Self)
    }

    fn moved(self, up: Self, down: Self) -> Self {
        self.saturating_add(up).saturating_sub(down)
    }
}

impl Sample for u16 {
    fn split(step: i32) -> (Self, Self) {
        let most = i32::from(Self::MAX);
        (step.clamp(0, most) as Self, (-step).clamp(0, most) as Self)
    }

    fn moved(self, up: Self, down: Self) -> Self {
        self.saturating_add(up).saturating_sub(down)
    }
}

/// Moves the colours of a row of pixels.
fn move_row<S: Sample>(samples: &mut [S], steps: &[i32], layout: Layout) {
    match layout {
        Layout::Gray => add_to_pixels::<S, 1>(samples, steps, |_| true),
        Layout::GrayAlpha => {
            add_to_pixels::<S, 2>(samples, steps, |pixel| pixel[1] != S::default());
        }
        Layout::Rgb => add_to_pixels::<S, 3>(samples, steps, |_| true),
        Layout::Rgba => add_to_pixels::<S, 4>(samples, steps, |pixel| pixel[3] != S::default()),
    }
}

/// Moves the visible pixels, of `N` samples each.
fn add_to_pixels<S: Sample, const N: usize>(
    samples: &mut [S],
    steps: &[i32],
    visible: impl Fn(&[S; N]) -> bool,
) {
    // Layouts with an even number of samples end in alpha.
    let colours = if N.is_multiple_of(2) { N - 1 } else { N };
    let (pixels, _) = samples.as_chunks_mut::<N>();
    for (pixel, &step) in pixels.iter_mut().zip(steps) {
        let (up, down) = S::split(if visible(pixel) { step } else { 0 });
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
        for (row, weight) in (first..).zip(weights) {
            for (out, value) in out.iter_mut().zip(self.lines.row(row % rows)) {
                *out += weight * value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{imaging::Samples, watermark::sampling::resample::resample};

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
        for x in [-2.0_f32, -1.5, -0.001, 0.0, 0.999, 1.0, 7.25] {
            assert_eq!(floor(x), x.floor() as i32);
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
            add_residual(&mut raster, &residual, &key());
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
        add_residual(&mut raster, &residual, &key());
        let Samples::U8(samples) = raster.samples() else {
            unreachable!()
        };
        assert!(
            samples
                .chunks_exact(6)
                .all(|p| *p == [10, 0, 25, 255, 255, 9])
        );
    }
}
