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
//! averaged to the grid directly. What was computed once can be kept without the pixels, some 5 MB
//! ([`ReceivedImage::keep`]).

use std::cell::OnceCell;

use super::{
    candidates::{Effort, Sight},
    sample_points::{all_places, one_place, pitch},
};
use crate::{
    imaging::{Photo, Plane, pixel_digest},
    watermark::{
        features::chroma::ChromaPlanes,
        geometry::warp::Warp,
        layout::Window,
        sampling::{
            grid::{LumaSource, fitted},
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
    source: Source<'a>,
    /// Whether luma is read as 255 - Y.
    negative: bool,
    /// The photo's luma as it is stored, for the grid and for the levels.
    luma: OnceCell<LumaSource<'a>>,
    whole: OnceCell<Plane>,
    levels: OnceCell<Vec<Plane>>,
    sight: OnceCell<Sight>,
}

/// What everything is derived from.
#[derive(Debug, Clone)]
enum Source<'a> {
    Photo(&'a Photo),
    Kept(Kept),
}

/// What is kept of a photo's pixels.
#[derive(Debug, Clone)]
struct Kept {
    upright_size: (u32, u32),
    whole: Plane,
    level: Plane,
    chroma: Option<ChromaPlanes>,
    digest: [u8; 32],
}

impl<'a> ReceivedImage<'a> {
    /// Prepares a picture; what is derived from it is computed when it is first needed.
    pub fn new(photo: &'a Photo) -> Self {
        Self::of(Source::Photo(photo))
    }

    fn of(source: Source<'a>) -> Self {
        Self {
            source,
            negative: false,
            luma: OnceCell::new(),
            whole: OnceCell::new(),
            levels: OnceCell::new(),
            sight: OnceCell::new(),
        }
    }

    /// Computes all that a comparison may need, and lets go of the photo.
    #[must_use]
    pub fn keep(self) -> ReceivedImage<'static> {
        self.sight();
        let kept = Kept {
            upright_size: self.upright_size(),
            whole: self.of_polarity(self.whole().clone()),
            level: self.of_polarity(self.upright().clone()),
            chroma: self.chroma(),
            digest: self.pixel_digest(),
        };
        ReceivedImage {
            negative: self.negative,
            sight: self.sight,
            ..ReceivedImage::of(Source::Kept(kept))
        }
    }

    /// Returns the bytes that a kept picture takes while nothing else is derived from it: its
    /// planes, and next to them little.
    pub fn bytes(&self) -> usize {
        match &self.source {
            Source::Photo(_) => 0,
            Source::Kept(kept) => {
                let planes = [&kept.whole, &kept.level];
                let samples: usize = planes.map(|plane| plane.data().len()).iter().sum();
                samples * size_of::<f32>() + self.sight().bytes()
            }
        }
    }

    /// Returns the same picture with light and dark exchanged.
    pub(in crate::watermark) fn negative(&self) -> Self {
        Self {
            negative: !self.negative,
            ..Self::of(self.source.clone())
        }
    }

    /// Returns whether light and dark were exchanged.
    pub(in crate::watermark) fn is_negative(&self) -> bool {
        self.negative
    }

    /// Returns the chroma of the picture as it was received; `None` for a grey one.
    pub(in crate::watermark) fn chroma(&self) -> Option<ChromaPlanes> {
        match &self.source {
            Source::Photo(photo) => ChromaPlanes::of(photo),
            Source::Kept(kept) => kept.chroma.clone(),
        }
    }

    /// Returns the digest of the pixels.
    pub(in crate::watermark) fn pixel_digest(&self) -> [u8; 32] {
        match &self.source {
            Source::Photo(photo) => pixel_digest(&photo.pixels),
            Source::Kept(kept) => kept.digest,
        }
    }

    /// Returns the upright picture squashed to the grid, 256 x 256.
    pub(in crate::watermark) fn whole(&self) -> &Plane {
        self.whole.get_or_init(|| {
            self.of_polarity(match &self.source {
                Source::Photo(photo) => photo.orientation.apply(&self.luma(photo).luma()),
                Source::Kept(kept) => kept.whole.clone(),
            })
        })
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
        match &self.source {
            Source::Photo(photo) => photo.upright_size(),
            Source::Kept(kept) => kept.upright_size,
        }
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

    fn luma(&self, photo: &'a Photo) -> &LumaSource<'a> {
        self.luma.get_or_init(|| LumaSource::new(&photo.pixels))
    }

    fn levels(&self) -> &[Plane] {
        self.levels.get_or_init(|| {
            let mut levels = vec![self.of_polarity(match &self.source {
                Source::Photo(photo) => {
                    let (width, height) = fitted((photo.width(), photo.height()), LONG_SIDE);
                    (photo.orientation).apply(&self.luma(photo).shrink(width, height))
                }
                Source::Kept(kept) => kept.level.clone(),
            })];
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        imaging::{Layout, Samples},
        watermark::{
            embed,
            tests::pictures::{key, open, photo, samples, scene_photo},
        },
    };

    #[test]
    fn a_kept_picture_is_judged_as_the_photo_is() {
        let embedded = embed(scene_photo(600, 400), &key()).unwrap();
        let sent = open(&embedded.bytes);
        let inverted = samples(&sent).iter().map(|sample| !sample).collect();
        let negative = photo(600, 400, Layout::Rgb, Samples::U8(inverted));
        for (picture, is_negative) in [(sent, false), (negative, true)] {
            let judge = |received: &ReceivedImage<'_>| {
                let found = received.detect(&embedded.record, &key());
                let class = received.manipulation_class(&embedded.record, &found);
                (received.index_query().words(), found, class)
            };
            let fresh = judge(&ReceivedImage::new(&picture));
            assert!(judge(&ReceivedImage::new(&picture).keep()) == fresh);
            let way = fresh.1.transform.unwrap();
            assert_eq!((fresh.1.z > 25.0, way.negative), (true, is_negative));
        }
    }
}
