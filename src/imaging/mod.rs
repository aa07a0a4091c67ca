//! Bytes to pixels and back: JPEG, PNG and WebP.
//!
//! [`decode`] decides the format from the content, refuses what is too large from the header, and
//! gives a [`Photo`]: its pixels, its orientation and the metadata that travels with it. [`encode`]
//! writes the same container again. A JPEG stays on its own quantiser lattice
//! ([`CoefficientImage`]), so that whatever the watermark does not touch comes back bit for bit;
//! PNG and lossless WebP are exact too.
//!
//! Pixels are never turned, converted between colour spaces or reduced in depth. Nothing is written
//! to disk and nothing is logged. The module imports nothing else of this crate. Start at
//! [`decode`].

mod digest;
mod error;
mod foreign;
mod foreign_text;
mod format;
mod jpeg;
mod limits;
mod metadata;
mod orientation;
mod photo;
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
pub use format::{Economy, Encoding, Format, Sparse};
pub(crate) use jpeg::through_gray_jpeg;
pub use jpeg::{CoefficientImage, Component, decode_gray_jpeg, encode_gray_jpeg};
pub use limits::Limits;
pub use metadata::{Dropped, Metadata, MetadataPolicy, Reason};
pub use orientation::Orientation;
pub use photo::{Photo, Pixels};
pub use plane::Plane;
pub(crate) use png::MAX_COLOURS;
pub use png::Palette;
pub use raster::{Layout, Raster, Samples, SamplesMut};

/// Decodes a photo; the format is recognised by the bytes alone.
///
/// Time and memory are bounded by `limits`, not by what the file claims.
///
/// # Errors
///
/// [`ImagingError::Foreign`] for other formats, [`ImagingError::UnsupportedFormat`] for kinds of
/// JPEG, PNG and WebP that are refused by name, [`ImagingError::TooManyBytes`] and
/// [`ImagingError::TooManyPixels`] beyond the limits, and [`ImagingError::Invalid`] for everything
/// damaged: half a picture is never accepted.
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

/// Tells the format of a file by its bytes, as [`decode`] does; `None` for what it would refuse.
pub fn recognise(bytes: &[u8]) -> Option<Format> {
    sniff::format(bytes).ok()
}

/// Returns the number of pixels that [`decode`] would find a file to claim, or `None` if it would
/// not get that far.
///
/// It is [`decode`] up to its first look at the limits, so the two cannot disagree, and costs a
/// walk over the file's headers.
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

/// Decodes a lossy WebP that [`encode`] has just made, to the pixels that [`decode`] makes of it.
///
/// libwebp does it in less than half the time, but is not written in a memory-safe language: it
/// must never see a file of somebody else.
///
/// # Errors
///
/// [`ImagingError::Invalid`] or [`ImagingError::Encode`] if the file is no such one.
pub fn decode_own(file: &[u8]) -> Result<Raster, ImagingError> {
    webp::decode_own(file)
}

/// Returns whether [`encode`] and then [`decode`] give back equal pixels.
pub fn is_lossless(photo: &Photo) -> bool {
    photo.encoding == Encoding::Lossless
}

/// Removes from a photo's metadata what must not travel on and what the policy wants removed;
/// [`Metadata::dropped`] names it.
pub fn apply_policy(photo: &mut Photo, policy: MetadataPolicy) {
    let size = (photo.width(), photo.height());
    photo.metadata.apply(policy, photo.orientation, size);
}
