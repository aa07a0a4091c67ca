//! Layout of the canonical grid: samples, tiles, the sums of a record, windows.

/// Samples on a side of the canonical grid.
pub(in crate::watermark) const GRID: usize = 256;
/// Samples on a side of a tile, the hop of the lapped transform.
pub(in crate::watermark) const TILE: usize = 8;
/// Tiles on a side of the grid.
pub(in crate::watermark) const TILES: usize = GRID / TILE;
/// Number of tiles in the grid.
pub(in crate::watermark) const TILE_COUNT: usize = TILES * TILES;
/// Samples beyond a tile's edge that its transform reads.
const MARGIN: usize = TILE / 2 + 2;

/// Resolution of a record's sums: one per tile, or one per square of tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::watermark) enum Tiling {
    /// 32 x 32 sums a band, one a tile.
    Fine,
    /// 16 x 16 sums a band, each of 2 x 2 tiles. Nothing of the picture can be recognised in them.
    Coarse,
}

impl Tiling {
    /// Returns the number of tiles along a side of the square that one sum covers.
    pub(in crate::watermark) const fn merged(self) -> usize {
        match self {
            Self::Fine => 1,
            Self::Coarse => 2,
        }
    }

    /// Returns the number of sums along a side of the grid.
    pub(in crate::watermark) const fn side(self) -> usize {
        TILES / self.merged()
    }

    /// Returns the number of sums of a band.
    pub(in crate::watermark) const fn count(self) -> usize {
        self.side() * self.side()
    }

    /// Returns the number of tiles that one sum covers.
    pub(in crate::watermark) const fn tiles_per_sum(self) -> usize {
        self.merged() * self.merged()
    }

    /// Returns the index, within its band, of the sum that covers a tile of the 32 x 32.
    pub(in crate::watermark) const fn sum_of(self, tile: usize) -> usize {
        tile / TILES / self.merged() * self.side() + tile % TILES / self.merged()
    }
}

/// A rectangle of samples of the grid: from (included) to (excluded), in both axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::watermark) struct Window {
    pub(in crate::watermark) x: (usize, usize),
    pub(in crate::watermark) y: (usize, usize),
}

impl Window {
    /// The window that covers the whole grid.
    pub(in crate::watermark) const ALL: Self = Self {
        x: (0, GRID),
        y: (0, GRID),
    };

    /// Returns the samples that the transforms of tiles between these columns and rows (both
    /// included) read.
    pub(in crate::watermark) fn of_tiles(columns: (usize, usize), rows: (usize, usize)) -> Self {
        let span = |(first, last): (usize, usize)| {
            (
                (first * TILE).saturating_sub(MARGIN),
                ((last + 1) * TILE + MARGIN).min(GRID),
            )
        };
        Self {
            x: span(columns),
            y: span(rows),
        }
    }
}
