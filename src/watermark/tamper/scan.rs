//! Boxes of several sizes over a field of evidence.
//!
//! A single tile needs overwhelming evidence, because there are 1024 of them; many neighbours need
//! little each. So the sums over boxes of every size are compared with a threshold of that size,
//! and a box above it alarms those of its tiles that add to it themselves.

use crate::watermark::layout::TILES;

/// Sides of boxes of tiles and their thresholds.
pub(super) const TILE_BOXES: [(usize, f32); 4] = [(1, 40.0), (2, 58.0), (3, 66.0), (5, 76.0)];
/// Result of a scan: the alarmed tiles.
#[derive(Debug)]
pub(super) struct Alarms {
    /// Largest sum over threshold of the boxes around each tile, at least 0; 0 for tiles whose own
    /// evidence is against it.
    pub(super) ratio: Vec<f32>,
    /// Whether some box would have been above its threshold without the caution that the picture
    /// calls for.
    pub(super) doubtful: bool,
}

impl Alarms {
    /// Takes the larger alarm of each tile.
    pub(super) fn merge(&mut self, other: &Self) {
        for (ratio, other) in self.ratio.iter_mut().zip(&other.ratio) {
            *ratio = ratio.max(*other);
        }
        self.doubtful |= other.doubtful;
    }
}

/// Scans the evidence of all tiles; thresholds are multiplied by `caution`.
pub(super) fn tiles(evidence: &[f32], caution: f32) -> Alarms {
    let (ratio, doubtful) = boxes(evidence, TILES, &TILE_BOXES, caution);
    Alarms { ratio, doubtful }
}

/// Scans a square field of `side` cells a side: the ratio of every cell, and whether caution alone
/// kept one quiet.
pub(super) fn boxes(
    evidence: &[f32],
    side: usize,
    sizes: &[(usize, f32)],
    caution: f32,
) -> (Vec<f32>, bool) {
    let sums = integral(evidence, side);
    let mut ratio = vec![0.0_f32; evidence.len()];
    let mut most = 0.0_f32;
    for &(size, threshold) in sizes {
        for top in 0..side + size - 1 {
            for left in 0..side + size - 1 {
                // The box ends before `left + 1`, cut at the field's edges.
                let (x, y) = (left.saturating_sub(size - 1), top.saturating_sub(size - 1));
                let (end_x, end_y) = ((left + 1).min(side), (top + 1).min(side));
                let sum = box_sum(&sums, side, (x, y), (end_x, end_y));
                let found = sum as f32 / threshold;
                most = most.max(found);
                for row in y..end_y {
                    for cell in row * side + x..row * side + end_x {
                        if evidence[cell] > 0.0 {
                            ratio[cell] = ratio[cell].max(found / caution);
                        }
                    }
                }
            }
        }
    }
    (ratio, most >= 1.0 && most / caution < 1.0)
}

/// Returns the sums over all cells above and to the left, `side + 1` a row.
pub(super) fn integral(field: &[f32], side: usize) -> Vec<f64> {
    let mut sums = vec![0.0; (side + 1) * (side + 1)];
    for y in 0..side {
        let mut row = 0.0;
        for x in 0..side {
            row += f64::from(field[y * side + x]);
            sums[(y + 1) * (side + 1) + x + 1] = sums[y * (side + 1) + x + 1] + row;
        }
    }
    sums
}

/// Returns the sum over the box from one corner (included) to another (excluded), of an
/// [`integral`].
pub(super) fn box_sum(sums: &[f64], side: usize, from: (usize, usize), to: (usize, usize)) -> f64 {
    let at = |x: usize, y: usize| sums[y * (side + 1) + x];
    at(to.0, to.1) - at(from.0, to.1) - at(to.0, from.1) + at(from.0, from.1)
}

/// Returns the tiles within `reach` of (column, row).
pub(super) fn square(column: usize, row: usize, reach: usize) -> impl Iterator<Item = usize> {
    let range = move |at: usize| at.saturating_sub(reach)..(at + reach + 1).min(TILES);
    range(row).flat_map(move |y| range(column).map(move |x| y * TILES + x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watermark::layout::TILE_COUNT;

    /// Alarms of a field that is `level` at some tiles and -1 elsewhere.
    fn scanned(level: f32, spots: &[(usize, usize)], caution: f32) -> (Vec<usize>, bool) {
        let mut evidence = vec![-1.0; TILE_COUNT];
        for &(column, row) in spots {
            evidence[row * TILES + column] = level;
        }
        let alarms = tiles(&evidence, caution);
        let alarmed = (0..TILE_COUNT).filter(|&tile| alarms.ratio[tile] >= 1.0);
        (alarmed.collect(), alarms.doubtful)
    }

    #[test]
    fn one_tile_needs_much_and_neighbours_little_each() {
        let block: Vec<_> = (10..13)
            .flat_map(|x| (30..32).map(move |y| (x, y)))
            .collect();
        assert_eq!(scanned(50.0, &[(31, 0)], 1.0), (vec![31], false));
        assert!(scanned(20.0, &[(31, 0)], 1.0).0.is_empty());
        assert_eq!(scanned(20.0, &block, 1.0).0.len(), block.len());
        let apart: Vec<_> = (0..5).map(|k| (6 * k, 6 * k)).collect();
        assert!(scanned(20.0, &apart, 1.0).0.is_empty());
    }

    #[test]
    fn caution_turns_an_alarm_into_a_doubt() {
        assert_eq!(scanned(50.0, &[(4, 4)], 2.0), (Vec::new(), true));
        assert_eq!(scanned(150.0, &[(4, 4)], 2.0), (vec![4 * TILES + 4], false));
    }
}
