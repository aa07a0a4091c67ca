//! Geometry of the protected photo in a received picture: maps, warps and the parts that they
//! cover.

pub(super) mod coverage;
pub(super) mod homography;
pub(super) mod overlap;
pub(super) mod warp;
pub(super) mod warp_update;
