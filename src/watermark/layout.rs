//! How the canonical grid is divided: samples, tiles, the sums of a record, windows.

/// Samples on a side of the canonical grid.
pub(in crate::watermark) const GRID: usize = 256;
/// Samples on a side of a tile, the hop of the lapped transform.
pub(in crate::watermark) const TILE: usize = 8;
/// Tiles on a side of the grid.
pub(in crate::watermark) const TILES: usize = GRID / TILE;
/// Tiles of the grid.
pub(in crate::watermark) const TILE_COUNT: usize = TILES * TILES;
/// Samples around a tile that its transform reads.
const MARGIN: usize = TILE / 2 + 2;

/// How finely a record sums: over every tile, or over squares of tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::watermark) enum Tiling {
    /// 32 x 32 sums a band, one a tile.
    Fine,
    /// 16 x 16 sums a band, each of 2 x 2 tiles. Nothing of the picture can be recognised in them.
    Coarse,
}

impl Tiling {
    /// Tiles along a side of what one sum adds up.
    pub(in crate::watermark) const fn merged(self) -> usize {
        match self {
            Self::Fine => 1,
            Self::Coarse => 2,
        }
    }

    /// Sums along a side.
    pub(in crate::watermark) const fn side(self) -> usize {
        TILES / self.merged()
    }

    /// Sums of a band.
    pub(in crate::watermark) const fn count(self) -> usize {
        self.side() * self.side()
    }

    /// Tiles that one sum adds up.
    pub(in crate::watermark) const fn tiles_per_sum(self) -> usize {
        self.merged() * self.merged()
    }

    /// The sum, within its band, to which a tile of the 32 x 32 belongs.
    pub(in crate::watermark) const fn sum_of(self, tile: usize) -> usize {
        tile / TILES / self.merged() * self.side() + tile % TILES / self.merged()
    }
}

/// Samples of the grid from here (included) to there (excluded), in both axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::watermark) struct Window {
    pub(in crate::watermark) x: (usize, usize),
    pub(in crate::watermark) y: (usize, usize),
}

impl Window {
    /// The whole grid.
    pub(in crate::watermark) const ALL: Self = Self {
        x: (0, GRID),
        y: (0, GRID),
    };

    /// What the transforms of tiles between these columns and rows (both included) read.
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
