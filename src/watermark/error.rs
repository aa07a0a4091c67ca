//! What can go wrong in the engine.

use crate::imaging::ImagingError;

/// Why a photo was not marked, or a record not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatermarkError {
    /// A side is shorter than the engine can mark.
    #[error("a picture of {width} x {height} pixels is too small: each side needs {min}")]
    TooSmall {
        /// Stored columns.
        width: u32,
        /// Stored rows.
        height: u32,
        /// Fewest pixels on a side.
        min: u32,
    },
    /// The mark did not take, even at full strength: too flat, too dark or too small a picture.
    #[error("the picture does not carry a mark: read back at z {z_sent:.1}")]
    WeakMark {
        /// The statistic of what would have been sent.
        z_sent: f64,
    },
    /// The bytes are not a record of a version that this build reads.
    #[error("not a watermark record: {0}")]
    InvalidRecord(&'static str),
    /// The marked picture could not be encoded or read back.
    #[error(transparent)]
    Imaging(#[from] ImagingError),
}
