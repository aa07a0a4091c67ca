//! Where a picture was edited, and how well regions agree with it.

use image::RgbImage;
use lumatrace::watermark::Region;

use crate::{edits::Area, tamper::area_of};

/// Cells along a side.
const SIDE: usize = 512;
/// A change of a sample that counts as an edit, in grey levels.
const CHANGED: u8 = 8;

/// Cells of a photograph that were edited, rows first.
pub(crate) struct Mask(Vec<bool>);

/// The column or row of cells that a pixel lies in.
fn cell(at: u32, side: u32) -> usize {
    at as usize * SIDE / side as usize
}

/// How regions lie on an edit.
#[derive(Clone, Copy)]
pub(crate) struct Overlap {
    /// Share of the photograph that was edited.
    pub(crate) area: f64,
    /// Share of the edited area that the regions cover.
    pub(crate) covered: f64,
    /// Intersection over union.
    pub(crate) iou: f64,
}

impl Mask {
    /// Asks for the centre of each cell, in fractions of the sides.
    pub(crate) fn from_fn(edited: impl Fn(f64, f64) -> bool) -> Self {
        let place = |at: usize| (at as f64 + 0.5) / SIDE as f64;
        Self(
            (0..SIDE * SIDE)
                .map(|cell| edited(place(cell % SIDE), place(cell / SIDE)))
                .collect(),
        )
    }

    /// A rectangle; at least the cell of its centre.
    pub(crate) fn of(area: &Area) -> Self {
        let mut mask = Self::from_fn(|x, y| area.holds(x, y));
        let middle = |start: f64, length: f64| ((start + length / 2.0) * SIDE as f64) as usize;
        let (column, row) = (middle(area.x, area.width), middle(area.y, area.height));
        mask.0[column + SIDE * row] = true;
        mask
    }

    /// The places where two pictures of one size differ.
    pub(crate) fn between(one: &RgbImage, other: &RgbImage) -> Self {
        let mut cells = vec![false; SIDE * SIDE];
        let (width, height) = one.dimensions();
        for ((x, y, before), after) in one.enumerate_pixels().zip(other.pixels()) {
            let mut samples = before.0.into_iter().zip(after.0);
            if samples.any(|(before, after)| before.abs_diff(after) > CHANGED) {
                cells[cell(x, width) + SIDE * cell(y, height)] = true;
            }
        }
        Self(cells)
    }

    /// Mean change of its places from one picture to another, in grey levels.
    pub(crate) fn change(&self, before: &RgbImage, after: &RgbImage) -> f64 {
        let (width, height) = before.dimensions();
        let (mut sum, mut count) = (0u64, 0u64);
        for ((x, y, before), after) in before.enumerate_pixels().zip(after.pixels()) {
            if self.0[cell(x, width) + SIDE * cell(y, height)] {
                count += 3;
                let changes = before.0.into_iter().zip(after.0);
                sum += changes
                    .map(|(before, after)| u64::from(before.abs_diff(after)))
                    .sum::<u64>();
            }
        }
        sum as f64 / count.max(1) as f64
    }

    /// Compares with regions.
    pub(crate) fn compare(&self, regions: &[Region]) -> Overlap {
        let areas: Vec<Area> = regions.iter().map(area_of).collect();
        let found = Self::from_fn(|x, y| areas.iter().any(|area| area.holds(x, y)));
        let (mut both, mut either, mut edited) = (0_u32, 0_u32, 0_u32);
        for (&here, &there) in self.0.iter().zip(&found.0) {
            both += u32::from(here && there);
            either += u32::from(here || there);
            edited += u32::from(here);
        }
        let share = |of: u32| f64::from(both) / f64::from(of.max(1));
        Overlap {
            area: f64::from(edited) / self.0.len() as f64,
            covered: share(edited),
            iou: share(either),
        }
    }
}
