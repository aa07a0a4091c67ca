//! What can go wrong between bytes and pixels.
//!
//! Every variant is the sender's doing except [`ImagingError::Encode`], so a caller can map them to
//! client errors without looking at the text. The texts name formats and limits, never file
//! contents.

/// Why bytes did not become a photo, or a photo did not become bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImagingError {
    /// The bytes are something else than a still JPEG, PNG or WebP that this service handles.
    #[error("{what} is not supported")]
    UnsupportedFormat {
        /// What was found, as a noun phrase: "a GIF image", "a CMYK JPEG".
        what: &'static str,
    },
    /// The bytes are no JPEG, PNG or WebP at all.
    #[error("the file is {what}: {cure}")]
    Foreign {
        /// What they are, as a noun phrase.
        what: &'static str,
        /// What the sender can do, as a request.
        cure: &'static str,
    },
    /// The file is longer than the limit.
    #[error("the image has {actual} bytes, more than the limit of {max}")]
    TooManyBytes {
        /// The limit, in bytes.
        max: u64,
        /// The length of the file, in bytes.
        actual: u64,
    },
    /// The header claims more pixels than the limit.
    #[error("the image has {actual} pixels, more than the limit of {max}")]
    TooManyPixels {
        /// The limit, in pixels.
        max: u64,
        /// Width times height, as the header claims them.
        actual: u64,
    },
    /// The bytes start like a supported format and are broken, cut short or contradictory.
    #[error("the image is damaged: {reason}")]
    Invalid {
        /// What is wrong, without the word "image".
        reason: String,
    },
    /// The pixels could not be written. This is the service's fault, not the sender's.
    #[error("the image could not be written: {reason}")]
    Encode {
        /// What the encoder said.
        reason: String,
    },
}

impl ImagingError {
    /// Makes an [`ImagingError::Invalid`].
    pub(super) fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid {
            reason: reason.into(),
        }
    }

    /// Makes an [`ImagingError::UnsupportedFormat`].
    pub(super) fn unsupported(what: &'static str) -> Self {
        Self::UnsupportedFormat { what }
    }

    /// Makes an [`ImagingError::Encode`].
    pub(super) fn encode(reason: impl std::fmt::Display) -> Self {
        Self::Encode {
            reason: reason.to_string(),
        }
    }
}
