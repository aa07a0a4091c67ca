//! Matching of descriptors.

use pulp::Simd;

use crate::{simd, watermark::features::keypoints::Keypoint};

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
        let least = measure(&keypoint.descriptor, &words, &mut distances);
        if u32::from(least) > distance {
            continue;
        }
        let Some(best) = distances.iter().position(|&distance| distance == least) else {
            break;
        };
        let at = &received[best];
        // Only those near enough to spoil the ratio need their places compared.
        let spoils = (f32::from(least) / ratio) as u16;
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

/// Writes the distances of a descriptor to all others, of which `words` holds the first words, the
/// second ones and so on, and returns the least.
#[pulp::with_simd(measure = simd::arch())]
#[inline(always)]
fn measure_lanes<'a, S: Simd>(
    _: S,
    descriptor: &'a [u64; 4],
    words: &'a [Vec<u64>; 4],
    distances: &'a mut [u16],
) -> u16 {
    let [a, b, c, d] = words;
    let all = a.iter().zip(b).zip(c.iter().zip(d));
    for (distance, ((&a, &b), (&c, &d))) in distances.iter_mut().zip(all) {
        *distance = hamming(descriptor, &[a, b, c, d]);
    }
    let least = distances.iter().copied();
    least.fold(u16::MAX, u16::min)
}

/// Returns the number of bits that differ.
#[inline(always)]
pub(super) fn hamming(a: &[u64; 4], b: &[u64; 4]) -> u16 {
    let bits = |k: usize| (a[k] ^ b[k]).count_ones();
    (bits(0) + bits(1) + bits(2) + bits(3)) as u16
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
            prop_assert_eq!(u32::from(hamming(&a, &b)), expected);
            prop_assert_eq!(hamming(&a, &a.map(|word| !word)), 256);
        }

        #[test]
        fn distances_are_the_same_on_every_instruction_set(
            a: [u64; 4],
            others in proptest::collection::vec(any::<[u64; 4]>(), 0..40),
        ) {
            let words = std::array::from_fn(|k| others.iter().map(|other| other[k]).collect());
            let look = || {
                let mut distances = vec![0; others.len()];
                (measure(&a, &words, &mut distances), distances)
            };
            let (least, distances) = look();
            prop_assert_eq!(simd::narrow::run(look), (least, distances.clone()));
            let expected: Vec<u16> = others.iter().map(|other| hamming(&a, other)).collect();
            prop_assert_eq!(least, expected.iter().copied().min().unwrap_or(u16::MAX));
            prop_assert_eq!(distances, expected);
        }
    }
}
