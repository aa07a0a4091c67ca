//! Sampling: pixels and coefficients to luma on the canonical grid, and the filters on the way.

pub(super) mod blur;
pub(super) mod dct;
pub(super) mod grid;
pub(super) mod jpeg_luma;
pub(super) mod luma;
pub(super) mod resample;
