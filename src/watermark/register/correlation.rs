//! Cross-correlation of the record's content with a picture at any place, by the chips of the two
//! lowest bands.
//!
//! ```text
//! C(p)     the 5 chips of bands 0 and 1 of a picture as if a tile began at sample p, for every second p
//! c(p)     = C / sqrt(sum over the band C^2 + mean / 4 + 1)
//! score(t) = <clip3(h q) s, c(8 tile - 4 - t)> / sqrt(sum (clip3(h q))^2  sum |c|^2)  sqrt(tiles)
//! ```
//!
//! t is where the picture begins on the grid. All numbers of a tile lie side by side in eight
//! lanes, so that a score is one multiplication and addition of eight numbers a tile. The product h
//! s of a sum and its sign does not change when the sign flips: nothing here sees the mark.

use std::{fmt, ops::Range};

use zeroize::ZeroizeOnDrop;

use crate::{
    imaging::Plane,
    watermark::{
        layout::{TILE, TILES},
        signal::{
            agreement::Reference,
            transform::{LOW_CHIPS, sliding},
        },
    },
};

/// Samples from one place to the next.
pub(in crate::watermark) const STEP: usize = 2;
/// First (included) and last (excluded) of the chips of bands 0 and 1.
const LOW_BANDS: [(usize, usize); 2] = [(0, 2), (2, LOW_CHIPS)];
/// Samples that a tile's transform covers along an axis.
pub(in crate::watermark) const SUPPORT: usize = 2 * TILE;
/// Lanes of one place: five chips, one free, host energy, received energy.
const LANES: usize = 8;
/// Index of the lane that adds up the energy of the host.
const HOST_ENERGY: usize = 6;
/// Index of the lane that adds up the energy of the picture.
const ENERGY: usize = 7;

/// The host's side: one row of lanes a tile. They hold the signs, so they are wiped on drop and
/// never printed.
#[derive(ZeroizeOnDrop)]
pub(in crate::watermark) struct HostLanes(Vec<[f32; LANES]>);

impl fmt::Debug for HostLanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostLanes(..)")
    }
}

impl HostLanes {
    /// Prepares the whitened host of a record.
    pub(in crate::watermark) fn new(reference: &Reference<'_>) -> Self {
        let host = reference.agreement.host();
        let tiling = reference.signs.tiling();
        let lanes = (reference.signs.tiles().enumerate())
            .map(|(tile, signs)| {
                let mut lanes = [0.0; LANES];
                for (band, (first, end)) in LOW_BANDS.into_iter().enumerate() {
                    let whitened = host[band * tiling.count() + tiling.sum_of(tile)];
                    for chip in first..end {
                        lanes[chip] = whitened * signs[chip];
                    }
                    lanes[HOST_ENERGY] += whitened * whitened;
                }
                lanes[ENERGY] = 1.0;
                lanes
            })
            .collect();
        Self(lanes)
    }
}

/// The tiles of the grid that a score is taken over.
#[derive(Debug)]
pub(in crate::watermark) struct TileRanges {
    /// Columns of tiles, within 0..32.
    pub(in crate::watermark) columns: Range<usize>,
    /// Rows of tiles, within 0..32.
    pub(in crate::watermark) rows: Range<usize>,
}

impl TileRanges {
    /// All tiles of the grid.
    pub(in crate::watermark) const ALL: Self = Self {
        columns: 0..TILES,
        rows: 0..TILES,
    };
}

/// The picture's side: one row of lanes for each place where a tile may begin.
#[derive(Debug)]
pub(in crate::watermark) struct Places {
    columns: usize,
    rows: usize,
    lanes: Vec<[f32; LANES]>,
}

impl Places {
    /// Prepares a picture on the pitch of the grid, at least 16 samples on a side.
    pub(in crate::watermark) fn new(picture: &Plane) -> Self {
        let chips = sliding(picture, STEP);
        let places = |samples: usize| (samples - SUPPORT) / STEP + 1;
        let energy = |chips: &[f32; LOW_CHIPS], (first, end): (usize, usize)| -> f32 {
            chips[first..end].iter().map(|c| c * c).sum()
        };
        let floors = LOW_BANDS.map(|band| {
            let sum: f64 = chips.iter().map(|c| f64::from(energy(c, band))).sum();
            (sum / chips.len().max(1) as f64) as f32 / 4.0 + 1.0
        });
        let normalised = |chips: &[f32; LOW_CHIPS]| {
            let mut lanes = [0.0; LANES];
            for (band, floor) in LOW_BANDS.into_iter().zip(floors) {
                let scale = 1.0 / (energy(chips, band) + floor).sqrt();
                for chip in band.0..band.1 {
                    lanes[chip] = chips[chip] * scale;
                    lanes[ENERGY] += lanes[chip] * lanes[chip];
                }
            }
            lanes[HOST_ENERGY] = 1.0;
            lanes
        };
        Self {
            columns: places(picture.width()),
            rows: places(picture.height()),
            lanes: chips.iter().map(normalised).collect(),
        }
    }

    /// Returns the score of the picture with its first sample at (x, y) of the grid, both even,
    /// over some of the tiles; 0 if it shows fewer than `least` of them.
    pub(in crate::watermark) fn score(
        &self,
        host: &HostLanes,
        tiles: TileRanges,
        (x, y): (isize, isize),
        least: usize,
    ) -> f64 {
        let columns = shown(tiles.columns, x, self.columns);
        let rows = shown(tiles.rows, y, self.rows);
        let count = columns.len() * rows.len();
        if count < least.max(1) {
            return 0.0;
        }
        let mut sums = [0.0_f32; LANES];
        for row in rows {
            let host = &host.0[row * TILES + columns.start..row * TILES + columns.end];
            let start = place_of(row, y) * self.columns + place_of(columns.start, x);
            let lanes = self.lanes[start..].iter().step_by(TILE / STEP);
            for (host, lanes) in host.iter().zip(lanes) {
                for lane in 0..LANES {
                    sums[lane] += host[lane] * lanes[lane];
                }
            }
        }
        let product: f32 = sums[..HOST_ENERGY].iter().sum();
        let norm = (sums[HOST_ENERGY] * sums[ENERGY]).sqrt();
        f64::from(product / (norm + 1e-6)) * (count as f64).sqrt()
    }
}

/// Returns the tiles, of those given, whose support lies inside a picture that begins at `start`
/// and has so many places.
fn shown(tiles: Range<usize>, start: isize, places: usize) -> Range<usize> {
    let (tile, lead) = (TILE as isize, TILE as isize / 2);
    // A tile's place 8 t - 4 - start is neither before the first nor after the last.
    let first = (start + lead + tile - 1).div_euclid(tile);
    let last = (start + lead + ((places - 1) * STEP) as isize).div_euclid(tile);
    let clamp = |at: isize| at.clamp(tiles.start as isize, tiles.end as isize) as usize;
    let first = clamp(first);
    first..clamp(last + 1).max(first)
}

/// Returns the index of the place where a tile begins in a picture that begins at `start`.
fn place_of(tile: usize, start: isize) -> usize {
    ((tile * TILE) as isize - TILE as isize / 2 - start) as usize / STEP
}
