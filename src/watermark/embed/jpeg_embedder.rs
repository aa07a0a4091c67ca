//! Marking a JPEG on its own quantiser lattice: a few quantised luma coefficients move by a step.
//!
//! No pixel is decoded and re-encoded: chroma, tables and every untouched block stay bit for bit,
//! and saving the result again with the same tables keeps the mark, because it lies on their
//! lattice. With R the residual at strength g, `R_kl` its block DCT, q the quantised values and D
//! their steps:
//!
//! ```text
//! touched    (k, l) that hold more than 0.4 % of the carrier's energy
//! S          D; in a block without AC  D ceil(8 / D): less than a grey level would not survive decoding
//! sigma      g m rms_kl         m: the mask's mean over the block
//! x, s, n    R_kl / S,  sigma / S,  x / s          n is about standard normal
//!
//! large      v = sign(x) s n^2 / E|N|^3, at most max(1, |x|), for s < 1/2, else v = x
//!            step = v diffused to the neighbouring blocks and rounded
//! small      step = sign(x) floor(|x| + 1 - theta),  theta = min(1/2, t s),  t = sqrt(2 ln(0.798 / s)) for
//!            s < 1/2, else theta = 1/2
//! q'         q + step S / D; but a flat white block is not made whiter, nor a black one blacker
//! ```
//!
//! Both steppers have a linear gain of 1 (E[step n] = s) and put their steps at the mark's peaks.
//! Diffusion costs less quality where a block is small against a tile (from a megapixel up); below,
//! neighbours of opposite sign would cancel the mark, and a three-level quantiser is used.
//! Measured: docs/watermark.md.

use std::f32::consts::FRAC_2_SQRT_PI;

use pulp::Simd;

use super::{
    block_dct::{BlockAxis, GatheredRow, carrier_rms},
    dc_clip::FlatLevel,
    error_diffusion::Diffusion,
    original::Original,
    strength::{LARGE_PIXELS, lattice_factor, strength},
};
use crate::{
    imaging::{CoefficientImage, Component, Plane},
    simd,
    watermark::{
        sampling::{dct::ZIGZAG, jpeg_luma::Step},
        signal::carrier::FREQUENCIES,
    },
};

/// Least share of the carrier's energy that a touched coefficient holds.
const LEAST_SHARE: f32 = 0.004;
/// Smallest step, in coefficient units, in a block without AC: 8 units of DC are one grey level.
const FLAT_STEP: u16 = 8;
/// `E|N|^3 = 2 sqrt(2 / pi)` of a standard normal N, written with `FRAC_2_SQRT_PI = 2 / sqrt(pi)`.
const THIRD_MOMENT: f32 = FRAC_2_SQRT_PI * std::f32::consts::SQRT_2;
/// `2 / sqrt(2 pi)`: the largest gain of a three-level quantiser, reached with a threshold of zero.
const LARGEST_GAIN: f32 = 0.797_884_6;
/// Mask below which the expected size of a step is not trusted.
const LEAST_MASK: f32 = 0.1;
/// Largest magnitude that a step may give a coefficient: AC have 10 bits, and DC within it differ
/// by at most 11 bits (ITU-T T.81, F.1.2).
const LARGEST: i32 = 1023;
/// Variance of the difference of two values rounded independently: twice that of the uniform error,
/// 1/12.
const ROUNDED_ANEW: f64 = 1.0 / 6.0;
/// Largest difference of two DC values: 11 bits (ITU-T T.81, F.1.2).
const LARGEST_DIFFERENCE: i32 = 2047;

/// A residual at strength 1, ready to be stepped into the blocks of a JPEG.
#[derive(Debug)]
pub(in crate::watermark) struct JpegEmbedder {
    across: BlockAxis,
    down: BlockAxis,
    /// Residual at strength 1, stored orientation, 256 x 256.
    residual: Plane,
    /// Mask, stored orientation, 256 x 256.
    mask: Plane,
    touched: Vec<Touched>,
    /// Whether errors diffuse to neighbouring blocks, as in large pictures.
    large: bool,
}

/// A coefficient that may step.
#[derive(Debug, Clone, Copy)]
struct Touched {
    /// Vertical frequency, 0..8.
    k: usize,
    /// Horizontal frequency, 0..8.
    l: usize,
    /// Index in zigzag order.
    position: usize,
    /// RMS of the carrier's block DCT at this frequency.
    rms: f32,
}

/// One component while its steps are decided.
struct SteppedComponent<'a> {
    /// Index of the component in the image.
    index: usize,
    component: Component<'a>,
    strength: f32,
    /// Largest magnitude that a stepped DC may have.
    largest_dc: i32,
    steps: &'a mut Vec<Step>,
}

impl JpegEmbedder {
    /// Prepares the residual of an original for its coefficients.
    pub(in crate::watermark) fn new(image: &CoefficientImage, original: &Original) -> Self {
        let (across, down) = (
            BlockAxis::new(image.width()),
            BlockAxis::new(image.height()),
        );
        let rms = carrier_rms(&down, &across);
        let energy: f32 = rms.iter().flatten().map(|rms| rms * rms).sum();
        let touched = (0..FREQUENCIES * FREQUENCIES)
            .map(|index| (index / FREQUENCIES, index % FREQUENCIES))
            .filter(|&(k, l)| rms[k][l] * rms[k][l] > LEAST_SHARE * energy)
            .map(|(k, l)| Touched {
                k,
                l,
                position: ZIGZAG
                    .iter()
                    .position(|&natural| natural == 8 * k + l)
                    .unwrap_or(0),
                rms: rms[k][l],
            })
            .collect();
        Self {
            across,
            down,
            residual: original.residual().clone(),
            mask: original.mask().clone(),
            touched,
            large: pixels(image) >= LARGE_PIXELS,
        }
    }

    /// Returns the strength of the first iteration.
    pub(in crate::watermark) fn start_strength(&self, image: &CoefficientImage) -> f32 {
        let quant = image.component(image.luma_components()[0].0).quant;
        let factor = lattice_factor(pixels(image), self.mean_step(quant));
        factor * strength(image.width(), image.height())
    }

    /// Returns the mean quantiser step of the touched coefficients, weighted by their energy.
    fn mean_step(&self, quant: &[u16; 64]) -> f64 {
        let (mut steps, mut energies) = (0.0, 0.0);
        for touched in &self.touched {
            let energy = f64::from(touched.rms * touched.rms);
            steps += energy * f64::from(quant[ZIGZAG[touched.position]]);
            energies += energy;
        }
        steps / energies
    }

    /// Decides the steps of all luma components at a strength.
    pub(in crate::watermark) fn steps(&self, image: &CoefficientImage, strength: f32) -> Vec<Step> {
        let mut steps = Vec::new();
        for &(index, _) in image.luma_components() {
            let component = image.component(index);
            let stepped = SteppedComponent {
                index,
                component,
                strength,
                largest_dc: largest_dc(&component),
                steps: &mut steps,
            };
            step_component(self, stepped);
        }
        steps
    }

    /// Cancels the step of a flat block that is white or black and would only become more so: the
    /// decoder clips it, and it would cost bytes for nothing.
    fn keep_in_range(&self, level: FlatLevel, wanted: &mut [f32], multiples: &[f32]) {
        let mut steps = self.touched.iter().zip(wanted).zip(multiples);
        let lone = steps.try_fold(None, |lone, ((touched, steps), multiple)| {
            match (touched.position, *steps != 0.0) {
                (_, false) => Some(lone),
                (0, true) => Some(Some((steps, multiple))),
                (_, true) => None,
            }
        });
        if let Some(Some((steps, multiple))) = lone
            && level.hides(*steps * multiple)
        {
            *steps = 0.0;
        }
    }

    /// Records the changes of a row of blocks, as far as they are legal.
    fn note_changes(
        &self,
        stepped: &mut SteppedComponent<'_>,
        first: usize,
        wanted: &[f32],
        multiples: &[f32],
    ) {
        let count = self.touched.len();
        let changes = wanted
            .iter()
            .zip(multiples)
            .map(|(steps, multiple)| steps * multiple);
        for (at, change) in changes.enumerate().filter(|&(_, change)| change != 0.0) {
            let block = first + at / count;
            let position = self.touched[at % count].position;
            let largest = if position == 0 {
                stepped.largest_dc
            } else {
                LARGEST
            };
            let source = i32::from(stepped.component.blocks[block][position]);
            let change = legal_change(source, change as i32, largest);
            if change != 0 {
                stepped.steps.push(Step {
                    component: stepped.index,
                    block,
                    position,
                    change: change as i16,
                });
            }
        }
    }
}

/// Decides the steps of one component.
#[pulp::with_simd(step_component = simd::arch())]
#[inline(always)]
fn step_component_lanes<'a, S: Simd>(
    _: S,
    embedder: &'a JpegEmbedder,
    stepped: SteppedComponent<'a>,
) {
    let mut stepped = stepped;
    let axes = (&embedder.down, &embedder.across);
    let blocks = embedder.across.blocks();
    let count = embedder.touched.len();
    let mut diffusion = Diffusion::new(blocks, count);
    let mut gathered = GatheredRow::new(&embedder.across);
    let mut mask = vec![0.0; blocks];
    let mut line = vec![0.0; blocks];
    // One value per block and touched coefficient: the wanted number of steps, and the number of D
    // in a step.
    let mut wanted = vec![0.0; blocks * count];
    let mut multiples = vec![1.0; blocks * count];
    for row in 0..embedder.down.blocks() {
        let first = row * stepped.component.blocks_wide;
        let sources = &stepped.component.blocks[first..first + blocks];
        let flat: Vec<bool> = sources.iter().map(is_flat).collect();
        gathered.gather(&embedder.mask, axes, row, 0);
        gathered.coefficients(&embedder.across, 0, &mut mask);
        for mask in &mut mask {
            // The orthonormal DC of a block is 8 times its mean.
            *mask = (*mask / 8.0).max(LEAST_MASK);
        }
        let mut gathered_k = None;
        for (index, touched) in embedder.touched.iter().enumerate() {
            if gathered_k.replace(touched.k) != Some(touched.k) {
                gathered.gather(&embedder.residual, axes, row, touched.k);
            }
            gathered.coefficients(&embedder.across, touched.l, &mut line);
            let quant = stepped.component.quant[ZIGZAG[touched.position]];
            let per_step = |multiple: f32| stepped.strength / (f32::from(quant) * multiple);
            let in_flat = flat_multiple(quant);
            let (usual, flat_step) = (per_step(1.0), per_step(in_flat));
            for ((line, mask), flat) in line.iter_mut().zip(&mask).zip(&flat) {
                let per_step = if *flat { flat_step } else { usual };
                let (x, s) = (per_step * *line, per_step * mask * touched.rms);
                *line = if embedder.large {
                    peaked(x, s)
                } else {
                    matched(x, s)
                };
            }
            for (block, (steps, flat)) in line.iter().zip(&flat).enumerate() {
                wanted[block * count + index] = *steps;
                multiples[block * count + index] = if *flat { in_flat } else { 1.0 };
            }
        }
        if embedder.large {
            diffusion.round(&mut wanted, &multiples);
        }
        for block in (0..blocks).filter(|&block| flat[block]) {
            let at = block * count..(block + 1) * count;
            let level = FlatLevel::of(&stepped.component, &sources[block]);
            embedder.keep_in_range(level, &mut wanted[at.clone()], &multiples[at]);
        }
        embedder.note_changes(&mut stepped, first, &wanted, &multiples);
    }
}

fn pixels(image: &CoefficientImage) -> u64 {
    u64::from(image.width()) * u64::from(image.height())
}

/// Returns whether a block has no AC.
#[inline(always)]
fn is_flat(block: &[i16; 64]) -> bool {
    block[1..].iter().fold(0, |any, q| any | q) == 0
}

/// Returns the number of quantiser steps in one step of a flat block.
fn flat_multiple(quant: u16) -> f32 {
    f32::from(FLAT_STEP.div_ceil(quant))
}

/// Returns the density of steps that diffusion rounds: at the mark's peaks while its RMS s is below
/// half a step.
#[inline(always)]
fn peaked(x: f32, s: f32) -> f32 {
    if s >= 0.5 {
        return x;
    }
    let n = x / s;
    (s * n * n / THIRD_MOMENT).min(x.abs().max(1.0)).copysign(x)
}

/// Returns the step of the quantiser whose linear gain is 1 for a normal signal of RMS s.
#[inline(always)]
pub(in crate::watermark) fn matched(x: f32, s: f32) -> f32 {
    let threshold = if s < 0.5 {
        let t = (2.0 * f64::from(LARGEST_GAIN / s).ln()).sqrt() as f32;
        (t * s).min(0.5)
    } else {
        0.5
    };
    (x.abs() + 1.0 - threshold).floor().copysign(x)
}

/// Returns the change of a quantised coefficient that keeps it within `largest`, or 0 where it is
/// beyond already.
fn legal_change(coefficient: i32, change: i32, largest: i32) -> i32 {
    if coefficient.abs() > largest {
        return 0;
    }
    (coefficient + change).clamp(-largest, largest) - coefficient
}

/// Returns the largest magnitude of a stepped DC: its difference from any neighbour in scan order
/// must stay legal.
fn largest_dc(component: &Component<'_>) -> i32 {
    let largest = component
        .blocks
        .iter()
        .map(|block| i32::from(block[0]).abs())
        .max();
    LARGEST.min(LARGEST_DIFFERENCE - largest.unwrap_or(0))
}

/// Moves the coefficients of an image by `sign` (1 or -1) times their steps.
pub(in crate::watermark) fn apply(image: &mut CoefficientImage, steps: &[Step], sign: i16) {
    for steps in steps.chunk_by(|a, b| a.component == b.component) {
        let blocks = image.blocks_mut(steps[0].component);
        for step in steps {
            blocks[step.block][step.position] += sign * step.change;
        }
    }
}

/// Returns the mean square change of luma that the steps make, in grey levels squared per pixel:
/// that of the steps by Parseval, and that of the decoder, which rounds each pixel of a changed
/// block anew.
///
/// The components of an RGB image move alike, so that their weighted mean is the luma's change.
pub(in crate::watermark) fn mean_square_change(image: &CoefficientImage, steps: &[Step]) -> f64 {
    let mut sum = 0.0;
    for &(index, weight) in image.luma_components() {
        let quant = image.component(index).quant;
        let squares = |block: &[Step]| -> f64 {
            let change =
                |step: &Step| f64::from(step.change) * f64::from(quant[ZIGZAG[step.position]]);
            block.iter().map(|step| change(step).powi(2)).sum()
        };
        let energy: f64 = steps
            .chunk_by(|a, b| (a.component, a.block) == (b.component, b.block))
            .filter(|block| block[0].component == index)
            .map(|block| squares(block) + 64.0 * ROUNDED_ANEW)
            .sum();
        sum += f64::from(weight) * energy;
    }
    sum / pixels(image) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Averages `f(x)` over a normal x of RMS s, by its quantiles.
    fn mean_over_normal(s: f32, f: impl Fn(f32) -> f32) -> f64 {
        let steps = 40_000;
        let mut sum = 0.0;
        let mut weight = 0.0;
        for i in 0..steps {
            let n = (f64::from(i) + 0.5) / f64::from(steps) * 12.0 - 6.0;
            let density = (-n * n / 2.0).exp();
            sum += density * f64::from(f(s * n as f32));
            weight += density;
        }
        sum / weight
    }

    #[test]
    fn both_steppers_have_unit_gain() {
        // Beyond 0.2 the caps at whole steps take a little of the gain, as they should.
        for s in [0.02_f32, 0.1, 0.2] {
            let gain =
                |f: &dyn Fn(f32) -> f32| mean_over_normal(s, |x| f(x) * x / s) / f64::from(s);
            let diffused = gain(&|x| peaked(x, s));
            assert!((diffused - 1.0).abs() < 0.08, "peaked {s}: {diffused}");
            let matched = gain(&|x| matched(x, s));
            assert!((matched - 1.0).abs() < 0.08, "matched {s}: {matched}");
        }
        assert!((peaked(0.7, 0.6) - 0.7).abs() < 1e-6);
        let rounded = [0.7, -1.4, 0.4].map(|x| matched(x, 0.6) as i32);
        assert_eq!(rounded, [1, -1, 0]);
    }

    #[test]
    fn steps_stay_in_the_legal_range() {
        assert_eq!(legal_change(1020, 9, 1023), 3);
        assert_eq!(legal_change(-1020, -9, 1023), -3);
        assert_eq!(legal_change(1500, -9, 1023), 0);
        assert_eq!(legal_change(5, 9, -4), 0);
    }

    #[test]
    fn a_step_in_a_flat_block_is_a_grey_level_at_least() {
        for (quant, multiple) in [(1, 8), (3, 3), (8, 1), (16, 1)] {
            assert_eq!(flat_multiple(quant) as i32, multiple);
        }
    }
}
