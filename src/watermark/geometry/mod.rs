//! Where the protected photo lies in a received picture: maps, warps, what they cover.

pub(super) mod coverage;
pub(super) mod frame;
pub(super) mod homography;
pub(super) mod motion;
pub(super) mod warp;
