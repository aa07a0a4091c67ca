//! Where the protected photo lies in a received picture: maps, warps, what they cover.

pub(super) mod coverage;
pub(super) mod homography;
pub(super) mod overlap;
pub(super) mod warp;
pub(super) mod warp_update;
