//! What colluders make of their copies of one picture.

use image::RgbImage;
use rand_chacha::ChaCha8Rng;

use super::chips::{ChipTransform, Matrix, is_mean};
use crate::attacks::{generator, uniform};

/// Side of a block of the mosaic, in pixels.
const MOSAIC: u32 = 32;

/// A way to combine copies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Collusion {
    /// The mean of all.
    Average,
    /// Each chip as the fewer of the copies have it: those above the middle of its range, or those
    /// below.
    Minority,
    /// Each chip at the middle of its range.
    MinimumMaximum,
    /// Each chip at one end of its range, by lot.
    RandomExtreme,
    /// Blocks of pixels, each from a copy drawn by lot.
    Mosaic,
}

impl Collusion {
    /// All of them, in the order of the table.
    pub(super) const ALL: [Self; 5] = [
        Self::Average,
        Self::Minority,
        Self::MinimumMaximum,
        Self::RandomExtreme,
        Self::Mosaic,
    ];

    /// Returns its name for a table.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Average => "average",
            Self::Minority => "minority",
            Self::MinimumMaximum => "minimum-maximum",
            Self::RandomExtreme => "random extreme",
            Self::Mosaic => "mosaic of 32 pixels",
        }
    }

    /// Combines copies of equal size.
    pub(super) fn combine(self, copies: &[RgbImage]) -> RgbImage {
        let mut lots = generator(self.name());
        if self == Self::Mosaic {
            return mosaic(copies, &mut lots);
        }
        let (width, height) = copies[0].dimensions();
        let mean = mean(copies);
        let transform = ChipTransform::new(width as usize, height as usize);
        let chips: Vec<Matrix> = copies
            .iter()
            .map(|copy| transform.forward(&luma(copy)))
            .collect();
        let mut change = chips[0].clone();
        for (index, change) in change.data.iter_mut().enumerate() {
            let of_copies: Vec<f32> = chips.iter().map(|chips| chips.data[index]).collect();
            let mean = average(&of_copies);
            *change = if is_mean(index) {
                0.0
            } else {
                self.pick(&of_copies, &mut lots) - mean
            };
        }
        let field = transform.inverse(&change);
        RgbImage::from_fn(width, height, |x, y| {
            let at = y as usize * width as usize + x as usize;
            let rgb: [f32; 3] = std::array::from_fn(|channel| mean[3 * at + channel]);
            image::Rgb(rgb.map(|sample| (sample + field.data[at]).round() as u8))
        })
    }

    /// Returns what a chip becomes that the copies have so.
    fn pick(self, chips: &[f32], lots: &mut ChaCha8Rng) -> f32 {
        let low = chips.iter().copied().fold(f32::MAX, f32::min);
        let high = chips.iter().copied().fold(f32::MIN, f32::max);
        let middle = f32::midpoint(low, high);
        match self {
            Self::MinimumMaximum => middle,
            Self::RandomExtreme if uniform(lots) < 0.5 => high,
            Self::RandomExtreme => low,
            Self::Minority => {
                let (above, below): (Vec<f32>, Vec<f32>) =
                    chips.iter().partition(|chip| **chip > middle);
                let by_lot = above.len() == below.len() && uniform(lots) < 0.5;
                if !above.is_empty() && (above.len() < below.len() || by_lot) {
                    average(&above)
                } else {
                    average(&below)
                }
            }
            Self::Average | Self::Mosaic => average(chips),
        }
    }
}

fn average(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len() as f32
}

fn luma(picture: &RgbImage) -> Matrix {
    let weigh = |p: &image::Rgb<u8>| {
        0.299 * f32::from(p[0]) + 0.587 * f32::from(p[1]) + 0.114 * f32::from(p[2])
    };
    Matrix {
        columns: picture.width() as usize,
        data: picture.pixels().map(weigh).collect(),
    }
}

/// The mean of the samples of all copies.
fn mean(copies: &[RgbImage]) -> Vec<f32> {
    let sample = |at: usize| {
        let sum: u32 = copies.iter().map(|copy| u32::from(copy.as_raw()[at])).sum();
        sum as f32 / copies.len() as f32
    };
    (0..copies[0].as_raw().len()).map(sample).collect()
}

fn mosaic(copies: &[RgbImage], lots: &mut ChaCha8Rng) -> RgbImage {
    let (width, height) = copies[0].dimensions();
    let blocks = width.div_ceil(MOSAIC);
    let drawn: Vec<usize> = (0..blocks * height.div_ceil(MOSAIC))
        .map(|_| (uniform(lots) * copies.len() as f64) as usize)
        .collect();
    RgbImage::from_fn(width, height, |x, y| {
        let block = y / MOSAIC * blocks + x / MOSAIC;
        *copies[drawn[block as usize]].get_pixel(x, y)
    })
}
