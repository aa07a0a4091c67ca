//! Distance between two rasters of one size, as viewers show them.
//!
//! ```text
//! mean over pixels and colours of (a - b)^2       colours: red, green and blue, or grey; samples on 0..=255
//! c = alpha c + (1 - alpha) 255                   on white, as in the luma of the grid
//! ```
//!
//! Colours, not luma: a codec that encodes the picture anew changes chroma as well, and more than
//! luma where it halves its resolution.

use pulp::Simd;

use crate::{
    imaging::{Layout, Raster},
    simd,
    watermark::sampling::luma::{STEPS_16, SampleRow, WHITE, row},
};

/// Squares of 8-bit differences that a sum of 32 bits holds.
const SQUARES: usize = 1 << 16;

/// Returns the mean square difference of two rasters of equal size and number of colours, in grey
/// levels squared.
pub(in crate::watermark) fn mean_square_difference(a: &Raster, b: &Raster) -> f64 {
    let mut squares = Squares::new(a.width() as usize * a.layout().colour_channels());
    for y in 0..a.height() as usize {
        squares.add((row(a, y), a.layout()), (row(b, y), b.layout()));
    }
    squares.mean()
}

/// The squares of the differences of two rasters, row by row.
#[derive(Debug)]
pub(in crate::watermark) struct Squares {
    sum: f64,
    rows: usize,
    /// The colours of a row of either raster, on white, 0..=255.
    a: Vec<f32>,
    b: Vec<f32>,
}

impl Squares {
    /// Prepares for rows of this many colours.
    pub(in crate::watermark) fn new(colours: usize) -> Self {
        Self {
            sum: 0.0,
            rows: 0,
            a: vec![0.0; colours],
            b: vec![0.0; colours],
        }
    }

    /// Adds a row of either raster.
    pub(in crate::watermark) fn add(
        &mut self,
        a: (SampleRow<'_>, Layout),
        b: (SampleRow<'_>, Layout),
    ) {
        self.rows += 1;
        self.sum += match (a, b) {
            ((SampleRow::U8(a), seen), (SampleRow::U8(b), sent))
                if !seen.has_alpha() && !sent.has_alpha() =>
            {
                whole_squares(a, b) as f64
            }
            (a, b) => {
                read_colours(a, &mut self.a);
                read_colours(b, &mut self.b);
                f64::from(squares(&mut self.a, &self.b))
            }
        };
    }

    /// Returns the mean of all squares so far.
    pub(in crate::watermark) fn mean(&self) -> f64 {
        self.sum / (self.a.len() * self.rows) as f64
    }
}

/// Adds up the squares of whole differences.
#[pulp::with_simd(whole_squares = simd::arch())]
#[inline(always)]
fn whole_squares_lanes<'a, S: Simd>(_: S, a: &'a [u8], b: &'a [u8]) -> u64 {
    let mut sum = 0;
    for (a, b) in a.chunks(SQUARES).zip(b.chunks(SQUARES)) {
        let mut part = 0;
        for (&a, &b) in a.iter().zip(b) {
            let difference = i16::from(a) - i16::from(b);
            part += (i32::from(difference) * i32::from(difference)).cast_unsigned();
        }
        sum += u64::from(part);
    }
    sum
}

/// Adds up the squares of the differences, which are left in `a`.
#[pulp::with_simd(squares = simd::arch())]
#[inline(always)]
fn squares_lanes<'a, S: Simd>(_: S, a: &'a mut [f32], b: &'a [f32]) -> f32 {
    for (a, b) in a.iter_mut().zip(b) {
        *a -= b;
    }
    simd::dot(a, a)
}

/// Writes the colours of a row, on white, 0..=255.
fn read_colours((row, layout): (SampleRow<'_>, Layout), out: &mut [f32]) {
    match row {
        SampleRow::U8(samples) => colour_row(samples, layout, 1.0, out),
        SampleRow::U16(samples) => colour_row(samples, layout, 1.0 / STEPS_16, out),
    }
}

/// Writes the colours of a row; `scale` takes samples to 0..=255.
#[pulp::with_simd(colour_row = simd::arch())]
#[inline(always)]
fn colour_row_lanes<'a, V: Simd, S: Copy + Into<f32>>(
    _: V,
    samples: &'a [S],
    layout: Layout,
    scale: f32,
    out: &'a mut [f32],
) {
    if !layout.has_alpha() {
        for (out, sample) in out.iter_mut().zip(samples) {
            *out = (*sample).into() * scale;
        }
        return;
    }
    let colours = layout.colour_channels();
    let pixels = samples.chunks_exact(layout.channels());
    for (out, pixel) in out.chunks_exact_mut(colours).zip(pixels) {
        let alpha = pixel[colours].into() * scale / WHITE;
        for (out, sample) in out.iter_mut().zip(pixel) {
            *out = WHITE + ((*sample).into() * scale - WHITE) * alpha;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::Samples;

    fn difference(layouts: [Layout; 2], samples: [Samples; 2]) -> f64 {
        let [a, b] = samples;
        let a = Raster::new(1, 1, layouts[0], a).unwrap();
        let b = Raster::new(1, 1, layouts[1], b).unwrap();
        mean_square_difference(&a, &b)
    }

    #[test]
    fn colours_count_alike_and_only_as_far_as_they_are_seen() {
        let (rgb, rgba) = (Layout::Rgb, Layout::Rgba);
        let u8 = |samples: &[u8]| Samples::U8(samples.to_vec());
        let u16 = |samples: &[u16]| Samples::U16(samples.to_vec());
        for (layouts, a, b, expected) in [
            ([rgb, rgb], u8(&[10, 20, 30]), u8(&[10, 20, 36]), 12.0),
            ([rgb, rgb], u16(&[0, 0, 0]), u16(&[0, 257, 0]), 1.0 / 3.0),
            (
                [rgba, rgba],
                u8(&[0, 0, 0, 0]),
                u8(&[200, 200, 200, 0]),
                0.0,
            ),
            (
                [rgba, rgba],
                u8(&[10, 10, 10, 51]),
                u8(&[40, 10, 10, 51]),
                12.0,
            ),
            // A codec may leave out an alpha that hides nothing.
            ([rgba, rgb], u8(&[9, 9, 9, 255]), u8(&[12, 9, 9]), 3.0),
            (
                [Layout::GrayAlpha, Layout::GrayAlpha],
                u8(&[9, 255]),
                u8(&[12, 255]),
                9.0,
            ),
        ] {
            let found = difference(layouts, [a, b]);
            assert!((found - expected).abs() < 1e-3, "{layouts:?}: {found}");
        }
    }

    #[test]
    fn a_difference_is_the_same_bits_on_every_instruction_set() {
        for layout in [Layout::Gray, Layout::GrayAlpha, Layout::Rgb, Layout::Rgba] {
            let bytes = |step: usize| -> Vec<u8> {
                let count = 77 * 5 * layout.channels();
                (0..count).map(|at| (at * step % 256) as u8).collect()
            };
            let words = |step| bytes(step).into_iter().map(|byte| u16::from(byte) * 251);
            for [a, b] in [
                [97, 89].map(|step| Samples::U8(bytes(step))),
                [97, 89].map(|step| Samples::U16(words(step).collect())),
            ] {
                let a = Raster::new(77, 5, layout, a).unwrap();
                let b = Raster::new(77, 5, layout, b).unwrap();
                let difference = || mean_square_difference(&a, &b).to_bits();
                assert_eq!(difference(), simd::narrow::run(difference), "{layout:?}");
            }
        }
    }

    #[test]
    fn the_largest_difference_of_a_long_row_is_whole() {
        let raster = |sample| {
            let samples = Samples::U8(vec![sample; 3 * 100_001]);
            Raster::new(100_001, 1, Layout::Rgb, samples).unwrap()
        };
        let found = mean_square_difference(&raster(0), &raster(255));
        assert!((found - 65_025.0).abs() < 1e-9, "{found}");
    }
}
