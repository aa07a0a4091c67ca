//! Errors between bytes and pixels.
//!
//! Every variant is the sender's doing except [`ImagingError::Encode`], so a caller can map them to
//! client errors without looking at the text. The texts name formats and limits, never file
//! contents.

/// Reason why bytes did not become a photo, or a photo did not become bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImagingError {
    /// The bytes are a kind of JPEG, PNG or WebP that this service does not handle.
    #[error("{what} is not supported")]
    UnsupportedFormat {
        /// The kind that was found, as a noun phrase: "an animated PNG", "a CMYK JPEG".
        what: &'static str,
    },
    /// The bytes are not a JPEG, PNG or WebP.
    #[error("the file is {what}: {cure}")]
    Foreign {
        /// The file's actual kind, as a noun phrase.
        what: &'static str,
        /// The sender's remedy, as a request.
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
    /// The bytes start like a supported format but are broken, cut short or contradictory.
    #[error("the image is damaged: {reason}")]
    Invalid {
        /// The defect, without the word "image".
        reason: String,
    },
    /// The pixels could not be written. This is the service's fault, not the sender's.
    #[error("the image could not be written: {reason}")]
    Encode {
        /// Message of the encoder, for the log.
        reason: String,
    },
}

impl ImagingError {
    pub(super) fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid {
            reason: reason.into(),
        }
    }

    pub(super) fn unsupported(what: &'static str) -> Self {
        Self::UnsupportedFormat { what }
    }

    pub(super) fn encode(reason: impl std::fmt::Display) -> Self {
        Self::Encode {
            reason: reason.to_string(),
        }
    }
}
