//! Distance between two rasters of one size, as viewers show them.
//!
//! ```text
//! mean over pixels and colours of (a - b)^2       colours: red, green and blue, or grey; samples on 0..=255
//! c = alpha c + (1 - alpha) 255                   on white, as in the luma of the grid
//! ```
//!
//! Colours, not luma: a codec that encodes the picture anew changes chroma as well, and more than
//! luma where it halves its resolution.

use crate::{
    imaging::{Layout, Raster},
    watermark::sampling::luma::{STEPS_16, SampleRow, WHITE, row},
};

/// Returns the mean square difference of two rasters of equal size and number of colours, in grey
/// levels squared.
pub(in crate::watermark) fn mean_square_difference(a: &Raster, b: &Raster) -> f64 {
    let colours = a.width() as usize * a.layout().colour_channels();
    let (mut row_a, mut row_b) = (vec![0.0; colours], vec![0.0; colours]);
    let mut sum = 0.0;
    for y in 0..a.height() as usize {
        read_colours(a, y, &mut row_a);
        read_colours(b, y, &mut row_b);
        let squares = row_a.iter().zip(&row_b).map(|(a, b)| (a - b) * (a - b));
        sum += f64::from(squares.sum::<f32>());
    }
    sum / (colours * a.height() as usize) as f64
}

/// Writes the colours of row `y`, on white, 0..=255.
fn read_colours(raster: &Raster, y: usize, out: &mut [f32]) {
    match row(raster, y) {
        SampleRow::U8(samples) => colour_row(samples, raster.layout(), 1.0, out),
        SampleRow::U16(samples) => colour_row(samples, raster.layout(), 1.0 / STEPS_16, out),
    }
}

/// Writes the colours of a row; `scale` takes samples to 0..=255.
fn colour_row<S: Copy + Into<f32>>(samples: &[S], layout: Layout, scale: f32, out: &mut [f32]) {
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
}
