//! Search for a piece of the protected photo by its keyed sums: all places of a piece of known
//! scale, at once.
//!
//! ```text
//! received picture     averaged to n x m samples of the grid's pitch: n / 256 of the photo's width
//! score(t)             likeness of its content with the record's, begun at sample t of the grid (correlation.rs)
//! ```
//!
//! A keypoint needs texture around it, and a small crop has few; the sums are everywhere. For one
//! scale and all places the score is a cross-correlation that takes about a millisecond, so the
//! scales of a whole photo (crops from a twentieth of the area, enlarged or not, and pictures
//! inside frames) are searched in some tens of milliseconds. A picture rotated by anything but
//! quarter turns is not found this way; see [`mod@super::candidates`].

use std::cmp::Ordering;

use super::{
    correlation::{HostLanes, Places, STEP, SUPPORT, TileRanges},
    received::ReceivedImage,
};
use crate::{
    imaging::Orientation,
    watermark::{
        geometry::homography::Homography,
        layout::{GRID, TILE},
        sampling::resample::{Taps, resample},
    },
};

/// Fewest tiles that a place must show.
const MIN_TILES: usize = 20;
/// Samples by which a picture may extend beyond the photo, or the photo beyond it.
const OVERHANG: isize = 16;
/// The shares of the photo's width and height that a received picture spans; above 1 there is a
/// frame around the photo.
#[derive(Debug, Clone, Copy)]
pub(in crate::watermark) struct Span {
    /// Share of the photo's width.
    pub(in crate::watermark) width: f64,
    /// Share of the photo's height.
    pub(in crate::watermark) height: f64,
}

/// A place where a piece may belong.
#[derive(Debug, Clone, Copy)]
pub(in crate::watermark) struct CropPlace {
    /// Correlation times the square root of the tiles seen: comparable between places of different
    /// size.
    pub(in crate::watermark) score: f64,
    /// Map from canonical to received coordinates, upright.
    pub(in crate::watermark) map: Homography,
}

/// Finds the best places of a received picture that is mirrored or turned by `way_back`. At
/// most `keep`, best first.
pub(in crate::watermark) fn places(
    received: &ReceivedImage<'_>,
    host: &HostLanes,
    way_back: Orientation,
    span: Span,
    keep: usize,
) -> Vec<CropPlace> {
    let samples = |share: f64| (share * GRID as f64).round() as usize;
    let (columns, rows) = (samples(span.width), samples(span.height));
    if columns.min(rows) < SUPPORT + TILE || columns.max(rows) > 2 * GRID {
        return Vec::new();
    }
    // Turned when it is small. Averaging does not depend on the turn.
    let level = received.level_of_at_least(2 * columns.max(rows));
    let (width, height) = if way_back.swaps_sides() {
        (rows, columns)
    } else {
        (columns, rows)
    };
    let taps = |from: usize, to: usize| {
        if from >= to {
            Taps::area(from as f64, to)
        } else {
            Taps::bicubic(from, to)
        }
    };
    let picture = way_back.apply(&resample(
        level,
        &taps(level.width(), width),
        &taps(level.height(), height),
    ));
    let picture_places = Places::new(&picture);

    let range = |samples: usize| {
        let free = GRID as isize - samples as isize;
        let (first, last) = (free.min(0) - OVERHANG, free.max(0) + OVERHANG);
        // Places are even, as the chips are.
        let first = first.div_euclid(2) * 2;
        (first, (last - first) as usize / STEP + 1)
    };
    let ((left, across), (top, down)) = (range(columns), range(rows));
    let place = |first: isize, at: usize| first + (at * STEP) as isize;
    let mut best: Vec<(f64, isize, isize)> = Vec::new();
    let mut scores = vec![0.0; across];
    for y in (0..down).map(|at| place(top, at)) {
        picture_places.scores(host, &TileRanges::ALL, (left, y), MIN_TILES, &mut scores);
        for (at, &score) in scores.iter().enumerate() {
            insert(&mut best, (score, place(left, at), y), keep);
        }
    }
    let to_upright = Homography::of_orientation(way_back);
    best.into_iter()
        .map(|(score, x, y)| {
            let (pitch_x, pitch_y) = (GRID as f64 / columns as f64, GRID as f64 / rows as f64);
            let into_received = Homography([
                [pitch_x, 0.0, -x as f64 / columns as f64],
                [0.0, pitch_y, -y as f64 / rows as f64],
                [0.0, 0.0, 1.0],
            ]);
            CropPlace {
                score,
                map: to_upright.after(&into_received),
            }
        })
        .collect()
}

/// Keeps the `keep` best places, no two of them close to each other.
fn insert(best: &mut Vec<(f64, isize, isize)>, new: (f64, isize, isize), keep: usize) {
    let full = best.len() == keep;
    if new.0 <= 0.0 || full && best.last().is_some_and(|last| last.0 >= new.0) {
        return;
    }
    let close = |other: &(f64, isize, isize)| {
        other.1.abs_diff(new.1) <= 2 * STEP && other.2.abs_diff(new.2) <= 2 * STEP
    };
    if best.iter().any(|other| close(other) && other.0 >= new.0) {
        return;
    }
    best.retain(|other| !close(other));
    let at = best.partition_point(|other| other.0.total_cmp(&new.0) == Ordering::Greater);
    best.insert(at, new);
    best.truncate(keep);
}
