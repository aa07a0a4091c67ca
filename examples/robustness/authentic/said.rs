//! What the product says of a picture, in one word.

use lumatrace::watermark::{Detection, DetectionStatus, Finding};

/// The answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Said {
    /// This photograph, and nothing in it was changed.
    Authentic,
    /// This photograph with changed places.
    Altered,
    /// The mark, and no certainty about the content.
    Uncertain,
    /// The mark on other content.
    Conflict,
    /// No mark.
    NotDetected,
}

/// Concludes as `verify` does. An uncertain finding is a remark there and no conclusion.
pub(crate) fn said(detection: &Detection) -> Said {
    if detection.status != DetectionStatus::Detected {
        return Said::NotDetected;
    }
    match &detection.tampering {
        Some(tampering) if tampering.finding == Finding::Altered => Said::Altered,
        _ => Said::Authentic,
    }
}
