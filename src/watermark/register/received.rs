//! A received picture, ready to be sampled wherever the protected photo may lie in it.
//!
//! ```text
//! level 0      upright luma, area average, long side at most 1024
//! level k      level 0 at 2^(-k/2)
//! fine         the mean over a sample of a level with about four pixels a sample      what decides
//! coarse       one look-up of a level with about two pixels a sample, ten times cheaper: what is tried on the way
//! ```
//!
//! The straight path never builds the levels: a picture that is the whole photo in its place is
//! averaged to the grid directly.

use std::cell::OnceCell;

use super::{
    candidates::{Effort, Sight},
    sample_points::{all_places, one_place, pitch},
};
use crate::{
    imaging::{Photo, Plane},
    watermark::{
        geometry::warp::Warp,
        layout::Window,
        sampling::{
            grid::{LumaSource, fitted, upright_luma},
            resample::{Taps, resample},
        },
    },
};

/// Long side of level 0, in pixels.
const LONG_SIDE: usize = 1024;
/// Shortest side of a level, in pixels.
const SHORTEST: usize = 8;
/// Pixels, of the level that coarse sampling reads, from one sample of the grid to the next.
const COARSE_PITCH: f64 = 2.0;
/// Pixels, of the level that fine sampling reads, from one sample of the grid to the next: with
/// twice as many z is the same, with half as many a tenth lower.
const FINE_PITCH: f64 = 4.0;
/// Density with which a warp is sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::watermark) enum Sampling {
    /// One look-up for each sample of the grid.
    Coarse,
    /// Some sixteen look-ups for each sample of the grid: nearly as exact as the sampling of the
    /// protected photo.
    Fine,
}

/// A received picture, ready to be compared with any number of records.
#[derive(Debug)]
pub struct ReceivedImage<'a> {
    photo: &'a Photo,
    /// Whether luma is read as 255 - Y.
    negative: bool,
    whole: OnceCell<Plane>,
    levels: OnceCell<Vec<Plane>>,
    sight: OnceCell<Sight>,
}

impl<'a> ReceivedImage<'a> {
    /// Prepares a picture; what is derived from it is computed when it is first needed.
    pub fn new(photo: &'a Photo) -> Self {
        Self {
            photo,
            negative: false,
            whole: OnceCell::new(),
            levels: OnceCell::new(),
            sight: OnceCell::new(),
        }
    }

    /// Returns the same picture with light and dark exchanged.
    pub(in crate::watermark) fn negative(&self) -> Self {
        Self {
            negative: !self.negative,
            ..Self::new(self.photo)
        }
    }

    /// Returns whether light and dark were exchanged.
    pub(in crate::watermark) fn is_negative(&self) -> bool {
        self.negative
    }

    pub(in crate::watermark) fn photo(&self) -> &Photo {
        self.photo
    }

    /// Returns the upright picture squashed to the grid, 256 x 256.
    pub(in crate::watermark) fn whole(&self) -> &Plane {
        self.whole
            .get_or_init(|| self.of_polarity(upright_luma(self.photo)))
    }

    /// Returns the keypoints of the usual effort.
    pub(in crate::watermark) fn sight(&self) -> &Sight {
        self.sight
            .get_or_init(|| Sight::new(self.upright(), Effort::Usual))
    }

    /// Returns the upright luma, aspect kept, long side at most 1024.
    pub(in crate::watermark) fn upright(&self) -> &Plane {
        &self.levels()[0]
    }

    /// Returns the coarsest upright level whose long side still has this many pixels, or the
    /// finest.
    pub(in crate::watermark) fn level_of_at_least(&self, long_side: usize) -> &Plane {
        let levels = self.levels();
        let enough = |level: &&Plane| level.width().max(level.height()) >= long_side;
        levels.iter().rfind(enough).unwrap_or(&levels[0])
    }

    /// Returns the width and height of the picture in pixels, as a viewer shows it.
    pub(in crate::watermark) fn upright_size(&self) -> (u32, u32) {
        self.photo.upright_size()
    }

    /// Returns the plane, or its negative.
    fn of_polarity(&self, mut plane: Plane) -> Plane {
        if self.negative {
            for sample in plane.data_mut() {
                *sample = 255.0 - *sample;
            }
        }
        plane
    }

    fn levels(&self) -> &[Plane] {
        self.levels.get_or_init(|| {
            let (width, height) = fitted((self.photo.width(), self.photo.height()), LONG_SIDE);
            let stored = LumaSource::new(&self.photo.pixels).shrink(width, height);
            let base = self.of_polarity(self.photo.orientation.apply(&stored));
            let mut levels = vec![base];
            while let Some(next) = next_level(&levels) {
                levels.push(next);
            }
            levels
        })
    }

    /// Samples the grid where a warp puts it; outside the picture its border repeats. Outside the
    /// window the grid stays 0.
    pub(in crate::watermark) fn sample(
        &self,
        warp: &Warp,
        sampling: Sampling,
        window: Window,
    ) -> Plane {
        let levels = self.levels();
        let (across, down) = pitch(&levels[0], warp, window);
        let level = |pitch: f64| {
            let step = (across * down).sqrt() / pitch;
            let level = (2.0 * step.log2()).round().max(0.0) as usize;
            &levels[level.min(levels.len() - 1)]
        };
        match sampling {
            Sampling::Coarse => one_place(level(COARSE_PITCH), warp, window),
            Sampling::Fine => all_places(level(FINE_PITCH), warp, window),
        }
    }
}

/// Returns the next coarser level, or `None` if it would be of no use.
fn next_level(levels: &[Plane]) -> Option<Plane> {
    let base = &levels[0];
    let factor = (-(levels.len() as f64) / 2.0).exp2();
    let side = |side: usize| (side as f64 * factor).round() as usize;
    let (width, height) = (side(base.width()), side(base.height()));
    if width.min(height) < SHORTEST {
        return None;
    }
    // From two levels before, which is exactly twice as large; the first one from the base.
    let from = &levels[levels.len().saturating_sub(2)];
    let taps = |from: usize, to: usize| Taps::area(from as f64, to);
    Some(resample(
        from,
        &taps(from.width(), width),
        &taps(from.height(), height),
    ))
}
