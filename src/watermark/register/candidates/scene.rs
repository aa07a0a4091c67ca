//! Two sets of keypoints in plane coordinates, and the pairs that a map brings together.
//!
//! The original's coordinates are centred and in long sides; the received picture's are in 1024ths
//! of its long side, and so are all distances.

use std::f64::consts::{PI, TAU};

use super::{
    fit::{PointPair, Similarity},
    matching::{KeypointMatch, hamming},
};
use crate::watermark::{features::keypoints::Keypoint, geometry::homography::Homography};

/// Long side of the received picture in the units of distances.
const UNITS: f64 = 1024.0;
/// Long side that a keypoint's scale refers to.
const SCALE_SIDE: f64 = 512.0;
/// Difference of scale that keypoints may have under a map, in octaves: two levels, and an
/// allowance for slant.
const SCALE_SLACK: f64 = 0.5;
/// Difference of angle that keypoints may have under a map, in radians.
const ANGLE_SLACK: f64 = 0.5;
/// Largest Hamming distance of partners. On photographs not used to choose the tests 3 in 1000
/// unrelated pairs are as near, and 95 in 100 true ones.
const PARTNER_DISTANCE: u16 = 56;

/// A keypoint in plane coordinates.
#[derive(Debug, Clone, Copy)]
struct ScenePoint {
    at: [f64; 2],
    angle: f64,
    /// Size of a sample, in units of the plane.
    scale: f64,
    descriptor: [u64; 4],
}

/// The keypoints of a picture, with its size.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeypointSet<'a> {
    pub(super) keypoints: &'a [Keypoint],
    /// Width and height of the picture, in pixels.
    pub(super) size: (f64, f64),
}

/// The keypoints of the original and of a received picture.
#[derive(Debug)]
pub(super) struct Scene {
    original: Vec<ScenePoint>,
    received: Vec<ScenePoint>,
    index: Index,
    /// Width and height of the received picture, in units.
    extent: [f64; 2],
    /// Map from canonical coordinates to the original's.
    enter: Homography,
    /// Map from the received picture's coordinates to normalised ones.
    leave: Homography,
}

/// The pairs that a map brings together.
#[derive(Debug)]
pub(super) struct Partners {
    /// Pairs of keypoints that look alike.
    pub(super) pairs: Vec<PointPair>,
    /// Number of keypoints of the original that come near any keypoint of similar angle and scale,
    /// alike or not.
    pub(super) tried: usize,
}

impl Scene {
    /// Brings keypoints to the plane.
    pub(super) fn new(original: KeypointSet<'_>, received: KeypointSet<'_>) -> Self {
        let sides = |(width, height): (f64, f64), unit: f64| {
            let long = width.max(height);
            [width / long * unit, height / long * unit]
        };
        let place = |keypoint: &Keypoint, sides: [f64; 2], origin: f64, unit: f64| ScenePoint {
            at: [
                (f64::from(keypoint.x) - origin) * sides[0],
                (f64::from(keypoint.y) - origin) * sides[1],
            ],
            angle: f64::from(keypoint.angle),
            scale: f64::from(keypoint.scale) * unit / SCALE_SIDE,
            descriptor: keypoint.descriptor,
        };
        let own = sides(original.size, 1.0);
        let extent = sides(received.size, UNITS);
        let received: Vec<ScenePoint> = received
            .keypoints
            .iter()
            .map(|k| place(k, extent, 0.0, UNITS))
            .collect();
        Self {
            original: original
                .keypoints
                .iter()
                .map(|k| place(k, own, 0.5, 1.0))
                .collect(),
            index: Index::new(&received),
            received,
            extent,
            enter: Homography::scaling(own[0], own[1]).after(&Homography::translation(-0.5, -0.5)),
            leave: Homography::scaling(1.0 / extent[0], 1.0 / extent[1]),
        }
    }

    /// Returns the points of a match.
    pub(super) fn pair(&self, found: KeypointMatch) -> PointPair {
        PointPair {
            from: self.original[found.original].at,
            to: self.received[found.received].at,
        }
    }

    /// Returns the similarity that one match determines.
    pub(super) fn similarity(&self, found: KeypointMatch) -> Similarity {
        let (from, to) = (
            &self.original[found.original],
            &self.received[found.received],
        );
        let turn = to.angle - from.angle;
        Similarity::through(self.pair(found), turn, to.scale / from.scale)
    }

    /// Returns the distance, in units, between a map's image of a match's point and the point
    /// matched.
    pub(super) fn miss(&self, map: &Homography, found: KeypointMatch) -> f64 {
        let PointPair { from, to } = self.pair(found);
        map.apply(from[0], from[1])
            .map_or(f64::INFINITY, |(x, y)| (x - to[0]).hypot(y - to[1]))
    }

    /// Returns whether the angles and scales of a match agree with a similarity.
    pub(super) fn agrees(&self, found: KeypointMatch, similarity: &Similarity) -> bool {
        let (from, to) = (
            &self.original[found.original],
            &self.received[found.received],
        );
        alike(from, to, similarity.angle(), similarity.scale())
    }

    /// Returns the pairs that a map brings within `radius` of each other. `similarity` is the map's
    /// effect on angles and scales.
    pub(super) fn partners(
        &self,
        map: &Homography,
        similarity: &Similarity,
        radius: f64,
    ) -> Partners {
        let (turn, scale) = (similarity.angle(), similarity.scale());
        let mut partners = Partners {
            pairs: Vec::new(),
            tried: 0,
        };
        for from in &self.original {
            let Some(at) = self.image(map, from.at) else {
                continue;
            };
            let nearest = self
                .index
                .near(at, radius)
                .map(|place| &self.received[place])
                .filter(|to| squared(at, to.at) <= radius * radius && alike(from, to, turn, scale))
                .map(|to| (hamming(&from.descriptor, &to.descriptor), to.at))
                .min_by_key(|&(distance, _)| distance);
            if let Some((distance, to)) = nearest {
                partners.tried += 1;
                if distance <= PARTNER_DISTANCE {
                    let from = from.at;
                    partners.pairs.push(PointPair { from, to });
                }
            }
        }
        partners
    }

    /// Maps a point; `None` if the image lies outside the received picture.
    fn image(&self, map: &Homography, [x, y]: [f64; 2]) -> Option<[f64; 2]> {
        let (x, y) = map.apply(x, y)?;
        let inside = (0.0..=self.extent[0]).contains(&x) && (0.0..=self.extent[1]).contains(&y);
        inside.then_some([x, y])
    }

    /// Converts a map between the planes to one between normalised coordinates.
    pub(super) fn normalised(&self, map: &Homography) -> Homography {
        self.leave.after(map).after(&self.enter)
    }
}

/// Returns whether two keypoints agree with a rotation and a scale.
fn alike(from: &ScenePoint, to: &ScenePoint, turn: f64, scale: f64) -> bool {
    let octaves = (to.scale / (from.scale * scale)).log2();
    let angle = (to.angle - from.angle - turn + PI).rem_euclid(TAU) - PI;
    octaves.abs() <= SCALE_SLACK && angle.abs() <= ANGLE_SLACK
}

/// Returns the squared distance of two points.
fn squared(a: [f64; 2], b: [f64; 2]) -> f64 {
    let (x, y) = (a[0] - b[0], a[1] - b[1]);
    x * x + y * y
}

/// Cells on a side of the index.
const CELLS: usize = 129;
/// Side of a cell, in units.
const CELL: f64 = 8.0;

/// Points sorted by cell, so that a search reads few of them however they crowd elsewhere.
#[derive(Debug)]
struct Index {
    /// For each cell the start of its points in `points`; one entry more than cells.
    starts: Vec<usize>,
    points: Vec<usize>,
}

impl Index {
    fn new(places: &[ScenePoint]) -> Self {
        let cells: Vec<usize> = places
            .iter()
            .map(|place| cell(place.at[1]) * CELLS + cell(place.at[0]))
            .collect();
        let mut points: Vec<usize> = (0..places.len()).collect();
        points.sort_by_key(|&point| cells[point]);
        let mut starts = vec![0; CELLS * CELLS + 1];
        for cell in cells {
            starts[cell + 1] += 1;
        }
        for cell in 0..CELLS * CELLS {
            starts[cell + 1] += starts[cell];
        }
        Self { starts, points }
    }

    /// Returns the points in all cells that come within `radius` of a place.
    fn near(&self, [x, y]: [f64; 2], radius: f64) -> impl Iterator<Item = usize> {
        let columns = cell(x - radius)..=cell(x + radius);
        (cell(y - radius)..=cell(y + radius)).flat_map(move |row| {
            let first = self.starts[row * CELLS + columns.start()];
            let end = self.starts[row * CELLS + columns.end() + 1];
            self.points[first..end].iter().copied()
        })
    }
}

/// Returns the cell of a coordinate; those outside belong to the border cells.
fn cell(at: f64) -> usize {
    ((at / CELL).max(0.0) as usize).min(CELLS - 1)
}
