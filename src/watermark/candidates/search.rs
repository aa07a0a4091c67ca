//! From matches to maps: votes, growing, and what is kept.

use std::{
    cmp::Reverse,
    f64::consts::{PI, TAU},
};

use super::{
    Candidate,
    fit::{Pair, Similarity, projective},
    matching::{Match, hamming},
};
use crate::{
    imaging::Plane,
    watermark::{
        homography::Homography,
        keypoints::Keypoint,
        resample::{Taps, resample},
    },
};

/// Long side of the query in the units that distances are given in.
const UNITS: f64 = 1024.0;
/// Error of a place that a vote allows, at the match that calls for votes.
const VOTE_RADIUS: f64 = 12.0;
/// The same for each unit of distance from that match: what its angle and scale are uncertain by.
const VOTE_SLOPE: f64 = 0.15;
/// Difference of scale that a vote or a partner may have, octaves.
const SCALE_SLACK: f64 = 0.5;
/// Difference of angle that a vote or a partner may have, radians.
const ANGLE_SLACK: f64 = 0.5;
/// Fewest votes of a hypothesis that is grown, its own included.
const LEAST_VOTES: usize = 3;
/// A match that a map brings this near needs no map of its own.
const KNOWN_RADIUS: f64 = 24.0;
/// How many of the best hypotheses are grown.
const GROWN: usize = 12;
/// Largest Hamming distance of partners that a map brings together.
const PARTNER_DISTANCE: u64 = 56;
/// Least share of inliers among the keypoints that have a keypoint of like angle and scale where they should.
const LEAST_SHARE: f64 = 0.3;
/// Error of a place that growing allows, round by round.
const GROW_RADII: [f64; 4] = [24.0, 16.0, 12.0, 12.0];
/// Error of a place that an inlier of the final map has at most.
const INLIER_RADIUS: f64 = 6.0;
/// Expected error of a place.
const NOISE: f64 = 2.0;
/// Two maps whose corners differ by less than this share of the query are one.
const SAME: f64 = 0.03;

/// Enlarges a query for a deep search; nothing where it stays as it is.
pub(super) fn enlarged(query: &Plane, factor: f64) -> Option<Plane> {
    let (width, height) = (query.width(), query.height());
    let most = 1400.0 / width.max(height) as f64;
    let factor = factor.min(most);
    (factor > 1.05).then(|| {
        let side = |side: usize| (side as f64 * factor).round() as usize;
        resample(
            query,
            &Taps::bicubic(width, side(width)),
            &Taps::bicubic(height, side(height)),
        )
    })
}

/// A keypoint in plane coordinates.
#[derive(Debug, Clone, Copy)]
struct Place {
    at: [f64; 2],
    angle: f64,
    scale: f64,
    descriptor: [u64; 4],
}

/// Two sets of keypoints. The original's coordinates are centred and in long sides; the query's are in 1024ths.
#[derive(Debug)]
pub(super) struct Scene {
    original: Vec<Place>,
    query: Vec<Place>,
    /// Canonical coordinates to the original's.
    enter: Homography,
    /// The query's coordinates to normalised ones.
    leave: Homography,
    extent: [f64; 2],
    grid: Grid,
}

impl Scene {
    pub(super) fn new(
        original: &[Keypoint],
        original_size: (u32, u32),
        query: &[Keypoint],
        query_size: (f64, f64),
    ) -> Self {
        let sides = |(width, height): (f64, f64), unit: f64| {
            let long = width.max(height);
            [width / long * unit, height / long * unit]
        };
        let own = sides(
            (f64::from(original_size.0), f64::from(original_size.1)),
            1.0,
        );
        let extent = sides(query_size, UNITS);
        let place = |keypoint: &Keypoint, sides: [f64; 2], shift: f64, scale: f64| Place {
            at: [
                (f64::from(keypoint.x) - shift) * sides[0],
                (f64::from(keypoint.y) - shift) * sides[1],
            ],
            angle: f64::from(keypoint.angle),
            scale: f64::from(keypoint.scale) * scale,
            descriptor: keypoint.descriptor,
        };
        let query: Vec<Place> = query
            .iter()
            .map(|k| place(k, extent, 0.0, UNITS / 512.0))
            .collect();
        Self {
            original: original
                .iter()
                .map(|k| place(k, own, 0.5, 1.0 / 512.0))
                .collect(),
            grid: Grid::new(&query),
            query,
            enter: Homography::scaling(own[0], own[1]).after(&Homography::translation(-0.5, -0.5)),
            leave: Homography::scaling(1.0 / extent[0], 1.0 / extent[1]),
            extent,
        }
    }

    fn pair(&self, found: Match) -> Pair {
        Pair {
            from: self.original[found.original].at,
            to: self.query[found.query].at,
        }
    }

    /// How far a map is from bringing a match together, units of the query.
    fn misses(&self, map: &Homography, found: Match) -> f64 {
        let Pair { from, to } = self.pair(found);
        map.apply(from[0], from[1])
            .map_or(f64::INFINITY, |(x, y)| (x - to[0]).hypot(y - to[1]))
    }

    /// The similarity that one match stands for.
    fn similarity(&self, found: Match) -> Similarity {
        let (from, to) = (&self.original[found.original], &self.query[found.query]);
        Similarity::through(
            self.pair(found),
            to.angle - from.angle,
            to.scale / from.scale,
        )
    }

    /// The pairs of keypoints that a map brings within `radius` of each other and that look alike, and how many
    /// keypoints of the original had any keypoint of like angle and scale so near.
    fn partners(
        &self,
        map: &Homography,
        similarity: &Similarity,
        radius: f64,
    ) -> (Vec<Pair>, usize) {
        let (turn, scale) = (similarity.angle(), similarity.scale());
        let mut pairs = Vec::new();
        let mut tried = 0;
        for from in &self.original {
            let Some((x, y)) = map.apply(from.at[0], from.at[1]) else {
                continue;
            };
            if !(x > -radius
                && y > -radius
                && x < self.extent[0] + radius
                && y < self.extent[1] + radius)
            {
                continue;
            }
            let mut nearest: Option<(u64, [f64; 2])> = None;
            for index in self.grid.near([x, y]) {
                let to = &self.query[index];
                if (to.at[0] - x).hypot(to.at[1] - y) > radius || !alike(from, to, turn, scale) {
                    continue;
                }
                let distance = hamming(&from.descriptor, &to.descriptor);
                if nearest.is_none_or(|(least, _)| distance < least) {
                    nearest = Some((distance, to.at));
                }
            }
            if let Some((distance, to)) = nearest {
                tried += 1;
                if distance <= PARTNER_DISTANCE {
                    pairs.push(Pair { from: from.at, to });
                }
            }
        }
        (pairs, tried)
    }

    /// Grows the map that a match calls for.
    fn grow(&self, votes: &[Pair]) -> Option<(Homography, usize, f64)> {
        let mut similarity = Similarity::fit(votes)?;
        for radius in GROW_RADII {
            let (pairs, _) = self.partners(&similarity.homography(), &similarity, radius);
            if pairs.len() < 3 {
                return None;
            }
            similarity = Similarity::fit(&pairs)?;
        }
        let mut map = similarity.homography();
        for radius in [12.0, 9.0, INLIER_RADIUS] {
            let (pairs, _) = self.partners(&map, &similarity, radius);
            if pairs.len() < 3 {
                return None;
            }
            map = projective(&similarity, &pairs, NOISE)?;
        }
        let (inliers, tried) = self.partners(&map, &similarity, INLIER_RADIUS);
        let share = inliers.len() as f64 / tried.max(1) as f64;
        (share >= LEAST_SHARE).then_some((map, inliers.len(), share))
    }
}

/// Tells whether two keypoints agree with a turn and a scale.
fn alike(from: &Place, to: &Place, turn: f64, scale: f64) -> bool {
    let octaves = (to.scale / (from.scale * scale)).log2();
    octaves.abs() <= SCALE_SLACK && turned(to.angle - from.angle - turn).abs() <= ANGLE_SLACK
}

/// An angle brought to -pi..pi.
fn turned(angle: f64) -> f64 {
    (angle + PI).rem_euclid(TAU) - PI
}

/// Grows the best hypotheses and keeps the maps that differ.
pub(super) fn grow_all(scene: &Scene, matches: &[Match], least: usize) -> Vec<Candidate> {
    let mut ballots: Vec<(Match, Vec<Pair>)> = matches
        .iter()
        .map(|&caller| (caller, ballot(scene, matches, caller)))
        .filter(|(_, votes)| votes.len() >= LEAST_VOTES)
        .collect();
    ballots.sort_by_key(|(_, votes)| Reverse(votes.len()));
    let mut grown = Vec::new();
    let mut found: Vec<Candidate> = Vec::new();
    for (caller, votes) in ballots {
        let known = |map: &Homography| scene.misses(map, caller) < KNOWN_RADIUS;
        if grown.len() >= GROWN || grown.iter().any(known) {
            continue;
        }
        let Some((map, inliers, share)) = scene.grow(&votes) else {
            continue;
        };
        grown.push(map);
        let map = scene.leave.after(&map).after(&scene.enter);
        if inliers >= least && plausible(&map) && !found.iter().any(|other| same(&other.map, &map))
        {
            found.push(Candidate {
                map,
                inliers,
                share,
            });
        }
    }
    found
}

/// The matches that agree with the similarity of one of them.
fn ballot(scene: &Scene, matches: &[Match], caller: Match) -> Vec<Pair> {
    let similarity = scene.similarity(caller);
    let (turn, scale) = (similarity.angle(), similarity.scale());
    let centre = scene.query[caller.query].at;
    matches
        .iter()
        .filter(|found| {
            let (from, to) = (&scene.original[found.original], &scene.query[found.query]);
            let [x, y] = similarity.apply(from.at);
            let reach = VOTE_RADIUS + VOTE_SLOPE * (x - centre[0]).hypot(y - centre[1]);
            (to.at[0] - x).hypot(to.at[1] - y) <= reach && alike(from, to, turn, scale)
        })
        .map(|&found| scene.pair(found))
        .collect()
}

const CORNERS: [(f64, f64); 4] = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)];

/// Tells whether a map keeps the picture in front of the horizon, on its right side, and at a sensible size.
fn plausible(map: &Homography) -> bool {
    CORNERS.iter().all(|&(u, v)| {
        map.apply(u, v).is_some()
            && map.jacobian(u, v).is_some_and(|[[a, b], [c, d]]| {
                let area = a * d - b * c;
                area > 1e-3 && area < 1e3
            })
    })
}

/// Tells whether two maps take the corners to the same places.
fn same(a: &Homography, b: &Homography) -> bool {
    CORNERS
        .iter()
        .all(|&(u, v)| match (a.apply(u, v), b.apply(u, v)) {
            (Some(a), Some(b)) => (a.0 - b.0).abs().max((a.1 - b.1).abs()) < SAME,
            _ => false,
        })
}

/// Cells on a side of the index, [`CELL`] units each.
const COLUMNS: usize = 33;
/// Side of a cell: at least the largest radius that is looked for.
const CELL: f64 = 32.0;

/// Index of points by place.
#[derive(Debug)]
struct Grid(Vec<Vec<usize>>);

impl Grid {
    fn new(places: &[Place]) -> Self {
        let mut cells = vec![Vec::new(); COLUMNS * COLUMNS];
        for (index, place) in places.iter().enumerate() {
            let [column, row] = place.at.map(cell);
            cells[row * COLUMNS + column].push(index);
        }
        Self(cells)
    }

    /// The points in the cell of a place and in those around it.
    fn near(&self, at: [f64; 2]) -> impl Iterator<Item = usize> {
        let [column, row] = at.map(cell);
        let around = |k: usize| k.saturating_sub(1)..=(k + 1).min(COLUMNS - 1);
        around(row).flat_map(move |row| {
            around(column).flat_map(move |column| self.0[row * COLUMNS + column].iter().copied())
        })
    }
}

/// Cell of a coordinate.
fn cell(at: f64) -> usize {
    ((at / CELL) as usize).min(COLUMNS - 1)
}
