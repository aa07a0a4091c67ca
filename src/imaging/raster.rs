//! Pixels as samples: what PNG and WebP decode to.
//!
//! A [`Raster`] is interleaved and row-major, 8 or 16 bits a sample, and has the depth and channels
//! of the file (palettes and depths below 8 are expanded). Alpha is straight, never premultiplied.
//! Its invariant, `samples.len() == width * height * channels`, is held by [`Raster::new`].

/// Channels of a pixel, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One sample, of grey.
    Gray,
    /// Two samples: grey, alpha.
    GrayAlpha,
    /// Three samples: red, green, blue.
    Rgb,
    /// Four samples: red, green, blue, alpha.
    Rgba,
}

impl Layout {
    /// Returns the number of samples in a pixel.
    pub fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }

    /// Returns the number of samples in a pixel that are not alpha.
    pub fn colour_channels(self) -> usize {
        match self {
            Self::Gray | Self::GrayAlpha => 1,
            Self::Rgb | Self::Rgba => 3,
        }
    }

    /// Returns whether the last sample of a pixel is alpha.
    pub fn has_alpha(self) -> bool {
        matches!(self, Self::GrayAlpha | Self::Rgba)
    }
}

/// Interleaved samples of one depth.
#[derive(Clone, PartialEq, Eq)]
pub enum Samples {
    /// 8 bits a sample.
    U8(Vec<u8>),
    /// 16 bits a sample, in the machine's byte order.
    U16(Vec<u16>),
}

impl Samples {
    fn len(&self) -> usize {
        match self {
            Self::U8(samples) => samples.len(),
            Self::U16(samples) => samples.len(),
        }
    }
}

impl std::fmt::Debug for Samples {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::U8(samples) => write!(f, "U8(len {})", samples.len()),
            Self::U16(samples) => write!(f, "U16(len {})", samples.len()),
        }
    }
}

/// The samples of a [`Raster`], for writing; the length is fixed.
#[derive(Debug)]
pub enum SamplesMut<'a> {
    /// 8 bits a sample.
    U8(&'a mut [u8]),
    /// 16 bits a sample.
    U16(&'a mut [u16]),
}

/// A picture of interleaved samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raster {
    width: u32,
    height: u32,
    layout: Layout,
    samples: Samples,
}

impl Raster {
    /// Makes a raster, or returns `None` if a side is zero or the number of samples does not fit
    /// the shape.
    pub fn new(width: u32, height: u32, layout: Layout, samples: Samples) -> Option<Self> {
        let pixels = usize::try_from(u64::from(width) * u64::from(height)).ok()?;
        let expected = pixels.checked_mul(layout.channels())?;
        (pixels > 0 && samples.len() == expected).then_some(Self {
            width,
            height,
            layout,
            samples,
        })
    }

    /// Returns the width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Returns the height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Returns the channels of a pixel.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Returns the samples, interleaved and row-major.
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// Returns the samples for writing.
    pub fn samples_mut(&mut self) -> SamplesMut<'_> {
        match &mut self.samples {
            Samples::U8(samples) => SamplesMut::U8(samples),
            Samples::U16(samples) => SamplesMut::U16(samples),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raster_has_exactly_its_samples() {
        let samples = |len| Samples::U8(vec![0; len]);
        assert!(Raster::new(2, 3, Layout::Rgb, samples(18)).is_some());
        assert!(Raster::new(2, 3, Layout::Rgb, samples(17)).is_none());
        assert!(Raster::new(0, 3, Layout::Rgb, samples(0)).is_none());
        assert!(Raster::new(u32::MAX, u32::MAX, Layout::Rgba, samples(1)).is_none());
    }
}
