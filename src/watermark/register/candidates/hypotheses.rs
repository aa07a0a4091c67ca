//! Maps from matches: votes, growing, and selection.
//!
//! ```text
//! vote    a match agrees with the similarity of another if angle and scale do, and if it lands within
//!         12 + 0.15 d of its place, d being how far away it is
//! grow    least squares over the votes; then over all partners within 24, 16, 12 and 12 units, as a similarity;
//!         then over those within 12, 9 and 6, as a projective map
//! keep    enough inliers within 6 units, at least half of those that might have been
//! ```
//!
//! Units are 1024ths of the received picture's long side. The single match that starts a map is
//! certain to some 10 degrees and a tenth of its scale only; partners are therefore taken from near
//! to far.

use std::cmp::Reverse;

use super::{
    candidate::Candidate,
    fit::{PointPair, Similarity, projective},
    matching::KeypointMatch,
    scene::Scene,
};
use crate::watermark::geometry::homography::Homography;

/// Error of a place, in units, that a vote allows next to the match that calls for votes.
const VOTE_RADIUS: f64 = 12.0;
/// Additional error per unit of distance from that match: the uncertainty of its angle and scale.
const VOTE_SLOPE: f64 = 0.15;
/// Fewest votes of a hypothesis that is grown, its own included.
const LEAST_VOTES: usize = 3;
/// Most hypotheses that are grown.
const MOST_GROWN: usize = 12;
/// Distance, in units, to which a map must bring a match so that the match needs no map of its own.
const KNOWN_RADIUS: f64 = 24.0;
/// Error of a place, in units, that growing a similarity allows, round by round.
const SIMILARITY_RADII: [f64; 4] = [24.0, 16.0, 12.0, 12.0];
/// Error of a place, in units, that growing a projective map allows, round by round.
const PROJECTIVE_RADII: [f64; 3] = [12.0, 9.0, INLIER_RADIUS];
/// Largest error of a place, in units, of an inlier of the final map.
const INLIER_RADIUS: f64 = 6.0;
/// Expected error of a place, in units.
const NOISE: f64 = 2.0;
/// Fewest partners with which growing goes on.
const LEAST_PARTNERS: usize = 3;
/// Least share of inliers among the keypoints that might have been. True maps of the measured
/// photographs have 0.5 to 1.
const LEAST_SHARE: f64 = 0.5;
/// Two maps whose corners differ by less than this share of the received picture are one.
const SAME: f64 = 0.03;
/// Plausible areas of the protected picture in the received one, as multiples of the latter.
const AREAS: std::ops::Range<f64> = 1e-3..1e3;
/// Corners of a picture in normalised coordinates.
const CORNERS: [(f64, f64); 4] = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)];

/// Grows the hypotheses with most votes and returns the maps that have `least` inliers.
pub(super) fn grow_all(scene: &Scene, matches: &[KeypointMatch], least: usize) -> Vec<Candidate> {
    let mut ballots: Vec<(KeypointMatch, Vec<PointPair>)> = matches
        .iter()
        .map(|&caller| (caller, ballot(scene, matches, caller)))
        .filter(|(_, votes)| votes.len() >= LEAST_VOTES)
        .collect();
    ballots.sort_by_key(|(_, votes)| Reverse(votes.len()));
    let mut attempts = 0;
    let mut grown = Vec::new();
    let mut found: Vec<Candidate> = Vec::new();
    for (caller, votes) in ballots {
        if attempts == MOST_GROWN {
            break;
        }
        let known = |map: &Homography| scene.miss(map, caller) < KNOWN_RADIUS;
        if grown.iter().any(known) {
            continue;
        }
        attempts += 1;
        let Some((map, candidate)) = grow(scene, &votes) else {
            continue;
        };
        grown.push(map);
        let map = &candidate.map;
        let new = !found.iter().any(|other| same(&other.map, map));
        if new && candidate.inliers >= least && is_plausible(map) {
            found.push(candidate);
        }
    }
    found
}

/// Returns the matches that agree with the similarity of one of them.
fn ballot(scene: &Scene, matches: &[KeypointMatch], caller: KeypointMatch) -> Vec<PointPair> {
    let similarity = scene.similarity(caller);
    let centre = scene.pair(caller).to;
    let agrees = |&found: &KeypointMatch| {
        let PointPair { from, to } = scene.pair(found);
        let [x, y] = similarity.apply(from);
        let reach = VOTE_RADIUS + VOTE_SLOPE * (x - centre[0]).hypot(y - centre[1]);
        (x - to[0]).hypot(y - to[1]) <= reach && scene.agrees(found, &similarity)
    };
    let votes = matches.iter().copied().filter(agrees);
    votes.map(|found| scene.pair(found)).collect()
}

/// Grows the map that votes call for: between the planes, and as a candidate.
fn grow(scene: &Scene, votes: &[PointPair]) -> Option<(Homography, Candidate)> {
    let mut similarity = Similarity::fit(votes)?;
    let mut map = similarity.homography();
    for radius in SIMILARITY_RADII {
        let pairs = scene.partners(&map, &similarity, radius).pairs;
        similarity = Similarity::fit(enough(&pairs)?)?;
        map = similarity.homography();
    }
    for radius in PROJECTIVE_RADII {
        let pairs = scene.partners(&map, &similarity, radius).pairs;
        map = projective(&similarity, enough(&pairs)?, NOISE)?;
    }
    let partners = scene.partners(&map, &similarity, INLIER_RADIUS);
    let inliers = partners.pairs.len();
    let share = inliers as f64 / partners.tried.max(1) as f64;
    let candidate = Candidate {
        map: scene.normalised(&map),
        inliers,
        share,
    };
    (share >= LEAST_SHARE).then_some((map, candidate))
}

/// Returns the pairs, if there are enough to go on with.
fn enough(pairs: &[PointPair]) -> Option<&[PointPair]> {
    (pairs.len() >= LEAST_PARTNERS).then_some(pairs)
}

/// Returns whether a map keeps the picture in front of the horizon, on its right side, and at a
/// sensible size.
fn is_plausible(map: &Homography) -> bool {
    CORNERS.iter().all(|&(u, v)| {
        map.jacobian(u, v)
            .is_some_and(|[[a, b], [c, d]]| AREAS.contains(&(a * d - b * c)))
    })
}

/// Returns whether two maps take the corners to the same places.
fn same(a: &Homography, b: &Homography) -> bool {
    CORNERS
        .iter()
        .all(|&(u, v)| match (a.apply(u, v), b.apply(u, v)) {
            (Some(a), Some(b)) => (a.0 - b.0).abs().max((a.1 - b.1).abs()) < SAME,
            _ => false,
        })
}
