//! Containers, and how a source was made small.

use super::raster::Layout;

/// The container of a photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// JPEG, sequential or progressive.
    Jpeg,
    /// PNG.
    Png,
    /// WebP, lossy or lossless.
    WebP,
}

impl Format {
    /// Returns the media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
        }
    }

    /// Returns the file name extension, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::WebP => "webp",
        }
    }
}

/// How [`super::encode`] compresses samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Pixels (or coefficients) come back as they are.
    Lossless,
    /// A lossy WebP: pixels come back nearly as they are.
    Lossy,
}

/// What made a source small, beside its [`Encoding`], so that the output can be small in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Economy {
    /// Nothing that is known.
    #[default]
    Plain,
    /// Of a lossy WebP: the quality, 0 to 100, at which libwebp's quantisers are as fine as the source's.
    Quality(f32),
    /// Of a lossless file of at most 8 bits a sample: few colours or flat places, beside which any grain is large.
    Sparse(Sparse),
}

/// How a lossless file is small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sparse {
    /// Whether it is a PNG with a palette. [`super::encode`] writes one again if the picture has at most 256 colours.
    pub indexed: bool,
    /// Whether a pixel is one bit: two levels or colours.
    pub bilevel: bool,
    /// Whether there is less than half a bit for a pixel: compressing it as hard as possible takes no time.
    pub nearly_empty: bool,
}

impl Economy {
    /// Judges a lossless file of at most 8 bits a sample by the bytes of its compressed picture.
    ///
    /// Without a palette it is sparse below 2.5 bits for a sample of colour: photographs have 2.7 to 5.3, dark ones and pages of
    /// text 0.05 to 1.4 (measured: docs/watermark.md).
    pub(super) fn of_lossless(
        size: (u32, u32),
        layout: Layout,
        bytes: usize,
        indexed: bool,
        bilevel: bool,
    ) -> Self {
        let bits = 8 * bytes as u64;
        let pixels = u64::from(size.0) * u64::from(size.1);
        let samples = pixels * layout.colour_channels() as u64;
        if indexed || 2 * bits < 5 * samples {
            Self::Sparse(Sparse {
                indexed,
                bilevel,
                nearly_empty: 2 * bits < pixels,
            })
        } else {
            Self::Plain
        }
    }
}
