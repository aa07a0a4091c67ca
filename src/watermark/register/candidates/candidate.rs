//! A candidate: a map, and the support that it has.

use crate::watermark::geometry::homography::Homography;

/// Inliers from which, with [`CERTAIN_SHARE`], the mirror image need not be tried.
const CERTAIN_INLIERS: usize = 30;
/// Share of inliers that goes with [`CERTAIN_INLIERS`].
const CERTAIN_SHARE: f64 = 0.6;

/// A guess of the position of the protected photo in the received picture.
#[derive(Debug, Clone, Copy)]
pub(in crate::watermark) struct Candidate {
    /// Map from the protected photo (canonical) to the received picture.
    pub(in crate::watermark) map: Homography,
    /// Number of keypoints that the map brings together.
    pub(in crate::watermark) inliers: usize,
    /// Inliers as a share of the keypoints that might have been: those that the map takes near to a
    /// keypoint of similar angle and scale. About 0.8 for true maps.
    pub(in crate::watermark) share: f64,
}

impl Candidate {
    /// Returns the number that candidates are ranked by.
    pub(super) fn score(&self) -> f64 {
        self.inliers as f64 * self.share
    }

    /// Returns whether the mirror image need not be tried.
    pub(super) fn is_certain(&self) -> bool {
        self.inliers >= CERTAIN_INLIERS && self.share >= CERTAIN_SHARE
    }
}
