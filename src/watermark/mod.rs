//! The watermark: an invisible keyed mark that is read with the help of the original's record.
//!
//! ```text
//!   embed                                            detect
//!   -----                                            ------
//!   Photo                                            Photo            Record
//!     | grid      whole picture, 256 x 256 luma        | grid            |
//!     | mask      where it may be marked               |                 |
//!     | carrier   key -> 14 signs a tile               | carrier         |
//!     | transform chips (lapped), keyed sums h         | transform: r    | h, w, keypoints
//!     |                                                | register by content: crops, turns, views, lenses
//!     v                                                v                 v
//!   residual = g m p                                 statistic: r - a h against w -> z
//!     | cover     pixels: embed/dither.rs              |
//!     |           JPEG:   embed/jpeg_embedder.rs       v
//!     v                                              score: status, confidence, false positives
//!   read back (embed/original.rs), stronger if need be
//!     v
//!   bytes + Record
//! ```
//!
//! Detection knows the keyed sums of the original, so that it is limited by the attack, not by the
//! picture's content. The record (20 KB, 15 of them keypoints) is no picture, and without the key
//! it is noise. All decisions before the statistic are taken on content, not on the mark;
//! [`signal::score`] says why that makes the false-positive bound exact.
//!
//! Everything here is pure and deterministic: the same photo, key and version give the same bytes
//! on every machine. Sums run in a fixed order; functions that libraries may round differently
//! (powers, sines) are evaluated in `f64` and rounded once to `f32`. The module imports
//! [`crate::imaging`] and nothing else of this crate. Start at [`embed()`] and [`detect()`].
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::many_single_char_names,
    reason = "signal processing: sizes are below 2^24, values are clamped, f64 is rounded to f32 on purpose; x, y, u, v, h, r are the names of the formulas"
)]

mod detect;
mod embed;
mod error;
mod features;
mod geometry;
mod identify;
mod key;
mod layout;
mod privacy;
mod record;
mod register;
mod sampling;
mod signal;
mod tamper;
#[cfg(test)]
mod tests;

#[doc(hidden)]
pub use detect::null_trials::NullTrials;
pub use detect::{
    Detection, ManipulationClass, Quad, Transform, content::ContentMatch, detect,
    manipulation_class,
};
pub use embed::{EmbedReport, Embedded, embed, embed_with_privacy, strength::ProtectionLevel};
pub use error::WatermarkError;
pub use features::{
    fingerprint::Fingerprint,
    visual_words::{IndexKey, VisualWord, VisualWords},
};
pub use identify::index_query::IndexQuery;
pub use key::WatermarkKey;
pub use privacy::RecordPrivacy;
pub use record::Record;
pub use register::received::ReceivedImage;
pub use signal::score::{
    DETECTION_THRESHOLD, DetectionStatus, MARGINAL_THRESHOLD, PublicEvidence, corrected_for_tests,
    status,
};
pub use tamper::{Region, TamperFinding, Tampering};
