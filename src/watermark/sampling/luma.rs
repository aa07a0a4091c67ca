//! Luma of a raster, row by row.
//!
//! ```text
//! Y = 0.299 R + 0.587 G + 0.114 B        of the samples as stored (gamma-encoded), 16 bits divided by 257
//! Y = alpha Y + (1 - alpha) 255          alpha in 0..=1: the picture lies on white
//! ```
//!
//! The weights are those of JPEG (ITU-R BT.601), so that luma is the Y of a JPEG of the same
//! picture. White is the background that a browser shows under a transparent picture and that a
//! conversion to JPEG flattens to.

use pulp::Simd;

use super::resample::LumaRows;
use crate::{
    imaging::{Layout, Raster, Samples},
    simd,
};

/// Weight of red in luma.
const RED: f32 = 0.299;
/// Weight of green in luma.
const GREEN: f32 = 0.587;
/// Weight of blue in luma.
const BLUE: f32 = 0.114;
/// White, and an opaque alpha, on the scale 0..=255.
pub(in crate::watermark) const WHITE: f32 = 255.0;
/// Number of 16-bit steps in an 8-bit step.
pub(in crate::watermark) const STEPS_16: f32 = 257.0;

impl LumaRows for Raster {
    fn width(&self) -> usize {
        Self::width(self) as usize
    }

    fn height(&self) -> usize {
        Self::height(self) as usize
    }

    fn read_row(&self, y: usize, out: &mut [f32]) {
        match row(self, y) {
            SampleRow::U8(samples) => luma_row(samples, self.layout(), 1.0, out),
            SampleRow::U16(samples) => luma_row(samples, self.layout(), 1.0 / STEPS_16, out),
        }
    }
}

/// The alpha of a raster as a picture of its own, 0..=1; 1 where the layout has none.
#[derive(Debug)]
pub(in crate::watermark) struct AlphaRows<'a>(pub(in crate::watermark) &'a Raster);

impl LumaRows for AlphaRows<'_> {
    fn width(&self) -> usize {
        self.0.width() as usize
    }

    fn height(&self) -> usize {
        self.0.height() as usize
    }

    fn read_row(&self, y: usize, out: &mut [f32]) {
        let layout = self.0.layout();
        if !layout.has_alpha() {
            out.fill(1.0);
            return;
        }
        match row(self.0, y) {
            SampleRow::U8(samples) => alpha_row(samples, layout, 1.0 / WHITE, out),
            SampleRow::U16(samples) => alpha_row(samples, layout, 1.0 / (WHITE * STEPS_16), out),
        }
    }
}

pub(in crate::watermark) enum SampleRow<'a> {
    U8(&'a [u8]),
    U16(&'a [u16]),
}

/// Returns row `y` of a raster.
pub(in crate::watermark) fn row(raster: &Raster, y: usize) -> SampleRow<'_> {
    let length = raster.width() as usize * raster.layout().channels();
    let range = y * length..(y + 1) * length;
    match raster.samples() {
        Samples::U8(samples) => SampleRow::U8(&samples[range]),
        Samples::U16(samples) => SampleRow::U16(&samples[range]),
    }
}

/// Writes the luma of a row; `scale` takes samples to 0..=255.
#[pulp::with_simd(luma_row = simd::arch())]
#[inline(always)]
fn luma_row_lanes<'a, V: Simd, S: Copy + Into<f32>>(
    _: V,
    samples: &'a [S],
    layout: Layout,
    scale: f32,
    out: &'a mut [f32],
) {
    let (red, green, blue) = (RED * scale, GREEN * scale, BLUE * scale);
    let luma = |r: S, g: S, b: S| red * r.into() + green * g.into() + blue * b.into();
    let on_white = |luma: f32, alpha: S| WHITE + (luma - WHITE) * (alpha.into() * scale / WHITE);
    // Loops over pixels of known size, which vectorise.
    match layout {
        Layout::Gray => {
            for (out, &grey) in out.iter_mut().zip(samples) {
                *out = grey.into() * scale;
            }
        }
        Layout::GrayAlpha => {
            for (out, &[grey, alpha]) in out.iter_mut().zip(samples.as_chunks().0) {
                *out = on_white(grey.into() * scale, alpha);
            }
        }
        Layout::Rgb => {
            for (out, &[r, g, b]) in out.iter_mut().zip(samples.as_chunks().0) {
                *out = luma(r, g, b);
            }
        }
        Layout::Rgba => {
            for (out, &[r, g, b, alpha]) in out.iter_mut().zip(samples.as_chunks().0) {
                *out = on_white(luma(r, g, b), alpha);
            }
        }
    }
}

/// Writes the alpha of a row; `scale` takes samples to 0..=1.
fn alpha_row<S: Copy + Into<f32>>(samples: &[S], layout: Layout, scale: f32, out: &mut [f32]) {
    let channels = layout.channels();
    for (out, pixel) in out.iter_mut().zip(samples.chunks_exact(channels)) {
        *out = pixel[channels - 1].into() * scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_luma(layout: Layout, samples: Samples) -> f32 {
        let raster = Raster::new(1, 1, layout, samples).unwrap();
        let mut out = [0.0];
        raster.read_row(0, &mut out);
        out[0]
    }

    #[test]
    fn luma_is_the_same_in_every_layout_and_depth() {
        let expected = 0.299 * 200.0 + 0.587 * 100.0 + 0.114 * 50.0;
        let cases = [
            (Layout::Rgb, Samples::U8(vec![200, 100, 50]), expected),
            (Layout::Rgba, Samples::U8(vec![200, 100, 50, 255]), expected),
            (
                Layout::Rgb,
                Samples::U16(vec![51400, 25700, 12850]),
                expected,
            ),
            (Layout::Gray, Samples::U8(vec![90]), 90.0),
            (Layout::GrayAlpha, Samples::U8(vec![90, 255]), 90.0),
            (Layout::GrayAlpha, Samples::U8(vec![90, 0]), 255.0),
            (
                Layout::Rgba,
                Samples::U16(vec![51400, 25700, 12850, 0]),
                255.0,
            ),
            (Layout::GrayAlpha, Samples::U8(vec![55, 51]), 215.0),
        ];
        for (layout, samples, expected) in cases {
            let luma = first_luma(layout, samples);
            assert!(
                (luma - expected).abs() < 1e-3,
                "{layout:?} {luma} {expected}"
            );
        }
    }

    #[test]
    fn alpha_is_a_fraction() {
        let raster = Raster::new(2, 1, Layout::GrayAlpha, Samples::U8(vec![1, 0, 2, 51])).unwrap();
        let mut out = [9.0; 2];
        AlphaRows(&raster).read_row(0, &mut out);
        assert!(out[0] == 0.0 && (out[1] - 0.2).abs() < 1e-6);
        let opaque = Raster::new(2, 1, Layout::Gray, Samples::U8(vec![1, 2])).unwrap();
        AlphaRows(&opaque).read_row(0, &mut out);
        assert!(out.iter().all(|alpha| (alpha - 1.0).abs() < 1e-6));
    }

    #[test]
    fn luma_is_the_same_bits_on_every_instruction_set() {
        for layout in [Layout::Gray, Layout::GrayAlpha, Layout::Rgb, Layout::Rgba] {
            let count = 77 * layout.channels();
            let bytes: Vec<u8> = (0..count).map(|at| (at * 97 % 256) as u8).collect();
            let words = bytes.iter().map(|&byte| u16::from(byte) * 251).collect();
            for samples in [Samples::U8(bytes), Samples::U16(words)] {
                let raster = Raster::new(77, 1, layout, samples).unwrap();
                let luma = || {
                    let mut out = [0.0; 77];
                    raster.read_row(0, &mut out);
                    out.map(f32::to_bits)
                };
                assert_eq!(luma(), simd::narrow::run(luma), "{layout:?}");
            }
        }
    }
}
