//! Features of a picture's content: keypoints, visual words, fingerprint, levels and colour of
//! cells.

pub(super) mod chroma;
pub(super) mod fingerprint;
pub(super) mod hidden;
pub(super) mod keypoints;
pub(super) mod levels;
pub(super) mod visual_words;
