//! Coverage: the tiles of the protected photo that a received picture shows.

use super::homography::Homography;
use crate::watermark::layout::{GRID, TILE, TILE_COUNT, TILES, Tiling, Window};

/// Distance by which a corner may lie outside the received picture, as a fraction of its side: a
/// pixel of a small one.
const SLACK: f64 = 0.004;
/// Samples by which a tile's support reaches beyond it, on each side, before the window has faded
/// to a third.
const REACH: f64 = 2.0;

/// A set of tiles, or of the squares of tiles that a coarse record sums over.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::watermark) struct Coverage {
    tiling: Tiling,
    /// One flag per tile (or square), row-major.
    tiles: Vec<bool>,
    count: usize,
}

impl Coverage {
    /// Returns the set of all tiles.
    pub(in crate::watermark) fn full() -> Self {
        Self::from_fn(|_| true)
    }

    /// Returns the tiles whose support lies inside the received picture under a map from canonical
    /// to received.
    pub(in crate::watermark) fn of(map: &Homography) -> Self {
        let inside = |u: f64, v: f64| {
            let range = -SLACK..=1.0 + SLACK;
            map.apply(u, v)
                .is_some_and(|(x, y)| range.contains(&x) && range.contains(&y))
        };
        // The support of a tile at the border continues at the opposite one.
        let edges = |tile: usize| {
            let start = (tile * TILE) as f64;
            let unit = |sample: f64| (sample / GRID as f64).rem_euclid(1.0);
            let (before, after) = (unit(start - REACH), unit(start + TILE as f64 + REACH));
            let wraps = tile == 0 || tile == TILES - 1;
            let border = if tile == 0 { 0.0 } else { 1.0 };
            [before, after, if wraps { border } else { before }]
        };
        Self::from_fn(|tile| {
            let (across, down) = (edges(tile % TILES), edges(tile / TILES));
            across.iter().all(|&u| down.iter().all(|&v| inside(u, v)))
        })
    }

    /// Returns the tiles for which `shown` holds.
    pub(in crate::watermark) fn from_fn(shown: impl FnMut(usize) -> bool) -> Self {
        let tiles: Vec<bool> = (0..TILE_COUNT).map(shown).collect();
        let count = tiles.iter().filter(|&&shown| shown).count();
        Self {
            tiling: Tiling::Fine,
            tiles,
            count,
        }
    }

    /// Returns the set as a tiling sees it: a square of tiles is shown if all of its tiles are.
    pub(in crate::watermark) fn on(self, tiling: Tiling) -> Self {
        if tiling == self.tiling {
            return self;
        }
        let mut tiles = vec![true; tiling.count()];
        for (tile, &shown) in self.tiles.iter().enumerate() {
            tiles[tiling.sum_of(tile)] &= shown;
        }
        let count = tiles.iter().filter(|&&shown| shown).count();
        Self {
            tiling,
            tiles,
            count,
        }
    }

    /// Returns the tiling that the set is of.
    pub(in crate::watermark) fn tiling(&self) -> Tiling {
        self.tiling
    }

    /// Returns whether a tile is shown.
    pub(in crate::watermark) fn shows(&self, tile: usize) -> bool {
        self.tiles[tile]
    }

    /// Returns the indices of the tiles shown.
    pub(in crate::watermark) fn shown(&self) -> impl Iterator<Item = usize> {
        (0..self.tiles.len()).filter(|&tile| self.tiles[tile])
    }

    /// Returns the number of tiles shown.
    pub(in crate::watermark) fn count(&self) -> usize {
        self.count
    }

    /// Returns the square root of the number of tiles shown: the weight of a correlation over them.
    pub(in crate::watermark) fn root(&self) -> f64 {
        (self.count as f64).sqrt()
    }

    /// Returns the middle of the tiles shown, as fractions of the photo's sides; the photo's own
    /// middle if there are none.
    pub(in crate::watermark) fn centre(&self) -> (f64, f64) {
        let (mut x, mut y) = (0, 0);
        let side = self.tiling.side();
        for tile in self.shown() {
            x += 2 * (tile % side) + 1;
            y += 2 * (tile / side) + 1;
        }
        if self.count == 0 {
            return (0.5, 0.5);
        }
        let scale = (2 * side * self.count) as f64;
        (x as f64 / scale, y as f64 / scale)
    }

    /// Returns the share of the tiles that is shown, 0..=1.
    pub(in crate::watermark) fn share(&self) -> f64 {
        self.count as f64 / self.tiling.count() as f64
    }

    /// Returns whether every tile is shown.
    pub(in crate::watermark) fn is_full(&self) -> bool {
        self.count == self.tiling.count()
    }

    /// Returns the samples of the grid that the transforms of the tiles shown read.
    pub(in crate::watermark) fn window(&self) -> Window {
        let (side, merged) = (self.tiling.side(), self.tiling.merged());
        let (mut columns, mut rows) = ((TILES, 0), (TILES, 0));
        for tile in self.shown() {
            let (column, row) = (tile % side * merged, tile / side * merged);
            columns = (columns.0.min(column), columns.1.max(column + merged - 1));
            rows = (rows.0.min(row), rows.1.max(row + merged - 1));
        }
        if self.count == 0 || self.is_full() {
            return Window::ALL;
        }
        Window::of_tiles(columns, rows)
    }

    /// Returns 1 for tiles that are shown, 0 for the others.
    pub(in crate::watermark) fn weights(&self) -> Vec<f32> {
        self.tiles
            .iter()
            .map(|&shown| f32::from(u8::from(shown)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_picture_shows_all_tiles_and_a_crop_only_its_own() {
        assert!(Coverage::of(&Homography::IDENTITY).is_full());
        // The received picture is the right half: canonical u = 1/2 is its left edge.
        let half = Homography([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
        let shown = Coverage::of(&half);
        // Column 16 reaches beyond the edge, and so does column 31, whose support goes on at the
        // left border.
        assert_eq!(shown.count(), 14 * TILES);
        assert!(shown.shows(17) && shown.shows(30));
        assert!(![15, 16, 31].into_iter().any(|tile| shown.shows(tile)));
        assert!((shown.share() - 14.0 / 32.0).abs() < 1e-12);
    }

    #[test]
    fn a_square_of_tiles_is_shown_if_all_four_are() {
        // Columns 17 to 30: the squares of columns 18 and 19 to 28 and 29 are whole.
        let shown = Coverage::from_fn(|tile| (17..=30).contains(&(tile % TILES)));
        let coarse = shown.clone().on(Tiling::Coarse);
        assert_eq!(coarse.count(), 6 * 16);
        assert!(coarse.shows(9) && coarse.shows(14) && !coarse.shows(8) && !coarse.shows(15));
        let (u, _) = coarse.centre();
        assert!((u - 24.0 / 32.0).abs() < 1e-12);
        assert_eq!(coarse.window(), Window::of_tiles((18, 29), (0, 31)));
        assert_eq!(shown.clone().on(Tiling::Fine), shown);
    }
}
