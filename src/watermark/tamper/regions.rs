//! Rectangles around alarmed tiles.

use super::scan::{Alarms, square};
use crate::watermark::layout::{TILE_COUNT, TILES};

/// Most rectangles that are returned.
const MOST: usize = 16;

/// A rectangle in which content was altered, in fractions of the protected photo's sides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// Left edge, 0..1 of the photo's width.
    pub x: f64,
    /// Upper edge, 0..1 of the photo's height.
    pub y: f64,
    /// Width as a share of the photo's, above 0.
    pub width: f64,
    /// Height as a share of the photo's, above 0.
    pub height: f64,
    /// Certainty: `1 - 2^-(evidence over threshold)`, from 0.5 at the threshold to 1.
    pub score: f64,
}

/// A rectangle of tiles: columns and rows from the first (included) to the last (excluded).
#[derive(Debug, Clone, Copy)]
struct Tiles {
    columns: (usize, usize),
    rows: (usize, usize),
    ratio: f32,
}

impl Tiles {
    /// Returns whether two rectangles overlap or touch.
    fn touches(&self, other: &Self) -> bool {
        let meet = |a: (usize, usize), b: (usize, usize)| a.0 <= b.1 && b.0 <= a.1;
        meet(self.columns, other.columns) && meet(self.rows, other.rows)
    }

    /// Returns the smallest rectangle around two.
    fn with(&self, other: &Self) -> Self {
        let around = |a: (usize, usize), b: (usize, usize)| (a.0.min(b.0), a.1.max(b.1));
        Self {
            columns: around(self.columns, other.columns),
            rows: around(self.rows, other.rows),
            ratio: self.ratio.max(other.ratio),
        }
    }

    fn region(&self) -> Region {
        let unit = |tiles: usize| tiles as f64 / TILES as f64;
        Region {
            x: unit(self.columns.0),
            y: unit(self.rows.0),
            width: unit(self.columns.1 - self.columns.0),
            height: unit(self.rows.1 - self.rows.0),
            score: 1.0 - (-f64::from(self.ratio)).exp2(),
        }
    }
}

/// Returns the rectangles around connected tiles whose ratio is 1 or more, merged where they touch.
pub(super) fn rectangles(alarms: &Alarms) -> Vec<Region> {
    let mut found = connected(&alarms.ratio);
    let mut at = 0;
    while at < found.len() {
        match (at + 1..found.len()).find(|&other| found[at].touches(&found[other])) {
            Some(other) => {
                // It has grown, and may now touch one that it did not touch before.
                let other = found.swap_remove(other);
                found[at] = found[at].with(&other);
                at = 0;
            }
            None => at += 1,
        }
    }
    found.sort_by(|a, b| b.ratio.total_cmp(&a.ratio));
    found.iter().take(MOST).map(Tiles::region).collect()
}

/// Returns one rectangle for every set of alarmed tiles that touch by edge or corner.
fn connected(ratio: &[f32]) -> Vec<Tiles> {
    let mut open: Vec<bool> = ratio.iter().map(|&ratio| ratio >= 1.0).collect();
    let mut found = Vec::new();
    for first in 0..TILE_COUNT {
        if !open[first] {
            continue;
        }
        open[first] = false;
        let mut reached = vec![first];
        let mut next = 0;
        while let Some(&tile) = reached.get(next) {
            next += 1;
            for near in square(tile % TILES, tile / TILES, 1) {
                if open[near] {
                    open[near] = false;
                    reached.push(near);
                }
            }
        }
        let single = |&tile: &usize| {
            let (column, row) = (tile % TILES, tile / TILES);
            Tiles {
                columns: (column, column + 1),
                rows: (row, row + 1),
                ratio: ratio[tile],
            }
        };
        found.extend(reached.iter().map(single).reduce(|a, b| a.with(&b)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regions(spots: &[(usize, usize, f32)]) -> Vec<Region> {
        let mut ratio = vec![0.5; TILE_COUNT];
        for &(column, row, level) in spots {
            ratio[row * TILES + column] = level;
        }
        rectangles(&Alarms {
            ratio,
            doubtful: false,
        })
    }

    #[test]
    fn neighbours_are_one_rectangle_and_the_clearest_comes_first() {
        let found = regions(&[(2, 3, 1.0), (3, 4, 1.5), (20, 30, 3.0)]);
        assert_eq!(found.len(), 2);
        let unit = 1.0 / 32.0;
        let expected = [
            (20.0 * unit, 30.0 * unit, unit, unit, 0.875),
            (
                2.0 * unit,
                3.0 * unit,
                2.0 * unit,
                2.0 * unit,
                1.0 - 0.5_f64.powf(1.5),
            ),
        ];
        for (found, expected) in found.iter().zip(expected) {
            let (x, y, width, height, score) = expected;
            for (a, b) in [
                (found.x, x),
                (found.y, y),
                (found.width, width),
                (found.height, height),
                (found.score, score),
            ] {
                assert!((a - b).abs() < 1e-9, "{found:?}");
            }
        }
    }

    #[test]
    fn rectangles_that_touch_become_one_and_16_are_the_most() {
        // A diagonal whose rectangle reaches a spot that is no neighbour of it.
        let found = regions(&[(5, 5, 2.0), (6, 6, 2.0), (7, 7, 2.0), (5, 7, 2.0)]);
        assert_eq!(found.len(), 1);
        let many: Vec<_> = (0..64).map(|k| (k % 8 * 4, k / 8 * 4, 2.0)).collect();
        assert_eq!(regions(&many).len(), MOST);
        assert!(regions(&[]).is_empty());
    }
}
