//! Errors of the engine.

use crate::imaging::ImagingError;

/// Reason why a photo was not marked, or a record not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatermarkError {
    /// A side is shorter than the engine can mark.
    #[error("a picture of {width} x {height} pixels is too small: each side needs {min}")]
    TooSmall {
        /// Stored width in pixels.
        width: u32,
        /// Stored height in pixels.
        height: u32,
        /// Fewest pixels on a side that can be marked.
        min: u32,
    },
    /// The mark did not take, even at full strength: the picture is too flat, too dark or too
    /// small.
    #[error("the picture does not carry a mark: read back at z {z_sent:.1}")]
    WeakMark {
        /// The z that the sent picture would have had.
        z_sent: f64,
    },
    /// The bytes are not a record of a version that this build reads.
    #[error("not a watermark record: {0}")]
    InvalidRecord(&'static str),
    /// The marked picture could not be encoded or read back.
    #[error(transparent)]
    Imaging(#[from] ImagingError),
}
