//! A decoded photo: what codecs make, the engine marks, and codecs write again.

use super::{
    format::{Economy, Encoding, Format},
    jpeg::CoefficientImage,
    metadata::Metadata,
    orientation::Orientation,
    raster::Raster,
};

/// What a photo is made of.
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
    /// How a viewer turns it; the metadata carries the tag.
    pub orientation: Orientation,
    /// The picture.
    pub pixels: Pixels,
    /// Everything in the file that is not the picture.
    pub metadata: Metadata,
    /// How the source was compressed, and so how the output is.
    pub encoding: Encoding,
    /// What else made the source small, and so the output.
    pub economy: Economy,
}

impl Photo {
    /// Returns the number of stored columns.
    pub fn width(&self) -> u32 {
        match &self.pixels {
            Pixels::Raster(raster) => raster.width(),
            Pixels::Jpeg(image) => image.width(),
        }
    }

    /// Returns the number of stored rows.
    pub fn height(&self) -> u32 {
        match &self.pixels {
            Pixels::Raster(raster) => raster.height(),
            Pixels::Jpeg(image) => image.height(),
        }
    }

    /// Returns width and height as a viewer shows them.
    pub fn upright_size(&self) -> (u32, u32) {
        if self.orientation.swaps_sides() {
            (self.height(), self.width())
        } else {
            (self.width(), self.height())
        }
    }
}
