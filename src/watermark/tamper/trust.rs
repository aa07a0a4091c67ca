//! The certainty with which each tile shows the protected content, and the places that show other
//! content.
//!
//! ```text
//! l        local correlation of whitened sums                                             agreement.rs
//! u        as in registration (watermark/trust.rs) where the photo has content, 0.25 where it has none; 0 if not comparable
//! A        sum x y / sqrt(sum x^2 sum y^2) over boxes of 5 x 5 and 7 x 7 tiles
//! foreign  (0.45 - A) / 0.25: an alarm from 1 up, where A <= 0.2
//! ```
//!
//! For unrelated content A is 0.0 +- 0.1 (25 tiles, 100 sums); for the photo after nearly anything
//! that leaves it recognisable it is 0.5 and more. So u and `foreign` need no model of the
//! picture's noise, by which a picture that is mostly something else would explain itself. u
//! weights every fit of the comparison: a painted or pasted part cannot pull the gain, the tone
//! curve or the noise towards itself.

use super::scan::{box_sum, integral};
use crate::watermark::{
    geometry::coverage::Coverage,
    layout::{TILE_COUNT, TILES},
    signal::{
        agreement::{Products, TEXTURED},
        trust::trust_in,
    },
};

/// Trust in a tile without content, which says nothing either way.
const EMPTY: f32 = 0.25;
/// Trust from which a tile is not foreign, whatever is around it.
const SURE: f32 = 0.6;
/// Tiles around the middle one of a box.
const REACHES: [usize; 2] = [2, 3];
/// Least share of a box that must be comparable.
const LEAST_SHARE: f64 = 0.7;
/// Agreement of a box below which it is foreign, and the range over which the alarm grows by one.
const FOREIGN: (f64, f64) = (0.45, 0.25);
/// Keeps the agreement of an empty picture finite.
const TINY: f64 = 1e-9;

/// Result of comparing a picture locally with the photo.
#[derive(Debug)]
pub(super) struct Trust {
    /// Trust u of each tile, 0..=1.
    pub(super) weights: Vec<f32>,
    /// Whether the photo has content in each tile.
    pub(super) textured: Vec<bool>,
}

impl Trust {
    /// Computes the trust in the tiles; `products` are of all bands.
    pub(super) fn new(products: &Products, comparable: &Coverage) -> Self {
        let around = products.around(comparable);
        let mut trust = Self {
            weights: vec![0.0; TILE_COUNT],
            textured: vec![false; TILE_COUNT],
        };
        for tile in comparable.shown() {
            trust.textured[tile] = around.textured(tile);
            trust.weights[tile] = if trust.textured[tile] {
                trust_in(around.correlation(tile))
            } else {
                EMPTY
            };
        }
        trust
    }
}

/// Returns the evidence of each tile that the box around it shows other content, in units of the
/// alarm, at least 0.
///
/// Tiles at the photo's edge mix with the opposite one and are left out.
pub(super) fn foreign(products: &Products, comparable: &Coverage, trust: &Trust) -> Vec<f32> {
    let inside = |at: usize| (1..TILES - 1).contains(&at);
    let inner: Vec<bool> = (0..TILE_COUNT)
        .map(|tile| comparable.shows(tile) && inside(tile % TILES) && inside(tile / TILES))
        .collect();
    let sums = |value: &dyn Fn(usize) -> f32| {
        let field: Vec<f32> = (0..TILE_COUNT)
            .map(|tile| if inner[tile] { value(tile) } else { 0.0 })
            .collect();
        integral(&field, TILES)
    };
    let (count, xy) = (sums(&|_| 1.0), sums(&|tile| products.xy[tile]));
    let (xx, yy) = (
        sums(&|tile| products.xx[tile]),
        sums(&|tile| products.yy[tile]),
    );
    let mut ratio = vec![0.0_f32; TILE_COUNT];
    for reach in REACHES {
        let most = ((2 * reach + 1) * (2 * reach + 1)) as f64;
        // A box around a tile of the photo's may lie half on something else; only tiles that are
        // not sure count.
        for tile in (0..TILE_COUNT).filter(|&tile| inner[tile] && trust.weights[tile] < SURE) {
            let (x, y) = (tile % TILES, tile / TILES);
            let from = (x.saturating_sub(reach), y.saturating_sub(reach));
            let to = ((x + reach + 1).min(TILES), (y + reach + 1).min(TILES));
            let around = |sums: &[f64]| box_sum(sums, TILES, from, to);
            let (seen, texture) = (around(&count), around(&yy));
            if seen > LEAST_SHARE * most && texture > f64::from(TEXTURED) * seen {
                let agreement = around(&xy) / (around(&xx) * texture).sqrt().max(TINY);
                let found = (FOREIGN.0 - agreement) / FOREIGN.1;
                ratio[tile] = ratio[tile].max(found as f32);
            }
        }
    }
    ratio
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Products of content that agrees but for some tiles, and of no content in the last rows.
    fn products(other: impl Fn(usize) -> bool) -> Products {
        let empty = |tile: usize| tile / TILES >= 24;
        let of = |value: &dyn Fn(usize) -> f32| (0..TILE_COUNT).map(value).collect();
        let energy = |tile: usize| if empty(tile) { 0.01 } else { 4.0 };
        Products {
            xy: of(&|tile| {
                let sign = if tile % 2 == 0 { 1.0 } else { -1.0 };
                energy(tile) * if other(tile) { 0.1 * sign } else { 0.9 }
            }),
            xx: of(&energy),
            yy: of(&energy),
        }
    }

    #[test]
    fn other_content_is_not_trusted_and_empty_places_cannot_tell() {
        let square = |tile: usize| tile % TILES / 8 == 1 && tile / TILES / 8 == 1;
        let all = Coverage::from_fn(|tile| tile != 5);
        let trust = Trust::new(&products(square), &all);
        assert!(trust.weights[12 * TILES + 12] < 0.03, "in the square");
        assert!(trust.weights[4 * TILES + 20] > 0.99, "far from it");
        assert!((trust.weights[30 * TILES + 3] - EMPTY).abs() < 1e-6);
        assert!(!trust.textured[30 * TILES + 3] && trust.weights[5] == 0.0);
    }

    #[test]
    fn a_box_of_other_content_is_foreign_whatever_surrounds_it() {
        let square = |tile: usize| tile % TILES / 8 == 1 && tile / TILES / 8 == 1;
        for other in [&square as &dyn Fn(usize) -> bool, &|tile| !square(tile)] {
            let (products, all) = (products(other), Coverage::full());
            let ratio = foreign(&products, &all, &Trust::new(&products, &all));
            for tile in [11 * TILES + 11, 4 * TILES + 20, 19 * TILES + 26] {
                assert_eq!(ratio[tile] >= 1.0, other(tile), "{tile}: {}", ratio[tile]);
            }
            assert!(ratio[30 * TILES + 3] < 1.0, "nothing is there to compare");
        }
    }
}
