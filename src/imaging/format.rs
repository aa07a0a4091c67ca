//! Containers, and the compression of a source.

use super::raster::Layout;

/// The eight bytes that every PNG starts with.
pub(super) const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The container of a photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// JPEG, sequential or progressive.
    Jpeg,
    /// PNG, of any depth.
    Png,
    /// WebP, lossy or lossless.
    WebP,
}

impl Format {
    /// Returns the media type, such as `image/jpeg`.
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

/// Compression of samples by [`super::encode`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Pixels (or coefficients) come back exactly.
    Lossless,
    /// Lossy WebP: pixels come back approximately.
    Lossy,
}

/// Reason why a source is small, besides its [`Encoding`], so that the output can be small in the
/// same way.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Economy {
    /// No reason that is known.
    #[default]
    Plain,
    /// A lossy WebP: the quality, 0 to 100, at which libwebp's quantisers are as fine as the
    /// source's.
    Quality(f32),
    /// A lossless file of at most 8 bits a sample with few colours or flat places, against which
    /// any grain would be large.
    Sparse(Sparse),
}

/// Properties of a sparse lossless file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sparse {
    /// Whether it is a PNG with a palette. [`super::encode`] writes one again if the picture has at
    /// most 256 colours.
    pub indexed: bool,
    /// Whether a pixel is one bit: two levels or colours.
    pub bilevel: bool,
    /// Whether there is less than half a bit per pixel: compressing it as hard as possible takes no
    /// time.
    pub nearly_empty: bool,
}

impl Economy {
    /// Judges a lossless file of at most 8 bits a sample by the size in bytes of its compressed
    /// picture.
    ///
    /// Without a palette it is sparse below 2.5 bits for a sample of colour: photographs have 2.7
    /// to 5.3, dark ones and pages of text 0.05 to 1.4 (measured: docs/watermark.md).
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
