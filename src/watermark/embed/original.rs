//! The original, measured once: the signal that hides the mark, and the reference of the read-back.
//!
//! ```text
//! s = signs of the key          p = M^T (s A) M, the carrier field of unit RMS
//! m = mask of the grid          residual = g m p
//! h = sums of s C(original)     w(tile) = g * mean(m) * mean(alpha)
//! ```
//!
//! w is nominal: the mark that a tile should get, not the one that it got. It does not depend on
//! the signs, which is why the bound of [`crate::watermark::signal::score`] is exact.

use super::strength::ReadBack;
use crate::{
    imaging::{Orientation, Photo, Plane, through_gray_jpeg},
    watermark::{
        features::{
            chroma::{ChromaCells, HiddenChroma},
            fingerprint::{Fingerprint, Spectrum},
            keypoints::{self, Keypoint},
            levels::{HiddenLevels, Levels},
            visual_words::VisualWords,
        },
        geometry::coverage::Coverage,
        key::WatermarkKey,
        layout::Tiling,
        privacy::RecordPrivacy,
        record::Record,
        sampling::{
            grid::{Grid, LumaSource, fitted, tile_means, to_stored},
            resample::{Taps, resample},
        },
        signal::{
            carrier::{Signs, Sums},
            mask::mask,
            statistic::{smooth_mark, statistic},
            transform,
        },
    },
};

/// Long side, in pixels, of the small copy that is read back.
const SMALL_SIDE: usize = 1024;
/// JPEG quality of the small copy that is read back.
const SMALL_QUALITY: u8 = 50;

/// An original and everything that is derived from it with its key.
#[derive(Debug)]
pub(in crate::watermark) struct Original {
    orientation: Orientation,
    /// Width and height in pixels, as a viewer shows them.
    upright_size: (u32, u32),
    signs: Signs,
    sums: Sums,
    /// Coarse colour, hidden by the key; `None` for a grey picture.
    chroma: Option<HiddenChroma>,
    /// Coarse luma, hidden by the key.
    levels: HiddenLevels,
    /// Mean mask of each upright tile, times its mean alpha.
    tile_mask: Vec<f32>,
    keypoints: Vec<Keypoint>,
    /// The mask, 256 x 256, stored orientation.
    mask: Plane,
    /// Residual at strength 1, 256 x 256, stored orientation.
    residual: Plane,
    fingerprint: Fingerprint,
    words: VisualWords,
}

impl Original {
    /// Measures an original, whose source [`LumaSource::of_original`] prepared, and draws the key's
    /// signs.
    pub(in crate::watermark) fn new(
        photo: &Photo,
        source: &LumaSource<'_>,
        key: &WatermarkKey,
    ) -> Self {
        let grid = Grid::new(photo, source);
        let signs = Signs::new(key, Tiling::Fine);
        let sums = transform::forward(&grid.luma).sums(&signs);
        let mask = mask(&grid.luma, &grid.texture);
        let tile_mask = tile_means(&mask)
            .iter()
            .zip(grid.alpha.data())
            .map(|(mask, alpha)| mask * alpha)
            .collect();
        let mut residual = transform::inverse(&signs.field());
        for (residual, mask) in residual.data_mut().iter_mut().zip(mask.data()) {
            *residual *= mask;
        }
        let spectrum = Spectrum::of(&grid.luma);
        let copy = key_luma(photo, source);
        let keypoints = keypoints::of_original(&copy);
        Self {
            fingerprint: spectrum.fingerprint(),
            words: VisualWords::of_original(&spectrum, &copy, &keypoints),
            orientation: photo.orientation,
            upright_size: photo.upright_size(),
            signs,
            sums,
            chroma: ChromaCells::of(photo).map(|cells| cells.hide(key)),
            levels: Levels::of(&grid.luma).hide(key),
            tile_mask,
            keypoints,
            mask: to_stored(photo.orientation, &mask),
            residual: to_stored(photo.orientation, &residual),
        }
    }

    /// Returns the mask in stored orientation.
    pub(in crate::watermark) fn mask(&self) -> &Plane {
        &self.mask
    }

    /// Returns the residual at strength 1 in stored orientation.
    pub(in crate::watermark) fn residual(&self) -> &Plane {
        &self.residual
    }

    /// Makes the record of this original when marked at a strength.
    pub(in crate::watermark) fn record(&self, strength: f32, privacy: RecordPrivacy) -> Record {
        let mark: Vec<f32> = self.tile_mask.iter().map(|mask| strength * mask).collect();
        let mut record = Record::new(privacy, self.upright_size, strength, &self.sums, &mark);
        if privacy == RecordPrivacy::Strict {
            return record;
        }
        record.set_keypoints(&self.keypoints);
        if let Some(chroma) = &self.chroma {
            record.set_chroma(chroma.clone());
        }
        record.set_fingerprint(self.fingerprint);
        record.set_levels(self.levels.clone());
        record
    }

    /// Returns the visual words that the original is found by.
    pub(in crate::watermark) fn words(&self) -> &VisualWords {
        &self.words
    }

    /// Reads the mark back from the luma of what is sent, both as it is and as a small copy.
    pub(in crate::watermark) fn read_back(
        &self,
        sent: &LumaSource<'_>,
        record: &Record,
    ) -> ReadBack {
        let small = self.small_copy(sent);
        let x = Taps::to_grid(small.width());
        let y = Taps::to_grid(small.height());
        ReadBack {
            z_sent: self.z(&sent.luma(), record),
            z_small: self.z(&resample(&small, &x, &y), record),
        }
    }

    /// Returns the luma of a copy of at most [`SMALL_SIDE`] pixels at JPEG quality
    /// [`SMALL_QUALITY`].
    ///
    /// Messengers and web pages make such copies of a photo. A smaller picture keeps its size.
    fn small_copy(&self, sent: &LumaSource<'_>) -> Plane {
        let (width, height) = self.upright_size;
        let stored_size = if self.orientation.swaps_sides() {
            (height, width)
        } else {
            (width, height)
        };
        let (width, height) = fitted(stored_size, SMALL_SIDE);
        through_gray_jpeg(&sent.shrink(width, height), SMALL_QUALITY)
    }

    /// Computes the statistic of a stored luma grid.
    fn z(&self, stored: &Plane, record: &Record) -> f64 {
        let upright = self.orientation.apply(stored);
        let tiling = record.tiling();
        let received = transform::forward(&upright).sums(&self.signs).on(tiling);
        statistic(
            &received,
            &record.host_sums(),
            &smooth_mark(tiling, &record.mark()),
            &Coverage::full().on(tiling),
        )
        .z
    }
}

/// Returns the upright luma in which keypoints are found.
fn key_luma(photo: &Photo, source: &LumaSource<'_>) -> Plane {
    let (width, height) = fitted((photo.width(), photo.height()), keypoints::ORIGINAL_SIDE);
    let stored = source.shrink(width, height);
    photo.orientation.apply(&stored)
}
