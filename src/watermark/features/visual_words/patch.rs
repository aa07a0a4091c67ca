//! Visual words of places: the surroundings of a keypoint in 24 bits.
//!
//! ```text
//! patch   16 x 16 samples of a square of 40 samples of the keypoint's level, turned by its angle
//! c(v, u) two-dimensional DCT-II of the patch, without its mean, over its energy; u along the angle, v across
//! number  (c(v, u) - median) / sigma         median over patches, sigma of the change from original to copy
//! bit     number > 0
//! ```
//!
//! The 24 frequencies are those of the DCT's lowest 29 that copies change least; the DCT nearly
//! decorrelates natural pictures, so that the bits say different things. A mirror image negates c
//! for odd v and keeps the rest; therefore only even v have medians. Medians and sigmas come from
//! 320 000 pairs of keypoints of 27 photographs and of copies under 20 attacks.

use std::{f64::consts::PI, sync::LazyLock};

use pulp::Simd;

use crate::{
    imaging::Plane,
    simd,
    watermark::{
        features::keypoints::{Keypoint, ORIGINAL_SIDE},
        sampling::resample::{Taps, resample},
    },
};

/// Bits of a word of a place.
pub(in crate::watermark) const PLACE_BITS: usize = TESTS.len();
/// Side of a patch in samples of the keypoint's level.
const SUPPORT: f32 = 40.0;
/// Samples on a side of a patch.
const SIDE: usize = 16;
/// Places on each side that a sample of a patch is the mean of.
const SUB: usize = 2;
/// Frequencies along an axis.
const FREQUENCIES: usize = 6;
/// Least standard deviation of a patch in grey levels: below it, the signs are noise.
const LEAST_CONTRAST: f32 = 2.0;

/// v, u, median and sigma of each bit.
const TESTS: [(usize, usize, f32, f32); 24] = [
    (0, 1, -0.490, 0.081),
    (2, 0, -0.024, 0.080),
    (0, 2, -0.026, 0.092),
    (1, 1, 0.0, 0.101),
    (1, 0, 0.0, 0.077),
    (0, 3, 0.112, 0.083),
    (2, 1, 0.092, 0.085),
    (2, 2, 0.014, 0.077),
    (3, 0, 0.0, 0.068),
    (1, 2, 0.0, 0.084),
    (4, 0, 0.001, 0.067),
    (2, 3, -0.047, 0.073),
    (0, 4, 0.006, 0.078),
    (1, 3, 0.0, 0.086),
    (3, 1, 0.0, 0.079),
    (3, 2, 0.0, 0.070),
    (4, 2, -0.005, 0.066),
    (0, 5, -0.014, 0.071),
    (3, 3, 0.0, 0.066),
    (2, 4, -0.008, 0.069),
    (3, 4, 0.0, 0.063),
    (4, 3, -0.001, 0.063),
    (5, 0, 0.0, 0.063),
    (4, 1, 0.007, 0.073),
];

/// `cos(pi (2 i + 1) k / 32)`, normalised.
static BASIS: LazyLock<[[f32; SIDE]; FREQUENCIES]> = LazyLock::new(|| {
    std::array::from_fn(|k| {
        let norm = if k == 0 { 1.0 } else { 2.0_f64 } / SIDE as f64;
        std::array::from_fn(|i| {
            let phase = PI * ((2 * i + 1) * k) as f64 / (2 * SIDE) as f64;
            (norm.sqrt() * phase.cos()) as f32
        })
    })
});

/// The normalised DCT coefficients of a patch, one a bit.
pub(in crate::watermark) type Numbers = [f32; PLACE_BITS];

/// A picture prepared for reading patches.
#[derive(Debug)]
pub(in crate::watermark) struct Patches {
    /// The picture at decreasing sizes, each half of the one before.
    levels: Vec<Plane>,
}

impl Patches {
    /// Prepares an upright luma plane.
    pub(in crate::watermark) fn new(luma: &Plane) -> Self {
        let mut levels = vec![luma.clone()];
        while let Some(half) = levels.last().and_then(half) {
            levels.push(half);
        }
        Self { levels }
    }

    /// Returns the numbers of a keypoint's patch; `None` if the patch is flat.
    pub(in crate::watermark) fn numbers(&self, keypoint: &Keypoint) -> Option<Numbers> {
        let patch = self.patch(keypoint);
        let mean = patch.iter().flatten().sum::<f32>() / (SIDE * SIDE) as f32;
        let energy: f32 = patch
            .iter()
            .flatten()
            .map(|sample| (sample - mean) * (sample - mean))
            .sum();
        if energy < LEAST_CONTRAST * LEAST_CONTRAST * (SIDE * SIDE) as f32 {
            return None;
        }
        let across: [[f32; FREQUENCIES]; SIDE] =
            patch.map(|row| BASIS.map(|basis| dot(&row, &basis)));
        let scale = energy.sqrt().recip();
        Some(TESTS.map(|(v, u, median, sigma)| {
            let coefficient: f32 = across
                .iter()
                .zip(&BASIS[v])
                .map(|(row, weight)| row[u] * weight)
                .sum();
            (coefficient * scale - median) / sigma
        }))
    }

    /// Samples the rotated square around a keypoint.
    fn patch(&self, keypoint: &Keypoint) -> [[f32; SIDE]; SIDE] {
        let base = &self.levels[0];
        let unit = base.width().max(base.height()) as f32 / ORIGINAL_SIDE as f32;
        let step = SUPPORT * keypoint.scale * unit / (SIDE * SUB) as f32;
        let level = (step.max(1.0).log2() as usize).min(self.levels.len() - 1);
        let picture = &self.levels[level];
        let (width, height) = (picture.width() as f32, picture.height() as f32);
        let (sin, cos) = f64::from(keypoint.angle).sin_cos();
        let shrink = width.max(height) / base.width().max(base.height()) as f32;
        let (sin, cos) = (sin as f32 * step * shrink, cos as f32 * step * shrink);
        let (x0, y0) = (keypoint.x * width - 0.5, keypoint.y * height - 0.5);
        let mut patch = [[0.0; SIDE]; SIDE];
        sample(picture, (x0, y0), (sin, cos), &mut patch);
        patch
    }
}

/// Samples the square around (x0, y0) that is turned and scaled by `(sin, cos)`.
#[pulp::with_simd(sample = simd::arch())]
#[inline(always)]
fn sample_lanes<'a, S: Simd>(
    _: S,
    picture: &'a Plane,
    start: (f32, f32),
    turn: (f32, f32),
    patch: &'a mut [[f32; SIDE]; SIDE],
) {
    const PLACES: usize = SIDE * SUB;
    let ((x0, y0), (sin, cos)) = (start, turn);
    let centre = (PLACES - 1) as f32 / 2.0;
    let mut values = [0.0; PLACES];
    for j in 0..PLACES {
        let v = j as f32 - centre;
        let mut places = [(0.0, 0.0); PLACES];
        for (i, place) in places.iter_mut().enumerate() {
            let u = i as f32 - centre;
            *place = (x0 + cos * u - sin * v, y0 + sin * u + cos * v);
        }
        bilinear(picture, &places, &mut values);
        for (sum, values) in patch[j / SUB].iter_mut().zip(values.chunks_exact(SUB)) {
            for value in values {
                *sum += value;
            }
        }
    }
    for sum in patch.iter_mut().flatten() {
        *sum /= (SUB * SUB) as f32;
    }
}

/// Returns the numbers of the same patch in the mirror image of the picture.
pub(in crate::watermark) fn mirrored(numbers: &Numbers) -> Numbers {
    std::array::from_fn(|i| {
        if TESTS[i].0 % 2 == 1 {
            -numbers[i]
        } else {
            numbers[i]
        }
    })
}

fn dot(a: &[f32; SIDE], b: &[f32; SIDE]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Halves a picture; `None` if it is small enough.
fn half(picture: &Plane) -> Option<Plane> {
    let (width, height) = (picture.width() / 2, picture.height() / 2);
    (width.min(height) >= SIDE).then(|| {
        let taps = |from: usize, to: usize| Taps::area(from as f64, to);
        resample(
            picture,
            &taps(picture.width(), width),
            &taps(picture.height(), height),
        )
    })
}

/// Interpolates the picture at some places; outside it the border repeats.
#[inline(always)]
fn bilinear<const N: usize>(picture: &Plane, places: &[(f32, f32); N], values: &mut [f32; N]) {
    let (last_x, last_y) = (picture.width() - 1, picture.height() - 1);
    let (data, width) = (picture.data(), picture.width());
    // Looking up takes one place after the other, what follows takes eight at once.
    let (mut upper, mut lower) = ([[0.0; N]; 2], [[0.0; N]; 2]);
    let (mut across, mut down) = ([0.0; N], [0.0; N]);
    for (i, &(x, y)) in places.iter().enumerate() {
        let (x, y) = (x.clamp(0.0, last_x as f32), y.clamp(0.0, last_y as f32));
        let (left, top) = (x as u32, y as u32);
        (across[i], down[i]) = (x - left as f32, y - top as f32);
        let (left, top) = (left as usize, top as usize);
        let (right, bottom) = ((left + 1).min(last_x), (top + 1).min(last_y));
        let row = &data[top * width..][..width];
        (upper[0][i], upper[1][i]) = (row[left], row[right]);
        let row = &data[bottom * width..][..width];
        (lower[0][i], lower[1][i]) = (row[left], row[right]);
    }
    for (i, value) in values.iter_mut().enumerate() {
        let above = upper[0][i] + across[i] * (upper[1][i] - upper[0][i]);
        let below = lower[0][i] + across[i] * (lower[1][i] - lower[0][i]);
        *value = above + down[i] * (below - above);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watermark::{
        features::keypoints::of_original, sampling::grid::upright_luma,
        tests::pictures::scene_photo,
    };

    #[test]
    fn numbers_are_the_same_on_every_instruction_set() {
        let luma = upright_luma(&scene_photo(600, 400));
        let (keypoints, patches) = (of_original(&luma), Patches::new(&luma));
        let look = || -> Vec<_> {
            let numbers = keypoints.iter().filter_map(|at| patches.numbers(at));
            numbers.map(|numbers| numbers.map(f32::to_bits)).collect()
        };
        let widest = look();
        assert!(widest.len() > 50, "{}", widest.len());
        assert_eq!(simd::narrow::run(look), widest);
    }
}
