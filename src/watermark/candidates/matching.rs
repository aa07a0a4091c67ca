//! Matching descriptors.

use crate::watermark::keypoints::Keypoint;

/// Two keypoints farther apart than this, in x or in y, lie in different places.
const ELSEWHERE: f32 = 0.02;

/// A keypoint of the original and one of the query that look alike, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) original: usize,
    pub(super) query: usize,
}

/// For each keypoint of the original its nearest one of the query, unless it is farther than `distance`, or than
/// `ratio` times the distance of the nearest one that lies elsewhere.
pub(super) fn nearest(
    original: &[Keypoint],
    query: &[Keypoint],
    distance: u32,
    ratio: f32,
) -> Vec<Match> {
    let descriptors: Vec<[u64; 4]> = query.iter().map(|keypoint| keypoint.descriptor).collect();
    let mut distances = vec![0_u16; query.len()];
    let mut matches = Vec::new();
    for (index, keypoint) in original.iter().enumerate() {
        for (distance, descriptor) in distances.iter_mut().zip(&descriptors) {
            *distance = hamming(&keypoint.descriptor, descriptor);
        }
        let Some((best, &least)) = distances
            .iter()
            .enumerate()
            .min_by_key(|&(_, distance)| distance)
        else {
            break;
        };
        if u32::from(least) > distance {
            continue;
        }
        let at = &query[best];
        // Only those near enough to spoil the ratio need a look at their place.
        let spoils = (f32::from(least) / ratio) as u16;
        let rival = distances.iter().zip(query).any(|(&distance, other)| {
            distance <= spoils && (other.x - at.x).abs().max((other.y - at.y).abs()) > ELSEWHERE
        });
        if !rival {
            matches.push(Match {
                original: index,
                query: best,
            });
        }
    }
    matches
}

/// Number of bits that differ.
pub(super) fn hamming(a: &[u64; 4], b: &[u64; 4]) -> u16 {
    const PAIRS: u64 = 0x5555_5555_5555_5555;
    const FOURS: u64 = 0x3333_3333_3333_3333;
    const BYTES: u64 = 0x0F0F_0F0F_0F0F_0F0F;
    // Counts in fields that grow as they must: two words share the steps that one would need.
    let fours = |x: u64| {
        let pairs = x - ((x >> 1) & PAIRS);
        (pairs & FOURS) + ((pairs >> 2) & FOURS)
    };
    let bytes = |x: u64| (x & BYTES) + ((x >> 4) & BYTES);
    let low = fours(a[0] ^ b[0]) + fours(a[1] ^ b[1]);
    let high = fours(a[2] ^ b[2]) + fours(a[3] ^ b[3]);
    let sum = bytes(low) + bytes(high);
    // Eight bytes of at most 32 each: their sum may reach 256, one more than a byte holds.
    let sum = (sum & 0x00FF_00FF_00FF_00FF) + ((sum >> 8) & 0x00FF_00FF_00FF_00FF);
    (sum.wrapping_mul(0x0001_0001_0001_0001) >> 48) as u16
}
