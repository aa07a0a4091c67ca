//! Bytes to pixels and back: JPEG, PNG and WebP.
//!
//! [`decode`] decides the format from the content, refuses what is too large from the header, and
//! gives a [`Photo`]: its pixels, its orientation and the metadata that travels with it. [`encode`]
//! writes the same container again. A JPEG stays on its own quantiser lattice
//! ([`CoefficientImage`]), so that what the watermark does not touch comes back bit for bit; PNG
//! and lossless WebP are exact too.
//!
//! Pixels are never turned, converted between colour spaces or reduced in depth. Nothing is written
//! to disk and nothing is logged. The module imports nothing else of this crate. Start at
//! [`decode`].

mod digest;
mod error;
mod foreign;
mod foreign_text;
mod jpeg;
mod metadata;
mod orientation;
mod plane;
mod png;
mod raster;
mod sniff;
#[cfg(test)]
mod tests;
mod webp;

use std::panic::{self, AssertUnwindSafe};

pub use digest::pixel_digest;
pub use error::ImagingError;
pub use jpeg::{CoefficientImage, Component, decode_gray_jpeg, encode_gray_jpeg};
pub use metadata::{Dropped, Metadata, MetadataPolicy, Reason};
pub use orientation::Orientation;
pub use plane::Plane;
pub(crate) use png::MAX_COLOURS;
pub use png::Palette;
pub use raster::{Layout, Raster, Samples, SamplesMut};

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

/// What a photo is made of.
#[derive(Debug, Clone)]
pub enum Pixels {
    /// Samples, from PNG and WebP.
    Raster(Raster),
    /// Quantised coefficients, from JPEG.
    Jpeg(CoefficientImage),
}

/// How [`encode`] compresses samples.
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
    /// Whether it is a PNG with a palette. [`encode`] writes one again if the picture has at most 256 colours.
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
    fn of_lossless(
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

/// What [`decode`] refuses before it decodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest file, in bytes.
    pub max_bytes: usize,
    /// The largest picture, in pixels.
    pub max_pixels: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 25 * 1024 * 1024,
            max_pixels: 16_000_000,
        }
    }
}

impl Limits {
    /// Checks a header's size. Every format calls it before it allocates anything that follows the
    /// claim.
    fn check_size(&self, width: u32, height: u32) -> Result<(), ImagingError> {
        let actual = u64::from(width) * u64::from(height);
        if actual == 0 {
            return Err(ImagingError::invalid("a side has length zero"));
        }
        if actual > self.max_pixels {
            return Err(ImagingError::TooManyPixels {
                max: self.max_pixels,
                actual,
            });
        }
        Ok(())
    }
}

/// Decodes a photo, whatever the bytes are called elsewhere.
///
/// Time and memory are bounded by `limits`, not by what the file claims.
///
/// # Errors
///
/// [`ImagingError::Foreign`] for other formats, [`ImagingError::UnsupportedFormat`] for kinds of JPEG, PNG and WebP that
/// are refused by name, [`ImagingError::TooManyBytes`] and [`ImagingError::TooManyPixels`] beyond
/// the limits, and [`ImagingError::Invalid`] for everything damaged: half a picture is never
/// accepted.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Photo, ImagingError> {
    if bytes.len() > limits.max_bytes {
        return Err(ImagingError::TooManyBytes {
            max: limits.max_bytes as u64,
            actual: bytes.len() as u64,
        });
    }
    let decode_format = match sniff::format(bytes)? {
        Format::Jpeg => jpeg::decode,
        Format::Png => png::decode,
        Format::WebP => webp::decode,
    };
    // Third-party decoders have panicked on hostile files; such a file is damaged, and no more than
    // that.
    panic::catch_unwind(AssertUnwindSafe(|| decode_format(bytes, limits)))
        .unwrap_or_else(|_| Err(ImagingError::invalid("the decoder could not cope with it")))
}

/// Returns how many pixels [`decode`] would find a file to claim, or nothing where it would not get so far.
///
/// It is [`decode`] up to its first look at the limits, so the two cannot disagree, and costs a walk over the file's headers.
pub fn claimed_pixels(bytes: &[u8]) -> Option<u64> {
    let limits = Limits {
        max_bytes: bytes.len(),
        max_pixels: 0,
    };
    match decode(bytes, &limits) {
        Err(ImagingError::TooManyPixels { actual, .. }) => Some(actual),
        _ => None,
    }
}

/// Encodes a photo into the container that it came in, with the metadata that it carries.
///
/// # Errors
///
/// [`ImagingError::Encode`] if the pixels do not fit the container.
pub fn encode(photo: &Photo) -> Result<Vec<u8>, ImagingError> {
    match (photo.format, &photo.pixels) {
        (Format::Jpeg, Pixels::Jpeg(image)) => jpeg::encode(image, &photo.metadata),
        (Format::Png, Pixels::Raster(raster)) => {
            png::encode(raster, photo.economy, &photo.metadata)
        }
        (Format::WebP, Pixels::Raster(raster)) => {
            webp::encode(raster, photo.encoding, photo.economy, &photo.metadata)
        }
        (format, _) => Err(ImagingError::encode(format_args!(
            "{format:?} does not take this kind of pixels"
        ))),
    }
}

/// Tells whether [`encode`] and then [`decode`] give back equal pixels.
pub fn is_lossless(photo: &Photo) -> bool {
    photo.encoding == Encoding::Lossless
}

/// Removes from a photo's metadata what must not travel on and what the policy wants removed; [`Metadata::dropped`] names it.
pub fn apply_policy(photo: &mut Photo, policy: MetadataPolicy) {
    let size = (photo.width(), photo.height());
    photo.metadata.apply(policy, photo.orientation, size);
}
