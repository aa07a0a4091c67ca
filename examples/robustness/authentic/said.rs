//! What the product says of a picture, in one word.

use lumatrace::watermark::{ContentMatch, Detection, DetectionStatus, TamperFinding};

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

/// Concludes as `verify` does.
pub(crate) fn said(detection: &Detection) -> Said {
    if detection.status != DetectionStatus::Detected {
        return Said::NotDetected;
    }
    let finding = detection.tampering.as_ref().map(|found| found.finding);
    match (detection.content, finding) {
        (ContentMatch::Other, _) => Said::Conflict,
        (_, Some(TamperFinding::Altered)) => Said::Altered,
        (ContentMatch::Agrees, Some(TamperFinding::Unaltered | TamperFinding::NotExamined)) => {
            Said::Authentic
        }
        _ => Said::Uncertain,
    }
}
