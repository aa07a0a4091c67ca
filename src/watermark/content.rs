//! Is what is seen the protected content? On an absolute scale, not against the picture's own noise.
//!
//! ```text
//! textured   tiles (or coarse sums) that are shown, with G_1(sum over bands of y^2) > 0.6
//! rho_t      sum xy / sqrt(sum x^2 sum y^2) over the textured tiles; over all that are shown if they are fewer than 24
//! other      rho_t < 0.30
//! agrees     rho_t >= 0.55
//! doubtful   what lies between
//! ```
//!
//! x and y are the whitened received and host sums of [`super::agreement`]. Of unrelated content rho_t is 0.0 +- 0.1;
//! of the photo after all that leaves the mark readable it is 0.6 and more. So a mark that was carried to another
//! picture is told from one that is at home. Nothing here sees the signs, and the bound on z is not touched.

use super::{agreement::Agreement, register::Registered, tamper::Tampering};

/// Agreement below which the content is another picture's.
const OTHER_RHO: f64 = 0.3;
/// Agreement from which it is the photo's.
const AGREES_RHO: f64 = 0.55;

/// Whether the content that is seen is the one that was protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// It is.
    Agrees,
    /// Part of it is, or too little is seen to say.
    Doubtful,
    /// It is another picture's.
    Other,
}

/// Compares what is seen with the protected photo.
pub(super) fn judge(
    agreement: &Agreement,
    registered: &Registered,
    _tampering: Option<&Tampering>,
) -> Content {
    let rho = agreement
        .textured_rho(&registered.sums, &registered.coverage)
        .unwrap_or(registered.likeness.rho);
    if rho < OTHER_RHO {
        Content::Other
    } else if rho < AGREES_RHO {
        Content::Doubtful
    } else {
        Content::Agrees
    }
}
