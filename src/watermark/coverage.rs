//! Which tiles of the protected photo a received picture shows.

use super::{
    carrier::{GRID, TILE, TILE_COUNT, TILES},
    homography::Homography,
    query::Window,
};

/// How far outside of the received picture a corner may lie, as a fraction of its side: a pixel of a small one.
const SLACK: f64 = 0.004;
/// Samples by which a tile's support reaches beyond it, on each side, before the window has faded to a third.
const REACH: f64 = 2.0;

/// A set of tiles.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Coverage {
    /// One flag a tile, tile rows first.
    tiles: Vec<bool>,
    count: usize,
}

impl Coverage {
    /// All tiles.
    pub(super) fn full() -> Self {
        Self::from_fn(|_| true)
    }

    /// The tiles whose support lies inside of the received picture under a map from canonical to query.
    pub(super) fn of(map: &Homography) -> Self {
        let inside = |u: f64, v: f64| {
            let range = -SLACK..=1.0 + SLACK;
            map.apply(u, v)
                .is_some_and(|(x, y)| range.contains(&x) && range.contains(&y))
        };
        // The support of a tile at the border goes on at the opposite one.
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

    /// The tiles for which `shown` holds.
    pub(super) fn from_fn(shown: impl FnMut(usize) -> bool) -> Self {
        let tiles: Vec<bool> = (0..TILE_COUNT).map(shown).collect();
        let count = tiles.iter().filter(|&&shown| shown).count();
        Self { tiles, count }
    }

    /// Tells whether a tile is shown.
    pub(super) fn shows(&self, tile: usize) -> bool {
        self.tiles[tile]
    }

    /// Number of tiles shown.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Square root of the number of tiles shown: how much a correlation over them weighs.
    pub(super) fn root(&self) -> f64 {
        (self.count as f64).sqrt()
    }

    /// The middle of the tiles shown, as fractions of the photo's sides; its own middle if there are none.
    pub(super) fn centre(&self) -> (f64, f64) {
        let (mut x, mut y) = (0, 0);
        for tile in (0..TILE_COUNT).filter(|&tile| self.tiles[tile]) {
            x += 2 * (tile % TILES) + 1;
            y += 2 * (tile / TILES) + 1;
        }
        if self.count == 0 {
            return (0.5, 0.5);
        }
        let scale = (2 * TILES * self.count) as f64;
        (x as f64 / scale, y as f64 / scale)
    }

    /// Share of the tiles that is shown, 0..=1.
    pub(super) fn share(&self) -> f64 {
        self.count as f64 / TILE_COUNT as f64
    }

    /// Tells whether every tile is shown.
    pub(super) fn is_full(&self) -> bool {
        self.count == TILE_COUNT
    }

    /// The samples of the grid that the tiles shown are transformed from.
    pub(super) fn window(&self) -> Window {
        let (mut columns, mut rows) = ((TILES, 0), (TILES, 0));
        for tile in (0..TILE_COUNT).filter(|&tile| self.tiles[tile]) {
            let (column, row) = (tile % TILES, tile / TILES);
            columns = (columns.0.min(column), columns.1.max(column));
            rows = (rows.0.min(row), rows.1.max(row));
        }
        if self.count == 0 || self.is_full() {
            return Window::ALL;
        }
        Window::of_tiles(columns, rows)
    }

    /// 1 for tiles that are shown, 0 for the others.
    pub(super) fn weights(&self) -> Vec<f32> {
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
        // Column 16 reaches beyond the edge, and so does column 31, whose support goes on at the left border.
        assert_eq!(shown.count(), 14 * TILES);
        assert!(shown.shows(17) && shown.shows(30));
        assert!(![15, 16, 31].into_iter().any(|tile| shown.shows(tile)));
        assert!((shown.share() - 14.0 / 32.0).abs() < 1e-12);
    }
}
