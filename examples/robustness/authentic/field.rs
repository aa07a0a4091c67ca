//! Signed pictures: marks, and parts of a spectrum.

use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer, images::Image};
use image::RgbImage;

/// Three signed samples a pixel, rows first.
#[derive(Clone)]
pub(crate) struct Field {
    width: u32,
    height: u32,
    samples: Vec<f32>,
}

impl Field {
    /// The samples of a picture.
    pub(crate) fn of(picture: &RgbImage) -> Self {
        Self {
            width: picture.width(),
            height: picture.height(),
            samples: picture.iter().map(|sample| f32::from(*sample)).collect(),
        }
    }

    /// One picture less another of the same size.
    pub(crate) fn difference(one: &RgbImage, other: &RgbImage) -> Self {
        Self::of(one).plus(&Self::of(other), -1.0)
    }

    /// Adds a multiple of another field of the same size.
    pub(crate) fn plus(mut self, other: &Self, factor: f32) -> Self {
        for (sample, other) in self.samples.iter_mut().zip(&other.samples) {
            *sample += factor * other;
        }
        self
    }

    /// Resizes by Lanczos with three lobes.
    pub(crate) fn resized(&self, width: u32, height: u32) -> Self {
        let mut source = Image::new(self.width, self.height, PixelType::F32x3);
        let bytes = source.buffer_mut().as_chunks_mut().0;
        for (bytes, sample) in bytes.iter_mut().zip(&self.samples) {
            *bytes = sample.to_ne_bytes();
        }
        let mut resized = Image::new(width, height, PixelType::F32x3);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
        Resizer::new()
            .resize(&source, &mut resized, &options)
            .unwrap();
        let bytes = resized.buffer().as_chunks().0;
        Self {
            width,
            height,
            samples: bytes.iter().copied().map(f32::from_ne_bytes).collect(),
        }
    }

    /// What is below some cycles along the long side.
    pub(crate) fn low(&self, cycles: f64) -> Self {
        let factor = 2.0 * cycles / f64::from(self.width.max(self.height));
        let side = |side: u32| ((f64::from(side) * factor).round() as u32).max(1);
        self.resized(side(self.width), side(self.height))
            .resized(self.width, self.height)
    }

    /// Adds a multiple of it, resized, to a picture.
    pub(crate) fn added_to(&self, picture: &RgbImage, factor: f32) -> RgbImage {
        let under = Field::of(picture);
        if picture.dimensions() == (self.width, self.height) {
            return under.plus(self, factor).picture();
        }
        let over = self.resized(picture.width(), picture.height());
        under.plus(&over, factor).picture()
    }

    /// Rounds and clips it to a picture.
    pub(crate) fn picture(self) -> RgbImage {
        let samples = self.samples.into_iter();
        let bytes = samples.map(|sample| sample.round() as u8).collect();
        RgbImage::from_raw(self.width, self.height, bytes).unwrap()
    }
}
