//! Trust in tiles: the degree to which each shows the original's content in its place; and the
//! merit of a position by these alone.
//!
//! ```text
//! l      local correlation of a tile (agreement.rs), of unrelated content 0 +- 0.14
//! u      = clip((l - 0.3) / 0.4, 0.02, 1)
//! rho_u  = <x, y>_u / sqrt(<x, x>_u <y, y>_u)                       <a, b>_u = sum over tiles and bands of u a b
//! s(rho) = sqrt(-ln(1 - rho^2))                                      from the likelihood of normal numbers
//! share  = <y, y>_u / <y, y>                                         over what is shown
//! merit  = max(sqrt(tiles) s(rho), clip((share - 0.1) / 0.3, 0, 1) sqrt(<y, y>_u / mean <y, y>) s(rho_u))
//! ```
//!
//! A frame may be cut out of the photo and partly covered besides: by a caption, a logo, another
//! picture. A tile that is covered, or that lies wrongly, has no trust, so that it neither drags a
//! position away nor hides that the rest is right. The merit grows with the root of the tiles that
//! agree, and with how well they do, so that a small piece that agrees in all beats a large one
//! that agrees a little everywhere.
//!
//! All of this is made of the products of [`Agreement`], which do not see the signs.

use super::{
    agreement::{Agreement, Products},
    carrier::{BANDS, Sums},
    statistic::ratio,
};
use crate::watermark::geometry::coverage::Coverage;

/// Local correlation from which a tile is trusted in full.
const TRUSTED_RHO: f32 = 0.7;
/// Local correlation that unrelated content seldom reaches.
const DOUBTFUL_RHO: f32 = 0.3;
/// Trust in a tile that does not agree at all: a tile that is nearly in place must count for
/// something.
const LEAST_TRUST: f32 = 0.02;
/// Share of trusted content, among what is shown, that chance and horizons reach.
const STRAY_SHARE: f64 = 0.1;
/// Share of trusted content from which the rest is taken to be covered.
const USUAL_SHARE: f64 = 0.4;
/// Correlation above which there is no further gain.
const MOST_RHO: f64 = 0.995;
/// Least mean energy of a photo whose parts can be distinguished; photographs have 0.8 to 2.9. In a
/// picture of a few lines and nothing else, any place where the lines agree would do.
const LEAST_ENERGY: f64 = 0.6;

/// Returns the trust in each tile; 0 where nothing is shown.
pub(in crate::watermark) fn trust(products: &Products, coverage: &Coverage) -> Vec<f32> {
    let around = products.around(coverage);
    let mut trust = coverage.weights();
    for tile in coverage.shown() {
        trust[tile] = trust_in(around.correlation(tile));
    }
    trust
}

/// Returns the trust u in a tile of a local correlation.
pub(in crate::watermark) fn trust_in(correlation: f32) -> f32 {
    let certainty = (correlation - DOUBTFUL_RHO) / (TRUSTED_RHO - DOUBTFUL_RHO);
    certainty.clamp(LEAST_TRUST, 1.0)
}

/// Returns the correlation of the tiles, each weighted by its trust, -1..=1.
pub(in crate::watermark) fn trusted_rho(products: &Products, trust: &[f32]) -> f64 {
    let sum = |values| weighed(values, trust);
    let (xy, xx, yy) = (sum(&products.xy), sum(&products.xx), sum(&products.yy));
    ratio(xy, (xx * yy).sqrt())
}

/// Returns the number that positions are compared by, over all bands.
pub(in crate::watermark) fn merit(
    agreement: &Agreement,
    received: &Sums,
    coverage: &Coverage,
) -> f64 {
    let products = agreement.products(received, coverage, BANDS);
    let weights = coverage.weights();
    let all = coverage.root() * surprise(trusted_rho(&products, &weights));
    let trust = trust(&products, coverage);
    let trusted = weighed(&products.yy, &trust);
    let share = ratio(trusted, weighed(&products.yy, &weights));
    let belief = ((share - STRAY_SHARE) / (USUAL_SHARE - STRAY_SHARE)).clamp(0.0, 1.0);
    let tiles = ratio(trusted, mean_energy(agreement));
    all.max(belief * tiles.sqrt() * surprise(trusted_rho(&products, &trust)))
}

/// Returns the significance of a correlation, per root of the numbers that it was measured on: rho
/// where it is small, 1.7 for 0.97.
fn surprise(rho: f64) -> f64 {
    (-(1.0 - rho.clamp(0.0, MOST_RHO).powi(2)).ln()).sqrt()
}

/// Returns whether the photo has enough content for parts of it to be recognised.
pub(in crate::watermark) fn has_texture(agreement: &Agreement) -> bool {
    mean_energy(agreement) > LEAST_ENERGY
}

/// Returns the mean over the tiles of the original's whitened energy, of all bands.
fn mean_energy(agreement: &Agreement) -> f64 {
    let energy: f64 = agreement.host().iter().map(|y| f64::from(y * y)).sum();
    energy * BANDS as f64 / agreement.host().len().max(1) as f64
}

fn weighed(values: &[f32], weights: &[f32]) -> f64 {
    let pairs = values.iter().zip(weights);
    pairs
        .map(|(&value, &weight)| f64::from(weight * value))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watermark::layout::{TILE_COUNT, TILES, Tiling};

    /// Reproducible numbers, neither regular nor symmetric.
    fn host() -> Sums {
        Sums::from_fn(Tiling::Fine, |i| ((i * i) as f32 * 0.618).sin() * 20.0)
    }

    /// The host where `seen` holds, something else where not.
    fn covered(seen: impl Fn(usize) -> bool) -> Sums {
        let host = host();
        Sums::from_fn(Tiling::Fine, |i| {
            if seen(i % TILE_COUNT) {
                host.values()[i]
            } else {
                host.values()[(i * 7 + 13) % (BANDS * TILE_COUNT)]
            }
        })
    }

    #[test]
    fn what_covers_a_picture_has_no_trust_and_costs_little_merit() {
        let agreement = Agreement::new(&host());
        let left = |tile: usize| tile % TILES < TILES / 2;
        let half = covered(left);
        let all = Coverage::full();
        let trust = trust(&agreement.products(&half, &all, BANDS), &all);
        let mean = |columns: std::ops::Range<usize>| {
            let trusts = all.shown().filter(|tile| columns.contains(&(tile % TILES)));
            let trusts: Vec<f32> = trusts.map(|tile| trust[tile]).collect();
            trusts.iter().sum::<f32>() / trusts.len() as f32
        };
        // Around the edge, tiles see both halves.
        let (seen, hidden) = (mean(3..13), mean(19..29));
        assert!(seen > 0.95 && hidden < 0.15, "{seen} {hidden}");
        let products = agreement.products(&half, &all, BANDS);
        assert!(trusted_rho(&products, &trust) > 0.95);
        let alone = merit(&agreement, &half, &Coverage::from_fn(left));
        let with_rest = merit(&agreement, &half, &all);
        let nothing = merit(&agreement, &covered(|_| false), &all);
        assert!(
            with_rest > 0.75 * alone && with_rest <= alone,
            "{with_rest} {alone}"
        );
        assert!(nothing < 0.1 * alone, "{nothing} {alone}");
    }

    #[test]
    fn trust_and_merit_do_not_see_a_sign() {
        let flip = |sums: &Sums| {
            Sums::from_fn(Tiling::Fine, |i| {
                sums.values()[i] * if i == 1234 { -1.0 } else { 1.0 }
            })
        };
        let received = covered(|tile| tile % 3 > 0 || tile < 500);
        let all = Coverage::full();
        let judge = |host: &Sums, received: &Sums| {
            let agreement = Agreement::new(host);
            let trust = trust(&agreement.products(received, &all, BANDS), &all);
            (trust, merit(&agreement, received, &all))
        };
        assert_eq!(
            judge(&host(), &received),
            judge(&flip(&host()), &flip(&received))
        );
    }
}
