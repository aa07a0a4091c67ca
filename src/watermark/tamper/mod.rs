//! Tamper localisation: the places where a marked picture differs from the one that was protected.
//!
//! ```text
//! sums r, h, expected mark w                             levels and colours of cells, before and now
//!   | trust.rs      how surely each tile shows the photo     | tone.rs    what tone and light made of the levels
//!   |               boxes that show something else           v
//!   |                                                      levels.rs    cells that they do not explain
//!   | mixing.rs     colour that became light
//!   | explained.rs  d = r - a c,  c = (h + w) times what the tone makes of contrast
//!   | residual.rs   v: how much of d noise explains, and how heavy its tails are
//!   | likelihood.rs log-likelihood ratio of "replaced" against "same", summed over a tile's bands
//!   | scan.rs       sums over boxes of 1, 2, 3 and 5 tiles, each over its own threshold
//!   v
//! regions.rs        neighbouring tiles become rectangles of the protected photo, the most certain first
//! sensitivity.rs    how small a replacement would be found
//! ```
//!
//! The residue that a compression, a filter or a resize leaves in d is learned from the picture
//! itself, so the processing need not be known; an edit is what does not fit in with the rest.
//! Everything is learned from the tiles that certainly show the photo, so that a picture that is
//! mostly something else cannot explain itself. The mark is part of what is expected, so that
//! erasing is seen in flat places too. A tile that looks clipped counts for less, or for nothing,
//! only where the tone curve says that it may be. Another frame is no reason for caution: it is
//! registered to a fraction of a sample. A record without levels is an early one: recolour.rs
//! compares its colours, and tone is not predicted.
//!
//! All this runs after the mark was detected, and the decision on the mark does not depend on it.
//! Thresholds: docs/watermark.md has the photographs and attacks that they were set on, and the
//! rates on others.

mod cells;
mod comparable;
mod explained;
mod least_squares;
mod levels;
mod likelihood;
mod mixing;
mod neighbourhoods;
mod recolour;
mod regions;
mod residual;
mod scan;
mod sensitivity;
mod tone;
mod trust;

use self::{
    cells::{Colours, Surroundings},
    comparable::{cell_of, clipped, comparable, keeps_frame, tiles_of},
    explained::Explained,
    levels::Relit,
    recolour::Recolouring,
    residual::Residual,
    scan::Alarms,
    trust::Trust,
};
use super::{
    features::{
        chroma::{CELL_COUNT, ChromaCells},
        levels::Levels,
    },
    geometry::{coverage::Coverage, homography::Homography},
    layout::{TILE, TILE_COUNT, TILES, Tiling},
    signal::{
        agreement::Agreement,
        carrier::{BANDS, Sums, band_amplitudes},
    },
};
use crate::imaging::Plane;

pub use self::regions::Region;

/// Factor on the thresholds of sums after a strong change of tone or colour, which no gain per tile
/// describes.
const TONE_CAUTION: f32 = 1.2;
/// Share of a tile's sums that may be lost before they count for nothing.
const MOST_LOST: f32 = 0.5;

/// The reference data that is kept of the protected photo.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    /// Keyed sums of the original.
    pub(super) host: &'a Sums,
    /// Expected mark of each tile, grey levels RMS.
    pub(super) mark: &'a [f32],
    /// Coarse colour; `None` if it was not kept.
    pub(super) chroma: Option<&'a ChromaCells>,
    /// Coarse luma; `None` if it was not kept.
    pub(super) levels: Option<&'a Levels>,
}

/// The received picture, laid over the protected one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Observed<'a> {
    /// Its luma in the protected photo's place, 256 x 256, 0..=255.
    pub(super) luma: &'a Plane,
    /// The keyed sums of that luma.
    pub(super) sums: &'a Sums,
    /// Map from the protected photo to the received picture by which it was laid there.
    pub(super) map: &'a Homography,
    /// The tiles of the photo that it shows.
    pub(super) coverage: &'a Coverage,
    /// Its coarse colour in the protected photo's place; `None` if it is grey.
    pub(super) chroma: Option<&'a ChromaCells>,
}

/// Conclusion about alterations of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TamperFinding {
    /// There is no difference beyond the effects of compression, filters and noise.
    Unaltered,
    /// Something deviates, but the processing of the whole picture may be the reason; or too little
    /// is seen.
    Uncertain,
    /// Content was replaced, erased, painted over or recoloured in the regions.
    Altered,
    /// The record keeps too little to tell, as under strict privacy.
    NotExamined,
}

/// Result of comparing the contents.
#[derive(Debug, Clone, PartialEq)]
pub struct Tampering {
    /// The conclusion; it decides whether there are regions.
    pub finding: TamperFinding,
    /// Altered places, most certain first, at most 16. Empty unless [`TamperFinding::Altered`].
    pub regions: Vec<Region>,
    /// Share of the protected photo that was seen and could be compared, 0..=1.
    pub compared: f64,
    /// Share of the photo's area, 0..=1, from which a replacement in this very copy is found nine
    /// times in ten; `None` if not even the largest is.
    pub smallest_visible: Option<f64>,
    /// Share of the energy of the lowest band that is not the photo's; see explained.rs.
    pub(super) foreign_energy: f32,
    /// Robust scale of the luma that the tone curve leaves, in levels of the photo; `None` if the
    /// record has no levels.
    pub(super) unexplained: Option<f64>,
    map: Vec<f32>,
}

impl Tampering {
    /// Returns the evidence of 32 x 32 tiles of the protected photo, row-major, in units of the
    /// threshold: an alarm from 1 up.
    #[doc(hidden)]
    pub fn map(&self) -> &[f32] {
        &self.map
    }

    /// Returns the evidence against the content as a whole: the share of the lowest band's energy
    /// that is not the photo's, and the levels that its tone curve leaves unexplained, if the
    /// record has levels.
    #[doc(hidden)]
    pub fn foreign(&self) -> (f32, Option<f64>) {
        (self.foreign_energy, self.unexplained)
    }

    /// Returns the largest evidence at any place, in units of the threshold.
    pub(super) fn largest(&self) -> f64 {
        f64::from(self.map.iter().copied().fold(0.0, f32::max))
    }

    /// Withdraws the conclusion that nothing was altered, because the picture as a whole speaks
    /// against it.
    pub(super) fn doubt(&mut self) {
        if self.finding != TamperFinding::Altered {
            self.finding = TamperFinding::Uncertain;
        }
    }

    /// Returns the result for a record of strict privacy, whose sums tell too little about a single
    /// place.
    pub(super) fn not_examined() -> Self {
        Self {
            finding: TamperFinding::NotExamined,
            ..Self::none(0.0)
        }
    }

    /// Returns the result when nothing was found, or nothing could be examined.
    fn none(compared: f64) -> Self {
        Self {
            finding: TamperFinding::Unaltered,
            regions: Vec::new(),
            compared,
            smallest_visible: None,
            foreign_energy: 0.0,
            unexplained: None,
            map: vec![0.0; TILE_COUNT],
        }
    }
}

/// Compares the content of a received picture, in which the mark was detected, with the protected
/// photo.
///
/// `agreement` must have been prepared with the same host sums.
pub(super) fn examine(
    original: &Expected<'_>,
    received: &Observed<'_>,
    agreement: &Agreement,
) -> Tampering {
    let comparable = comparable(received.map, received.coverage);
    let products = agreement.products(received.sums, &comparable, BANDS);
    let trust = Trust::new(&products, &comparable);
    let after = Levels::of(received.luma);
    let relit = original.levels.and_then(|before| {
        let around = surroundings(original, &comparable, &trust);
        let (before, after) = (
            Colours {
                luma: before.cells(),
                chroma: original.chroma,
            },
            Colours {
                luma: after.cells(),
                chroma: received.chroma,
            },
        );
        levels::compare(&before, &after, &around)
    });
    let gains: Vec<f32> = (0..TILE_COUNT)
        .map(|tile| {
            relit
                .as_ref()
                .map_or(1.0, |relit| relit.gain[cell_of(tile)])
        })
        .collect();
    let expected = expected_sums(original, &gains);
    let Some(explained) = Explained::new(received.sums, &expected, &comparable, &trust) else {
        return Tampering {
            finding: TamperFinding::Uncertain,
            ..Tampering::none(comparable.share())
        };
    };
    let gain = explained.gain();
    let foreign_energy = explained.foreign_energy(&trust);
    let recolouring = match (original.levels, original.chroma, received.chroma) {
        (None, Some(before), Some(chroma)) => Recolouring::new(before, chroma, &after),
        _ => None,
    };
    let steps = original
        .levels
        .map(|before| level_steps(received.luma, before, gain));
    let tone = f64::from(gain).ln() as f32;
    let lost = lost(received, relit.as_ref(), recolouring.as_ref(), tone);
    let mut residual = Residual::new(explained, steps.as_deref(), &gains);
    residual.widen(&lost);
    let mut evidence = likelihood::evidence(&residual, &comparable);
    let unfit: Vec<bool> = lost.iter().map(|&share| share > MOST_LOST).collect();
    for (evidence, unfit) in evidence.iter_mut().zip(&unfit) {
        if *unfit {
            *evidence = evidence.min(0.0);
        }
    }
    let caution = if tone.abs() > 0.08 { TONE_CAUTION } else { 1.0 };
    let mut alarms = scan::tiles(&evidence, caution);
    if let Some(relit) = &relit {
        alarms.merge(&of_cells(relit.alarms()));
    }
    if let Some(colours) = recolouring {
        let unfit = |cell: usize| tiles_of(cell).any(|tile| unfit[tile]);
        let reframed = !keeps_frame(received.map);
        alarms.merge(&of_cells(colours.alarms(tone, reframed, unfit)));
    }
    let fit = Coverage::from_fn(|tile| comparable.shows(tile) && !unfit[tile]);
    let foreign = trust::foreign(&products, &fit, &trust);
    alarms.merge(&Alarms {
        ratio: foreign,
        doubtful: false,
    });
    let smallest_visible = sensitivity::smallest_visible(&residual, &fit, caution);
    // Where nothing could be found, having found nothing proves nothing.
    alarms.doubtful |= smallest_visible.is_none();
    Tampering {
        smallest_visible,
        foreign_energy,
        unexplained: relit.map(|relit| relit.unexplained / f64::from(gain)),
        ..conclude(&alarms, fit.share())
    }
}

/// Returns the properties of the photo's cells besides their colours.
fn surroundings(original: &Expected<'_>, comparable: &Coverage, trust: &Trust) -> Surroundings {
    let mean = |cell: usize, value: &dyn Fn(usize) -> f64| -> f64 {
        tiles_of(cell).map(value).sum::<f64>() / 4.0
    };
    let energy = |tile: usize| -> f64 {
        (0..BANDS)
            .map(|band| f64::from(original.host.band(band)[tile]).powi(2))
            .sum()
    };
    Surroundings {
        seen: (0..CELL_COUNT)
            .filter(|&cell| tiles_of(cell).all(|tile| comparable.shows(tile)))
            .collect(),
        trust: std::array::from_fn(|cell| mean(cell, &|tile| f64::from(trust.weights[tile]))),
        contrast: std::array::from_fn(|cell| (mean(cell, &energy) / (TILE * TILE) as f64).sqrt()),
    }
}

/// Returns the mean received level of each tile, less the photo's under the same gain.
fn level_steps(luma: &Plane, before: &Levels, gain: f32) -> Vec<f32> {
    let mean = |tile: usize| {
        let (x, y) = (tile % TILES * TILE, tile / TILES * TILE);
        let rows = (y..y + TILE).map(|y| luma.row(y)[x..x + TILE].iter().sum::<f32>());
        rows.sum::<f32>() / (TILE * TILE) as f32
    };
    (0..TILE_COUNT)
        .map(|tile| mean(tile) - gain * before.cells()[cell_of(tile)])
        .collect()
}

/// Returns the share of each tile's sums that was lost, 0..=1: it looks clipped, and the tone may
/// be why; or it was of colour and became light.
///
/// An early record does not say what the tone clips: with it, a tile counts as clipped in whole if
/// any of it looks so.
fn lost(
    received: &Observed<'_>,
    relit: Option<&Relit>,
    recolouring: Option<&Recolouring>,
    tone: f32,
) -> Vec<f32> {
    let colour = recolouring.map_or(0.0, Recolouring::change);
    let changed = tone.abs() > 0.03 || colour > 1.5;
    let mut shares = clipped(received.luma, received.chroma);
    for (tile, share) in shares.iter_mut().enumerate() {
        *share = match relit {
            Some(relit) if relit.may_clip(tile) => share.max(relit.mixed(tile)),
            Some(relit) => relit.mixed(tile),
            None if changed && *share > 0.0 => 1.0,
            None => 0.0,
        };
    }
    shares
}

/// Spreads alarms of cells to their tiles.
fn of_cells((ratio, doubtful): (Vec<f32>, bool)) -> Alarms {
    Alarms {
        ratio: (0..TILE_COUNT).map(|tile| ratio[cell_of(tile)]).collect(),
        doubtful,
    }
}

/// Turns alarms into a result.
fn conclude(alarms: &Alarms, compared: f64) -> Tampering {
    let regions = regions::rectangles(alarms);
    let finding = if !regions.is_empty() {
        TamperFinding::Altered
    } else if alarms.doubtful {
        TamperFinding::Uncertain
    } else {
        TamperFinding::Unaltered
    };
    Tampering {
        finding,
        regions,
        map: alarms.ratio.clone(),
        ..Tampering::none(compared)
    }
}

/// Returns the sums of an untouched copy, host and mark, times the factor of the tone on the
/// contrast in each place.
fn expected_sums(original: &Expected<'_>, gains: &[f32]) -> Sums {
    let amplitudes = band_amplitudes();
    Sums::from_fn(Tiling::Fine, |at| {
        let tile = at % TILE_COUNT;
        let copy = original.host.values()[at] + original.mark[tile] * amplitudes[at / TILE_COUNT];
        copy * gains[tile]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watermark::layout::GRID;

    /// A plane whose tiles have the given levels.
    fn levels_of(level: impl Fn(usize) -> f32) -> Plane {
        let mut luma = Plane::new(GRID, GRID);
        for y in 0..GRID {
            for (x, sample) in luma.row_mut(y).iter_mut().enumerate() {
                *sample = level(y / TILE * TILES + x / TILE);
            }
        }
        luma
    }

    /// Returns the finding where 16 tiles of a picture lost their content, its gain and their luma;
    /// with the photo's levels or with a record that has none.
    fn emptied(gain: f32, level: f32, with_levels: bool) -> TamperFinding {
        let place = |tile: usize| tile % TILES / 4 == 3 && tile / TILES / 4 == 2;
        let host = Sums::from_fn(Tiling::Fine, |at| {
            ((at * 7919 % 1009) as f32 - 504.0) / 20.0
        });
        let sums = Sums::from_fn(Tiling::Fine, |at| {
            let noise = (at * 104_729 % 31) as f32 / 31.0 - 0.5;
            let kept = if place(at % TILE_COUNT) { 0.0 } else { gain };
            kept * host.values()[at] + noise
        });
        let own = |tile: usize| 60.0 + (cell_of(tile) * 29 % 83) as f32;
        let before = Levels::of(&levels_of(own));
        let luma = levels_of(|tile| if place(tile) { level } else { gain * own(tile) });
        let original = Expected {
            host: &host,
            mark: &vec![0.0; TILE_COUNT],
            chroma: None,
            levels: with_levels.then_some(&before),
        };
        let received = Observed {
            luma: &luma,
            sums: &sums,
            map: &Homography::IDENTITY,
            coverage: &Coverage::full(),
            chroma: None,
        };
        examine(&original, &received, &Agreement::new(&host)).finding
    }

    #[test]
    fn white_paint_is_found_whatever_the_tone_where_the_record_has_levels() {
        for gain in [1.0, 1.06, 1.2] {
            for level in [0.0, 200.0, 255.0] {
                assert_eq!(
                    emptied(gain, level, true),
                    TamperFinding::Altered,
                    "{gain} {level}"
                );
            }
        }
    }

    #[test]
    fn an_old_record_leaves_out_what_looks_clipped_in_a_lighter_picture() {
        assert_eq!(emptied(1.0, 255.0, false), TamperFinding::Altered);
        assert_eq!(emptied(1.2, 200.0, false), TamperFinding::Altered);
        assert_ne!(emptied(1.2, 255.0, false), TamperFinding::Altered);
    }
}
