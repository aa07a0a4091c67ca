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

use pulp::Simd;
use zeroize::ZeroizeOnDrop;

use crate::{
    imaging::Plane,
    simd,
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
/// Most neighbouring places whose scores are added up at once.
const AT_ONCE: usize = 4;
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
        let mut lanes = vec![[0.0; LANES]; chips.len()];
        normalise(&chips, &mut lanes);
        Self {
            columns: places(picture.width()),
            rows: places(picture.height()),
            lanes,
        }
    }

    /// Writes the scores of the picture with its first sample at (x, y) of the grid, x + 2, x + 4
    /// and so on, x and y even, over some of the tiles; 0 where it shows fewer than `least` of
    /// them.
    pub(in crate::watermark) fn scores(
        &self,
        host: &HostLanes,
        tiles: &TileRanges,
        (x, y): (isize, isize),
        least: usize,
        out: &mut [f64],
    ) {
        let rows = shown(tiles.rows.clone(), y, self.rows);
        let mut from = 0;
        while from < out.len() {
            let x = x + (from * STEP) as isize;
            let columns = shown(tiles.columns.clone(), x, self.columns);
            let same = |at: &usize| {
                let x = x + (at * STEP) as isize;
                shown(tiles.columns.clone(), x, self.columns) == columns
            };
            let most = AT_ONCE.min(out.len() - from);
            let alike = 1 + (1..most).take_while(same).count();
            let scores = &mut out[from..from + alike];
            from += alike;
            let count = columns.len() * rows.len();
            if count < least.max(1) {
                scores.fill(0.0);
                continue;
            }
            let shared = TileRanges {
                columns,
                rows: rows.clone(),
            };
            let places = Side {
                lanes: &self.lanes,
                stride: self.columns * TILE / STEP,
                start: place_of(shared.rows.start, y) * self.columns
                    + place_of(shared.columns.start, x),
            };
            let sums = match alike {
                1 => first_sums::<1>(host, &shared, &places),
                2 => first_sums::<2>(host, &shared, &places),
                3 => first_sums::<3>(host, &shared, &places),
                _ => first_sums::<AT_ONCE>(host, &shared, &places),
            };
            for (score, sums) in scores.iter_mut().zip(&sums) {
                let product: f32 = sums[..HOST_ENERGY].iter().sum();
                let norm = (sums[HOST_ENERGY] * sums[ENERGY]).sqrt();
                *score = f64::from(product / (norm + 1e-6)) * (count as f64).sqrt();
            }
        }
    }
}

/// Divides the chips of each place by their local energy, band by band.
#[pulp::with_simd(normalise = simd::arch())]
#[inline(always)]
fn normalise_lanes<'a, S: Simd>(
    _: S,
    chips: &'a [[f32; LOW_CHIPS]],
    lanes: &'a mut [[f32; LANES]],
) {
    let floors = LOW_BANDS.map(|band| {
        let sum: f64 = chips.iter().map(|c| f64::from(energy(c, band))).sum();
        (sum / chips.len().max(1) as f64) as f32 / 4.0 + 1.0
    });
    // Roots and quotients of several places at once.
    let mut scales = [[0.0; simd::LANES]; LOW_BANDS.len()];
    let pieces = chips.chunks(simd::LANES);
    for (chips, lanes) in pieces.zip(lanes.chunks_mut(simd::LANES)) {
        for ((scales, band), floor) in scales.iter_mut().zip(LOW_BANDS).zip(floors) {
            for (scale, chips) in scales.iter_mut().zip(chips) {
                *scale = energy(chips, band) + floor;
            }
            for scale in scales {
                *scale = 1.0 / scale.sqrt();
            }
        }
        for (place, (chips, lanes)) in chips.iter().zip(lanes).enumerate() {
            for ((first, end), scales) in LOW_BANDS.into_iter().zip(&scales) {
                for chip in first..end {
                    lanes[chip] = chips[chip] * scales[place];
                    lanes[ENERGY] += lanes[chip] * lanes[chip];
                }
            }
            lanes[HOST_ENERGY] = 1.0;
        }
    }
}

/// Returns the energy of a band of a place.
#[inline(always)]
fn energy(chips: &[f32; LOW_CHIPS], (first, end): (usize, usize)) -> f32 {
    chips[first..end].iter().map(|c| c * c).sum()
}

/// The picture's lanes, seen from the first tile that is shown.
struct Side<'a> {
    lanes: &'a [[f32; LANES]],
    /// Places from one row of tiles to the next.
    stride: usize,
    /// The place of the first tile.
    start: usize,
}

/// Returns the sums of the first `N` places; 0 for the others.
fn first_sums<const N: usize>(
    host: &HostLanes,
    tiles: &TileRanges,
    places: &Side<'_>,
) -> [[f32; LANES]; AT_ONCE] {
    let mut own = [[0.0; LANES]; N];
    add_up(&host.0, tiles, places, &mut own);
    let mut sums = [[0.0; LANES]; AT_ONCE];
    sums[..N].copy_from_slice(&own);
    sums
}

/// Adds up the products of the lanes of both sides for `N` places, each one place before the one
/// before it. Each place has sums of its own, in the order of its tiles.
#[pulp::with_simd(add_up = simd::arch())]
#[inline(always)]
fn add_up_lanes<'a, S: Simd, const N: usize>(
    _: S,
    host: &'a [[f32; LANES]],
    tiles: &'a TileRanges,
    places: &'a Side<'a>,
    out: &'a mut [[f32; LANES]; N],
) {
    let mut sums = [[0.0_f32; LANES]; N];
    let columns = tiles.columns.len();
    for (row, line) in tiles.rows.clone().enumerate() {
        let host = &host[row_start(line, tiles)..][..columns];
        let last = places.start + row * places.stride;
        let lanes = &places.lanes[last + 1 - N..][..(columns - 1) * (TILE / STEP) + N];
        for (tile, host) in host.iter().enumerate() {
            let lanes = &lanes[tile * (TILE / STEP)..][..N];
            for (sums, lanes) in sums.iter_mut().zip(lanes.iter().rev()) {
                for lane in 0..LANES {
                    sums[lane] += host[lane] * lanes[lane];
                }
            }
        }
    }
    *out = sums;
}

/// Returns the index of the first tile of a row.
fn row_start(row: usize, tiles: &TileRanges) -> usize {
    row * TILES + tiles.columns.start
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

#[cfg(test)]
mod tests {
    use super::*;

    fn arbitrary(seed: usize) -> f32 {
        (seed * 7_919 % 1_013) as f32 * 0.37 - 187.0
    }

    fn sides() -> (HostLanes, Places) {
        let host = (0..TILES * TILES)
            .map(|tile| std::array::from_fn(|lane| arbitrary(tile * LANES + lane).abs() + 0.1));
        let mut picture = Plane::new(150, 118);
        for (at, sample) in picture.data_mut().iter_mut().enumerate() {
            *sample = arbitrary(at * at % 65_537) + 187.0;
        }
        (HostLanes(host.collect()), Places::new(&picture))
    }

    /// The definition, one place and one tile after the other.
    fn score(host: &HostLanes, places: &Places, (x, y): (isize, isize)) -> f64 {
        let columns = shown(0..TILES, x, places.columns);
        let rows = shown(0..TILES, y, places.rows);
        let mut sums = [0.0_f32; LANES];
        for row in rows.clone() {
            for column in columns.clone() {
                let lanes = places.lanes[place_of(row, y) * places.columns + place_of(column, x)];
                for (lane, sum) in sums.iter_mut().enumerate() {
                    *sum += host.0[row * TILES + column][lane] * lanes[lane];
                }
            }
        }
        let product: f32 = sums[..HOST_ENERGY].iter().sum();
        let norm = (sums[HOST_ENERGY] * sums[ENERGY]).sqrt();
        let count = columns.len() * rows.len();
        if count == 0 {
            return 0.0;
        }
        f64::from(product / (norm + 1e-6)) * (count as f64).sqrt()
    }

    #[test]
    fn scores_of_a_row_are_those_of_its_places_on_every_instruction_set() {
        let (host, places) = sides();
        for (x, y, count) in [(-20, -16, 71), (0, 10, 1), (-6, 138, 9), (96, 40, 30)] {
            let look = || {
                let mut scores = vec![0.0; count];
                places.scores(&host, &TileRanges::ALL, (x, y), 1, &mut scores);
                scores.into_iter().map(f64::to_bits).collect::<Vec<_>>()
            };
            let widest = look();
            assert_eq!(simd::narrow::run(look), widest);
            for (at, score_bits) in widest.into_iter().enumerate() {
                let x = x + (STEP * at) as isize;
                assert_eq!(
                    score(&host, &places, (x, y)).to_bits(),
                    score_bits,
                    "{x} {y}"
                );
            }
        }
    }

    #[test]
    fn normalised_lanes_are_the_same_on_every_instruction_set() {
        let look = || {
            let (_, places) = sides();
            let bits = places
                .lanes
                .into_iter()
                .map(|lanes| lanes.map(f32::to_bits));
            bits.collect::<Vec<_>>()
        };
        assert_eq!(simd::narrow::run(look), look());
    }
}
