//! The engine end to end, on pictures made by code ([`pictures`]).
//!
//! Real photographs, and the attacks that take long, belong to the integration tests.

mod candidates;
mod distance;
mod forged;
mod geometry;
mod growth;
mod jpeg;
mod null;
pub(super) mod pictures;
mod pinned;
mod pixels;
mod placement;
mod privacy;
mod seeds;
mod spill;
mod symmetry;
mod tampering;
