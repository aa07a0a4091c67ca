//! The mark as a signal: carrier, transform, mask, and the statistics that read it.

pub(super) mod agreement;
pub(super) mod carrier;
pub(super) mod companding;
pub(super) mod mask;
pub(super) mod score;
pub(super) mod statistic;
pub(super) mod transform;
pub(super) mod trust;
