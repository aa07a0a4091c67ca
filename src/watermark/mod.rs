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
//!     | medium    pixels: rounding.rs                  |
//!     |           JPEG:   lattice.rs                   v
//!     v                                              score: status, confidence, false positives
//!   read back (host.rs), stronger if need be
//!     v
//!   bytes + Record
//! ```
//!
//! Detection knows the keyed sums of the original, so that it is limited by what an attack did, not by what the
//! picture shows. The record (20 KB, 15 of them keypoints) is no picture, and without the key it is noise. All decisions before the
//! statistic are taken on content, not on the mark; [`score`] says why that makes the false-positive bound exact.
//!
//! Everything here is pure and deterministic: the same photo, key and version give the same bytes on every
//! machine. Sums run in a fixed order; functions that libraries may round differently (powers, sines) are
//! evaluated in `f64` and rounded once to `f32`. The module imports [`crate::imaging`] and nothing else of this
//! crate. Start at [`embed()`] and [`detect()`].
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::many_single_char_names,
    reason = "signal processing: sizes are below 2^24, values are clamped, f64 is rounded to f32 on purpose; x, y, u, v, h, r are the names of the formulas"
)]

mod agreement;
mod block_dct;
mod blur;
mod candidates;
mod carrier;
mod chroma;
mod companding;
mod content;
mod correlation;
mod coverage;
mod crop;
mod detect;
mod difference;
mod diffusion;
mod embed;
mod error;
mod exchange;
mod fingerprint;
mod flat_level;
mod flow;
mod frame;
mod grid;
mod hidden;
mod homography;
mod host;
mod key;
mod keypoints;
mod lattice;
mod levels;
mod luma;
mod mask;
mod medium;
mod motion;
mod privacy;
mod query;
mod received;
mod record;
mod reduced;
mod refine;
mod register;
mod resample;
mod rounding;
mod sampling;
mod score;
mod sparse;
mod statistic;
mod strength;
mod tamper;
#[cfg(test)]
mod tests;
mod transform;
mod trial;
mod trust;
mod warp;
mod words;

pub use content::Content;
pub use detect::{Detection, Quad, TamperClass, Transform, detect, tamper_class};
pub use embed::{EmbedReport, Embedded, embed, embed_with_privacy};
pub use error::WatermarkError;
pub use fingerprint::Fingerprint;
pub use key::WatermarkKey;
pub use privacy::Privacy;
pub use received::ReceivedPhoto;
pub use record::Record;
pub use score::{
    DETECTION_THRESHOLD, DetectionStatus, MARGINAL_THRESHOLD, Published, among, status,
};
pub use strength::ProtectionLevel;
pub use tamper::{Finding, Region, Tampering};
#[doc(hidden)]
pub use trial::NullTrials;
pub use words::{IndexKey, Sought, Word, Words};
