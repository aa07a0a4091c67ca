//! Whether a received picture shows the protected content, judged on an absolute scale rather than
//! against the picture's own noise.
//!
//! ```text
//! textured   tiles (or coarse sums) that are shown, with G_1(sum over bands of y^2) > 0.6
//! rho_t      sum xy / sqrt(sum x^2 sum y^2) over the textured tiles; over all that are shown if they are fewer than 24
//! e          share of the lowest band's energy that is not the photo's                          tamper/explained.rs
//! s          luma that the tone curve leaves unexplained, robust scale in levels of the photo   tamper/levels.rs
//!
//! other      rho_t < 0.30, and s > 3.0 where it is known
//! agrees     rho_t >= 0.55 and e <= 0.14 and s (1 + l) <= 2.6,  l: the largest evidence of a place over its threshold
//! doubtful   what lies between
//! ```
//!
//! x and y are the whitened received and host sums of [`crate::watermark::signal::agreement`]. For
//! unrelated content `rho_t` is 0.0 +- 0.1; for the photo after anything that leaves the mark
//! readable it is 0.6 and more, and it falls with the share of other content. e and s catch what
//! lies over the whole picture, s even where there is little texture. Nothing here sees the signs,
//! and the bound on z is not touched.
//!
//! With a record of strict privacy, whose sums are coarse, at most a tenth of the textured sums may
//! have a local correlation under 0.3: a replaced part stands out by that.

use crate::watermark::{
    layout::Tiling,
    register::RegisteredImage,
    signal::{agreement::Agreement, carrier::BANDS},
    tamper::Tampering,
};

/// `rho_t` below which the content is another picture's.
const OTHER_RHO: f64 = 0.3;
/// `rho_t` from which the content is the photo's.
const AGREES_RHO: f64 = 0.55;
/// Largest share of the lowest band's energy that may be another picture's.
const MOST_FOREIGN_ENERGY: f32 = 0.14;
/// Unexplained levels above which the content is another picture's.
const OTHER_UNEXPLAINED: f64 = 3.0;
/// Most unexplained levels that the photo may have. A deviation everywhere counts for more where
/// some place deviates as well: faint double exposures do a little of both.
const MOST_UNEXPLAINED: f64 = 2.6;
/// Fewest textured tiles that allow a judgement.
const LEAST_TEXTURED: usize = 24;
/// Local correlation below which a coarse sum is another picture's.
const FOREIGN_RHO: f32 = 0.3;
/// Largest share of the textured coarse sums that may be another picture's.
const MOST_FOREIGN: f64 = 0.1;

/// Comparison of the content that is seen with the content that was protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentMatch {
    /// The content is the protected photo's.
    Agrees,
    /// Part of the content is the photo's, or too little is seen to say.
    Doubtful,
    /// The content is another picture's.
    Other,
}

/// Compares what is seen with the protected photo and returns the answer and `rho_t`. `tampering`
/// is the result of the comparison for alterations, if there was one.
pub(in crate::watermark) fn judge(
    agreement: &Agreement,
    registered: &RegisteredImage,
    tampering: Option<&Tampering>,
) -> (ContentMatch, f64) {
    let coverage = &registered.coverage;
    let products = agreement.products(&registered.sums, coverage, BANDS);
    let around = products.around(coverage);
    let textured: Vec<usize> = coverage.shown().filter(|&at| around.textured(at)).collect();
    let tiles = textured.len() * coverage.tiling().tiles_per_sum();
    let rho = if tiles < LEAST_TEXTURED {
        registered.likeness.rho
    } else {
        products.correlation_of(textured.iter().copied())
    };
    let unexplained = tampering.and_then(|tampering| tampering.unexplained);
    let largest = tampering.map_or(0.0, Tampering::largest);
    if rho < OTHER_RHO && unexplained.is_none_or(|levels| levels > OTHER_UNEXPLAINED) {
        return (ContentMatch::Other, rho);
    }
    let agrees = rho >= AGREES_RHO
        && unexplained.is_none_or(|levels| levels * (1.0 + largest) <= MOST_UNEXPLAINED)
        && tampering.is_none_or(|tampering| tampering.foreign_energy <= MOST_FOREIGN_ENERGY)
        && (coverage.tiling() == Tiling::Fine || {
            let foreign = textured
                .iter()
                .filter(|&&at| around.correlation(at) < FOREIGN_RHO);
            foreign.count() as f64 <= MOST_FOREIGN * textured.len() as f64
        });
    let content = if agrees {
        ContentMatch::Agrees
    } else {
        ContentMatch::Doubtful
    };
    (content, rho)
}
