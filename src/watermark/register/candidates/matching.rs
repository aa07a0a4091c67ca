//! Matching of descriptors.

use crate::watermark::features::keypoints::Keypoint;

/// Distance in x or y, as a share of the side, beyond which two keypoints lie in different places.
const ELSEWHERE: f32 = 0.02;

/// A keypoint of the original and one of the received picture that look alike, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeypointMatch {
    pub(super) original: usize,
    pub(super) received: usize,
}

/// Returns, for each keypoint of the original, its nearest one of the received picture, unless it
/// is farther than `distance`, or than `ratio` times the distance of the nearest one that lies
/// elsewhere.
pub(super) fn nearest(
    original: &[Keypoint],
    received: &[Keypoint],
    distance: u32,
    ratio: f32,
) -> Vec<KeypointMatch> {
    let words: [Vec<u64>; 4] = std::array::from_fn(|k| {
        received
            .iter()
            .map(|keypoint| keypoint.descriptor[k])
            .collect()
    });
    let mut distances = vec![0; received.len()];
    let mut matches = Vec::new();
    for (index, keypoint) in original.iter().enumerate() {
        let [a, b, c, d] = &words;
        let all = a.iter().zip(b).zip(c.iter().zip(d));
        for (distance, ((&a, &b), (&c, &d))) in distances.iter_mut().zip(all) {
            *distance = hamming(&keypoint.descriptor, &[a, b, c, d]);
        }
        let Some((best, &least)) = distances
            .iter()
            .enumerate()
            .min_by_key(|&(_, distance)| distance)
        else {
            break;
        };
        if least > u64::from(distance) {
            continue;
        }
        let at = &received[best];
        // Only those near enough to spoil the ratio need their places compared.
        let spoils = (least as f32 / ratio) as u64;
        let rival = distances.iter().zip(received).any(|(&distance, other)| {
            distance <= spoils && (other.x - at.x).abs().max((other.y - at.y).abs()) > ELSEWHERE
        });
        if !rival {
            matches.push(KeypointMatch {
                original: index,
                received: best,
            });
        }
    }
    matches
}

/// Returns the number of bits that differ.
pub(super) fn hamming(a: &[u64; 4], b: &[u64; 4]) -> u64 {
    const PAIRS: u64 = 0x5555_5555_5555_5555;
    const FOURS: u64 = 0x3333_3333_3333_3333;
    const EIGHTS: u64 = 0x0F0F_0F0F_0F0F_0F0F;
    const SIXTEENS: u64 = 0x00FF_00FF_00FF_00FF;
    // Counts in fields that grow as they must. Shifts and sums only, so that it runs on several
    // lanes at once.
    let fours = |x: u64| {
        let pairs = x - ((x >> 1) & PAIRS);
        (pairs & FOURS) + ((pairs >> 2) & FOURS)
    };
    let eights = |x: u64| (x & EIGHTS) + ((x >> 4) & EIGHTS);
    let low = fours(a[0] ^ b[0]) + fours(a[1] ^ b[1]);
    let high = fours(a[2] ^ b[2]) + fours(a[3] ^ b[3]);
    let sum = eights(low) + eights(high);
    let sum = (sum & SIXTEENS) + ((sum >> 8) & SIXTEENS);
    let sum = sum + (sum >> 32);
    (sum + (sum >> 16)) & 0x1FF
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keypoint(x: f32, descriptor: [u64; 4]) -> Keypoint {
        Keypoint {
            x,
            y: 0.5,
            angle: 0.0,
            scale: 1.0,
            descriptor,
        }
    }

    #[test]
    fn the_nearest_is_matched_unless_a_rival_elsewhere_is_as_near() {
        let original = [keypoint(0.5, [0; 4])];
        let near = keypoint(0.2, [0xFF, 0, 0, 0]);
        let found = [KeypointMatch {
            original: 0,
            received: 1,
        }];
        let far = keypoint(0.8, [u64::MAX, 0, 0, 0]);
        assert_eq!(nearest(&original, &[far, near.clone()], 60, 0.85), found);
        let rival = keypoint(0.8, [0, 0x1FF, 0, 0]);
        assert!(nearest(&original, &[rival, near.clone()], 60, 0.85).is_empty());
        let beside = keypoint(0.21, [0, 0x1FF, 0, 0]);
        assert_eq!(nearest(&original, &[beside, near.clone()], 60, 0.85), found);
        assert!(nearest(&original, &[near], 7, 0.85).is_empty(), "too far");
        assert!(nearest(&original, &[], 60, 0.85).is_empty());
    }

    proptest! {
        #[test]
        fn hamming_counts_the_bits_that_differ(a: [u64; 4], b: [u64; 4]) {
            let expected: u32 = a.iter().zip(&b).map(|(a, b)| (a ^ b).count_ones()).sum();
            prop_assert_eq!(hamming(&a, &b), u64::from(expected));
            prop_assert_eq!(hamming(&a, &a.map(|word| !word)), 256);
        }
    }
}
