//! Luma of a JPEG straight from its quantised coefficients, as small as the grid allows.
//!
//! ```text
//! f(x, y) = 128 + sum over u, v of  X_vu c_u(x) c_v(y)        the 8 x 8 inverse DCT (ITU-T T.81, A.3.3)
//! c_0(x) = sqrt(1/8),   c_u(x) = sqrt(2/8) cos((2 x + 1) u pi / 16)
//!
//! part p of n:      P_u(p) = mean of c_u(x) over the 8/n columns x of the part,   n = 1, 2, 4 or 8
//! reduced sample  = 128 + sum over u, v of  X_vu P_u(p) P_v(q), clamped to 0..=255 where it is read
//! inside variance = sum X^2 / 64 - mean of (reduced sample - 128)^2               (Parseval)
//! ```
//!
//! The mean is taken in the transform, exactly: nothing is decoded that the grid would only average
//! away. n is chosen for each axis, so that a reduced side has at least [`MIN_SIDE`] samples, or
//! all of its pixels; however large the picture, at most 2047 x 2047 samples are held (1/8 of sides
//! from 16384 up). The clamp acts on means, a decoder's on pixels; where that differs (ringing at
//! white and black) the grid hardly does.

use pulp::Simd;

use super::{
    dct::{COEFFICIENTS, ZIGZAG, dct_basis},
    resample::{LumaRows, Taps, moments, resample},
};
use crate::{
    imaging::{CoefficientImage, Component, Plane},
    simd,
    watermark::layout::GRID,
};

/// Fewest samples on a reduced side, unless the picture has fewer: about two for each cell of a 512
/// grid. Quarter blocks of the 4032 pixels of a phone's long side just reach it.
const MIN_SIDE: usize = 1000;
/// Pixels on a side of a block.
const BLOCK: usize = 8;
/// Level of a block of zeros.
const MID: f32 = 128.0;

/// Change of one quantised luma coefficient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::watermark) struct Step {
    /// Index of the component in the image.
    pub(in crate::watermark) component: usize,
    /// Index of the block in the component, padding included.
    pub(in crate::watermark) block: usize,
    /// Index in the block, in zigzag order.
    pub(in crate::watermark) position: usize,
    /// Number of quantiser steps added.
    pub(in crate::watermark) change: i16,
}

/// A JPEG's luma at reduced size.
#[derive(Debug, Clone)]
pub(in crate::watermark) struct ReducedLuma {
    /// Not clamped yet, so that steps can be added.
    samples: Plane,
    /// Variance inside the parts, averaged over each block; `None` unless asked for.
    inside: Option<Plane>,
    across: Axis,
    down: Axis,
    /// For each coefficient, in zigzag order, the means of its basis function over the parts.
    part_means: Vec<f32>,
}

/// Reduction of one axis.
#[derive(Debug, Clone, Copy)]
struct Axis {
    /// Length in pixels.
    side: usize,
    /// Parts of a block: 1, 2, 4 or 8.
    parts: usize,
}

impl Axis {
    fn new(side: u32) -> Self {
        Self::with_least(side as usize, MIN_SIDE)
    }

    /// Chooses the fewest parts that give `least` samples, if any do.
    fn with_least(side: usize, least: usize) -> Self {
        let parts = [1, 2, 4]
            .into_iter()
            .find(|parts| side * parts / BLOCK >= least)
            .unwrap_or(BLOCK);
        Self { side, parts }
    }

    /// Returns the number of blocks that hold pixels of the picture.
    fn blocks(self) -> usize {
        self.side.div_ceil(BLOCK)
    }

    /// Returns the length in samples; the last one may lie partly outside the picture.
    fn extent(self) -> f64 {
        (self.side * self.parts) as f64 / BLOCK as f64
    }

    /// Returns the number of samples, counting the last one as whole.
    fn samples(self) -> usize {
        (self.side * self.parts).div_ceil(BLOCK)
    }

    /// Returns `P_u(p)`, the mean of a basis function over a part.
    fn part_mean(self, u: usize, part: usize) -> f64 {
        let pixels = BLOCK / self.parts;
        let first = part * pixels;
        (first..first + pixels)
            .map(|x| dct_basis(u, x))
            .sum::<f64>()
            / pixels as f64
    }
}

impl ReducedLuma {
    /// Reduces the luma of a picture.
    pub(in crate::watermark) fn new(image: &CoefficientImage) -> Self {
        Self::reduce(image, None)
    }

    /// Reduces the luma of a picture and keeps the variance that is lost by it, for
    /// [`Self::variance`].
    pub(in crate::watermark) fn with_variance(image: &CoefficientImage) -> Self {
        let blocks = |side| Axis::new(side).blocks();
        let inside = Plane::new(blocks(image.width()), blocks(image.height()));
        Self::reduce(image, Some(inside))
    }

    /// Reduces a weighted sum of components of equal sampling, as if it were luma: 128 plus the
    /// sum.
    ///
    /// A side has at least `least` samples, or all that the component has.
    pub(in crate::watermark) fn of_components(
        image: &CoefficientImage,
        components: &[(usize, f32)],
        least: usize,
    ) -> Self {
        // Padded rows of blocks are whole MCUs, so that their lengths are in the proportion of the
        // sampling.
        let luma = image.component(0);
        let own = components
            .first()
            .map_or(luma, |&(index, _)| image.component(index));
        let side = |pixels: u32, blocks: usize, of: usize| (pixels as usize * blocks).div_ceil(of);
        let across = side(image.width(), own.blocks_wide, luma.blocks_wide);
        let down = side(image.height(), own.blocks_high, luma.blocks_high);
        let axes = (
            Axis::with_least(across, least),
            Axis::with_least(down, least),
        );
        Self::reduce_components(image, components, axes, None)
    }

    fn reduce(image: &CoefficientImage, inside: Option<Plane>) -> Self {
        let axes = (Axis::new(image.width()), Axis::new(image.height()));
        Self::reduce_components(image, image.luma_components(), axes, inside)
    }

    fn reduce_components(
        image: &CoefficientImage,
        components: &[(usize, f32)],
        (across, down): (Axis, Axis),
        inside: Option<Plane>,
    ) -> Self {
        let components: Vec<(Component<'_>, f32)> = components
            .iter()
            .map(|&(index, weight)| (image.component(index), weight))
            .collect();
        let mut reduced = Self {
            samples: Plane::new(across.samples(), down.samples()),
            inside,
            across,
            down,
            part_means: part_means(across, down),
        };
        fill(&mut reduced, &components);
        reduced
    }

    /// Adds the steps that were made in the coefficients of the image.
    ///
    /// The samples are linear in the coefficients, so the sum is that of reducing the image again,
    /// but for rounding. The variance inside the parts stays the original's.
    pub(in crate::watermark) fn step(&mut self, image: &CoefficientImage, steps: &[Step]) {
        add_steps(self, image, steps);
    }

    /// Puts a number to each sample of a block, as far as they lie in the picture.
    #[inline(always)]
    fn put(&mut self, row: usize, column: usize, numbers: &[f32], put: impl Fn(&mut f32, f32)) {
        // For each number of parts with rows of a length that the compiler knows.
        match self.across.parts {
            1 => self.put_rows::<1>(row, column, numbers, put),
            2 => self.put_rows::<2>(row, column, numbers, put),
            4 => self.put_rows::<4>(row, column, numbers, put),
            _ => self.put_rows::<BLOCK>(row, column, numbers, put),
        }
    }

    #[inline(always)]
    fn put_rows<const ACROSS: usize>(
        &mut self,
        row: usize,
        column: usize,
        numbers: &[f32],
        put: impl Fn(&mut f32, f32),
    ) {
        let top = row * self.down.parts;
        let rows = top..self.samples.height().min(top + self.down.parts);
        for (y, numbers) in rows.zip(numbers.as_chunks::<ACROSS>().0) {
            let line = &mut self.samples.row_mut(y)[column * ACROSS..];
            if let Some(line) = line.first_chunk_mut::<ACROSS>() {
                for (out, number) in line.iter_mut().zip(numbers) {
                    put(out, *number);
                }
            } else {
                for (out, number) in line.iter_mut().zip(numbers) {
                    put(out, *number);
                }
            }
        }
    }

    /// Samples the 256 x 256 luma grid.
    pub(in crate::watermark) fn grid(&self) -> Plane {
        let taps = |axis: Axis| {
            if axis.parts < BLOCK {
                Taps::area_of_means(axis.extent(), GRID)
            } else {
                Taps::to_grid(axis.side)
            }
        };
        resample(self, &taps(self.across), &taps(self.down))
    }

    /// Averages the luma to `width` x `height` samples.
    pub(in crate::watermark) fn shrink(&self, width: usize, height: usize) -> Plane {
        let x = Taps::area_of_means(self.across.extent(), width);
        let y = Taps::area_of_means(self.down.extent(), height);
        resample(self, &x, &y)
    }

    /// Returns the variance of the picture's pixels over `side` x `side` cells.
    pub(in crate::watermark) fn variance(&self, side: usize) -> Plane {
        let x = Taps::area(self.across.extent(), side);
        let y = Taps::area(self.down.extent(), side);
        let (_, mut variance) = moments(self, &x, &y);
        if let Some(inside) = &self.inside {
            let blocks = |axis: Axis| Taps::area(axis.side as f64 / BLOCK as f64, side);
            let inside = resample(inside, &blocks(self.across), &blocks(self.down));
            for (variance, inside) in variance.data_mut().iter_mut().zip(inside.data()) {
                *variance += inside;
            }
        }
        variance
    }
}

impl LumaRows for ReducedLuma {
    fn width(&self) -> usize {
        self.samples.width()
    }

    fn height(&self) -> usize {
        self.samples.height()
    }

    fn read_row(&self, y: usize, out: &mut [f32]) {
        clamp(self.samples.row(y), out);
    }
}

#[pulp::with_simd(clamp = simd::arch())]
#[inline(always)]
fn clamp_lanes<'a, S: Simd>(_: S, samples: &'a [f32], out: &'a mut [f32]) {
    for (out, sample) in out.iter_mut().zip(samples) {
        *out = sample.clamp(0.0, 255.0);
    }
}

/// The means of the 64 basis functions over the parts of a block, in zigzag order.
fn part_means(across: Axis, down: Axis) -> Vec<f32> {
    let natural = ZIGZAG
        .iter()
        .map(|natural| (natural / BLOCK, natural % BLOCK));
    natural
        .flat_map(|(v, u)| {
            (0..down.parts).flat_map(move |q| {
                (0..across.parts)
                    .map(move |p| (across.part_mean(u, p) * down.part_mean(v, q)) as f32)
            })
        })
        .collect()
}

/// Fills in all blocks.
#[pulp::with_simd(fill = simd::arch())]
#[inline(always)]
fn fill_lanes<'a, S: Simd>(
    _: S,
    reduced: &'a mut ReducedLuma,
    components: &'a [(Component<'a>, f32)],
) {
    match reduced.across.parts * reduced.down.parts {
        1 if reduced.inside.is_none() => fill_means(reduced, components),
        1 => fill_parts::<1>(reduced, components),
        2 => fill_parts::<2>(reduced, components),
        4 => fill_parts::<4>(reduced, components),
        8 => fill_parts::<8>(reduced, components),
        16 => fill_parts::<16>(reduced, components),
        32 => fill_parts::<32>(reduced, components),
        _ => fill_parts::<COEFFICIENTS>(reduced, components),
    }
}

/// Fills in blocks of one sample, which is their DC alone.
#[inline(always)]
fn fill_means(reduced: &mut ReducedLuma, components: &[(Component<'_>, f32)]) {
    let mean = reduced.part_means[0];
    reduced.samples.data_mut().fill(MID);
    for (component, weight) in components {
        let step = weight * f32::from(component.quant[0]);
        let rows = component.blocks.chunks_exact(component.blocks_wide);
        for (row, blocks) in rows.take(reduced.down.blocks()).enumerate() {
            for (sample, block) in reduced.samples.row_mut(row).iter_mut().zip(blocks) {
                *sample += f32::from(block[0]) * step * mean;
            }
        }
    }
}

/// Fills in blocks of `N` samples each.
#[inline(always)]
fn fill_parts<const N: usize>(reduced: &mut ReducedLuma, components: &[(Component<'_>, f32)]) {
    let table = reduced.part_means.as_chunks::<N>().0.to_vec();
    let steps: Vec<[f32; COEFFICIENTS]> = components
        .iter()
        .map(|(component, weight)| {
            std::array::from_fn(|k| weight * f32::from(component.quant[ZIGZAG[k]]))
        })
        .collect();
    for row in 0..reduced.down.blocks() {
        for column in 0..reduced.across.blocks() {
            let mut luma = [0.0; COEFFICIENTS];
            let mut used = 0;
            for ((component, _), steps) in components.iter().zip(&steps) {
                let block = &component.blocks[row * component.blocks_wide + column];
                let own = used_coefficients(block);
                for ((luma, q), step) in luma.iter_mut().zip(&block[..own]).zip(steps) {
                    *luma += f32::from(*q) * step;
                }
                used = used.max(own);
            }
            let samples = means(&luma[..used], &table);
            if let Some(inside) = &mut reduced.inside {
                inside.row_mut(row)[column] = inside_variance(&luma[..used], &samples);
            }
            reduced.put(row, column, &samples, |out, sample| *out = MID + sample);
        }
    }
}

/// Adds steps to the samples.
#[pulp::with_simd(add_steps = simd::arch())]
#[inline(always)]
fn add_steps_lanes<'a, S: Simd>(
    _: S,
    reduced: &'a mut ReducedLuma,
    image: &'a CoefficientImage,
    steps: &'a [Step],
) {
    let samples = reduced.across.parts * reduced.down.parts;
    let table = std::mem::take(&mut reduced.part_means);
    for &(index, weight) in image.luma_components() {
        let component = image.component(index);
        for step in steps.iter().filter(|step| step.component == index) {
            let size = weight * f32::from(component.quant[ZIGZAG[step.position]]);
            let change = f32::from(step.change) * size;
            let (row, column) = (
                step.block / component.blocks_wide,
                step.block % component.blocks_wide,
            );
            let means = &table[step.position * samples..(step.position + 1) * samples];
            reduced.put(row, column, means, |out, mean| *out += change * mean);
        }
    }
    reduced.part_means = table;
}

/// Returns the number of coefficients, in zigzag order, that may differ from zero; whole eighths,
/// because eight compare at once.
#[inline(always)]
fn used_coefficients(block: &[i16; COEFFICIENTS]) -> usize {
    let (eighths, _) = block.as_chunks::<8>();
    let last = eighths
        .iter()
        .rposition(|eighth| eighth.iter().fold(0, |any, q| any | q) != 0);
    last.map_or(0, |last| (last + 1) * 8)
}

/// Sums the parts' means of all coefficients, in zigzag order.
#[inline(always)]
fn means<const N: usize>(luma: &[f32], table: &[[f32; N]]) -> [f32; N] {
    let mut samples = [0.0; N];
    for (coefficient, means) in luma.iter().zip(table) {
        for (sample, mean) in samples.iter_mut().zip(means) {
            *sample += coefficient * mean;
        }
    }
    samples
}

/// Returns the mean variance of the pixels inside the parts of a block.
#[inline(always)]
fn inside_variance(luma: &[f32], samples: &[f32]) -> f32 {
    let square = |values: &[f32]| {
        // Eight sums side by side, so that the compiler vectorises them; their order stays fixed.
        let mut sums = [0.0_f32; 8];
        for values in values.chunks(8) {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += value * value;
            }
        }
        sums.iter().sum::<f32>()
    };
    (square(luma) / COEFFICIENTS as f32 - square(samples) / samples.len() as f32).max(0.0)
}
