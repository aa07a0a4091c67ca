//! A decoded photo, which codecs make, the engine marks, and codecs write again.

use super::{
    format::{Economy, Encoding, Format},
    jpeg::CoefficientImage,
    metadata::Metadata,
    orientation::Orientation,
    raster::Raster,
};

/// Contents of a photo.
#[derive(Debug, Clone)]
pub enum Pixels {
    /// Samples, from PNG and WebP.
    Raster(Raster),
    /// Quantised coefficients, from JPEG.
    Jpeg(CoefficientImage),
}

/// A decoded photo, in stored orientation.
#[derive(Debug, Clone)]
pub struct Photo {
    /// The container that it came in and goes out in.
    pub format: Format,
    /// Turn for display; the metadata carries the tag.
    pub orientation: Orientation,
    /// The picture, as samples or coefficients.
    pub pixels: Pixels,
    /// Everything in the file except the picture.
    pub metadata: Metadata,
    /// Compression of the source, and so of the output.
    pub encoding: Encoding,
    /// Further reason for the source's small size, which the output shares.
    pub economy: Economy,
}

impl Photo {
    /// Returns the stored width in pixels.
    pub fn width(&self) -> u32 {
        match &self.pixels {
            Pixels::Raster(raster) => raster.width(),
            Pixels::Jpeg(image) => image.width(),
        }
    }

    /// Returns the stored height in pixels.
    pub fn height(&self) -> u32 {
        match &self.pixels {
            Pixels::Raster(raster) => raster.height(),
            Pixels::Jpeg(image) => image.height(),
        }
    }

    /// Returns width and height in pixels, as a viewer shows them.
    pub fn upright_size(&self) -> (u32, u32) {
        if self.orientation.swaps_sides() {
            (self.height(), self.width())
        } else {
            (self.width(), self.height())
        }
    }
}
