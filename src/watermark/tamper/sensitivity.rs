//! Sensitivity: the smallest replacement that would be found in this very copy.
//!
//! ```text
//! V     v + f (a^2 E + R)            what replacing a share f of a tile makes of d^2;  R: mean of a^2 E over the tiles
//! L_V   sum over bands of the evidence of d^2 = V                                           likelihood.rs
//! q_A   0.1 quantile over all places of (sum of L_V over the box of A tiles) / (its threshold times caution)
//!       beyond the largest box, of (the largest sum over a box inside the place of A tiles)
//! S     least A with q_A >= MARGIN, between the sizes log-linear;   as a share of the photo's tiles
//! ```
//!
//! R stands for the new content: as much as the photo has on average. At nine places in ten a
//! replacement of size S then has MARGIN times the evidence of an alarm; MARGIN was set so that of
//! real replacements of size S, which lie across tiles and differ in content, nine in ten are found
//! (docs/watermark.md has the calibration).

use super::{likelihood, residual::Residual, scan};
use crate::watermark::{
    geometry::coverage::Coverage,
    layout::{TILE_COUNT, TILES},
};

/// Evidence over threshold from which a replacement is found nine times in ten.
const MARGIN: f64 = 1.6;
/// Share of the places at which the evidence may be less.
const WORST: f64 = 0.1;
/// Shares of a tile that are tried, from the largest down.
const PARTS: [f32; 3] = [0.5, 0.25, 0.125];
/// Sides of places, in tiles, that are tried where the largest box is not enough.
const PLACES: [usize; 4] = [7, 10, 14, 20];

/// Returns S, as a share of the photo's area; `None` if not even the largest place is enough.
///
/// `fit` are the tiles that can be compared; places with none do not count. `caution` is the factor
/// on the thresholds.
pub(super) fn smallest_visible(residual: &Residual, fit: &Coverage, caution: f32) -> Option<f64> {
    let tiles: Vec<usize> = fit.shown().collect();
    let whole = likelihood::of_replaced(residual, fit, 1.0);
    let found = |evidence: &[f32], side: usize, threshold: f32| {
        let sums = box_sums(evidence, side);
        quantile(tiles.iter().map(|&tile| sums[tile])) / f64::from(threshold * caution)
    };
    // Sizes in ascending order, each with the evidence there; those under a tile only where a tile
    // is enough.
    let mut sizes: Vec<(f64, f64)> = Vec::new();
    for (side, threshold) in scan::TILE_BOXES {
        let here = found(&whole, side, threshold);
        sizes.push(((side * side) as f64, here));
        if here < MARGIN {
            continue;
        }
        if side == 1 {
            for part in PARTS {
                let evidence = likelihood::of_replaced(residual, fit, part);
                sizes.insert(0, (f64::from(part), found(&evidence, 1, threshold)));
                if sizes[0].1 < MARGIN {
                    break;
                }
            }
        }
        return Some(crossing(&sizes) / TILE_COUNT as f64);
    }
    let (side, threshold) = scan::TILE_BOXES[scan::TILE_BOXES.len() - 1];
    let sums = box_sums(&whole, side);
    for place in PLACES {
        let most = quantile(tiles.iter().map(|&tile| {
            let (x, y) = inside(tile, place);
            let boxes = |from: usize| from..=from + place - side;
            (boxes(y).flat_map(|y| boxes(x).map(move |x| (x, y))))
                .map(|(x, y)| sums[y * TILES + x])
                .fold(f64::MIN, f64::max)
        }));
        sizes.push((
            (place * place) as f64,
            most / f64::from(threshold * caution),
        ));
        if sizes[sizes.len() - 1].1 >= MARGIN {
            return Some(crossing(&sizes) / TILE_COUNT as f64);
        }
    }
    None
}

/// Returns the size at which the evidence of ascending sizes reaches [`MARGIN`], which the last one
/// has: log-linear between two sizes.
fn crossing(sizes: &[(f64, f64)]) -> f64 {
    let first = sizes.partition_point(|&(_, found)| found < MARGIN);
    let (area, found) = sizes[first];
    match first.checked_sub(1).map(|before| sizes[before]) {
        Some((less, before)) if found > before => {
            less * (area / less).powf((MARGIN - before) / (found - before))
        }
        _ => area,
    }
}

/// Returns the sums over the boxes that begin at each tile; those that would reach beyond the photo
/// are moved inside.
fn box_sums(evidence: &[f32], side: usize) -> Vec<f64> {
    let sums = scan::integral(evidence, TILES);
    (0..TILE_COUNT)
        .map(|tile| {
            let (x, y) = inside(tile, side);
            scan::box_sum(&sums, TILES, (x, y), (x + side, y + side))
        })
        .collect()
}

/// Returns the column and row where a square that begins at a tile begins, moved inside if it
/// reaches beyond the photo.
fn inside(tile: usize, side: usize) -> (usize, usize) {
    let start = |at: usize| at.min(TILES - side);
    (start(tile % TILES), start(tile / TILES))
}

/// Returns the [`WORST`] quantile, or 0 if there are no values.
fn quantile(found: impl Iterator<Item = f64>) -> f64 {
    let mut found: Vec<f64> = found.collect();
    if found.is_empty() {
        return 0.0;
    }
    let at = (WORST * (found.len() - 1) as f64) as usize;
    *found.select_nth_unstable_by(at, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watermark::{signal::carrier::BANDS, tamper::residual::BandResidual};

    /// A residual of content and noise of the given strengths.
    fn residual(content: f32, noise: f32) -> Residual {
        let band = || BandResidual {
            difference: vec![0.0; TILE_COUNT],
            variance: vec![noise; TILE_COUNT],
            replaced: vec![2.0 * content; TILE_COUNT],
            kept: vec![content; TILE_COUNT],
            usual: content,
        };
        Residual {
            bands: (0..BANDS).map(|_| band()).collect(),
            freedom: 10.0,
            peak: -0.025,
        }
    }

    #[test]
    fn less_is_seen_under_noise_and_under_caution_and_nothing_in_nothing() {
        let all = Coverage::full();
        let of =
            |content, noise, caution| smallest_visible(&residual(content, noise), &all, caution);
        let clear = of(1000.0, 1.0, 1.0).unwrap();
        let noisy = of(1000.0, 100.0, 1.0).unwrap();
        let wary = of(1000.0, 1.0, 2.0).unwrap();
        assert!((1e-4..4e-3).contains(&clear), "{clear}");
        assert!(noisy > 2.0 * clear, "{noisy} {clear}");
        assert!(wary > clear, "{wary} {clear}");
        assert_eq!(of(0.1, 100.0, 1.0), None);
    }

    #[test]
    fn where_a_strip_shows_nothing_the_place_must_reach_beyond_it() {
        let clear = residual(1000.0, 1.0);
        // Half of the columns are left out, but for every fourth row of them.
        let fit = |wide: usize| {
            Coverage::from_fn(move |tile| tile % TILES >= wide || (tile / TILES).is_multiple_of(4))
        };
        let of = |wide: usize| smallest_visible(&clear, &fit(wide), 12.0);
        let (none, strip) = (of(0).unwrap(), of(16).unwrap());
        assert!(
            none < 0.03 && (0.03..0.5).contains(&strip),
            "{none} {strip}"
        );
    }
}
