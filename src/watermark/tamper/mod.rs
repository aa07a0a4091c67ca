//! Where a marked picture is not the one that was protected.
//!
//! ```text
//! sums r, h, expected mark w         chroma of both
//!   | residual.rs  d = r - a (h + w), its variance v under "same content and noise", heaviness of its tails
//!   | likelihood.rs  log-likelihood ratio of "replaced" against "same", summed over a tile's bands
//!   | scan.rs      sums over boxes of 1, 2, 3 and 5 tiles, each over its own threshold
//!   |                                | recolour.rs  one colour transform for all; outlying cells, the same scan
//!   v                                v
//! regions.rs   neighbouring tiles become rectangles of the protected photo, the most certain first
//! ```
//!
//! What a compression, a filter or a resize leaves in d is learned from the picture itself, so nothing needs to
//! know what was done to it; an edit is what does not fit in with the rest. Hence two limits: a change of the
//! whole picture is never an edit here, and an edit of most of it hides itself. The mark is part of what is expected,
//! so that erasing is seen in flat places too. Where a change of tone clipped, sums say nothing: such tiles count
//! for nothing, and a strong change of tone or colour raises all thresholds ([`Finding::Uncertain`] in between).
//!
//! All this runs after the mark was detected, and the decision on the mark knows nothing of it. Thresholds:
//! docs/watermark.md has the photographs and attacks that they were set on, and the rates on others.

mod likelihood;
mod recolour;
mod regions;
mod residual;
mod scan;

use self::{recolour::Recolouring, residual::Residual, scan::Alarms};
use super::{
    carrier::{Sums, TILE, TILE_COUNT, TILES, Tiling, band_amplitudes},
    chroma::{CELL_COUNT, CELLS, ChromaCells},
    coverage::Coverage,
    homography::Homography,
};
use crate::imaging::Plane;

pub use self::regions::Region;

/// Factor on the thresholds of sums after a strong change of tone or colour, which no gain per tile describes.
const TONE_CAUTION: f32 = 1.6;
/// Factor where the picture had to be laid in the photo's place by its content, which is never exact.
const FRAME_CAUTION: f32 = 2.0;

/// What is kept of the protected photo.
#[derive(Debug, Clone, Copy)]
pub(super) struct Original<'a> {
    /// Host sums.
    pub(super) host: &'a Sums,
    /// Expected mark of each tile, grey levels RMS.
    pub(super) mark: &'a [f32],
    /// Coarse colour, if it was kept.
    pub(super) chroma: Option<&'a ChromaCells>,
}

/// The received picture, laid over the protected one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Received<'a> {
    /// Its luma in the protected photo's place, 256 x 256, 0..=255.
    pub(super) luma: &'a Plane,
    /// The keyed sums of that luma.
    pub(super) sums: &'a Sums,
    /// How it was laid there: from the protected photo to the received picture.
    pub(super) map: &'a Homography,
    /// The tiles that it shows.
    pub(super) coverage: &'a Coverage,
    /// Its coarse colour in the protected photo's place; nothing if it is grey.
    pub(super) chroma: Option<&'a ChromaCells>,
}

/// How much may be said about alterations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Nothing beyond what compression, filters and noise do.
    Unaltered,
    /// Something deviates, but what was done to the whole picture may be the reason; or too little is seen.
    Uncertain,
    /// Content was replaced, erased, painted over or recoloured in the regions.
    Altered,
    /// The record keeps too little to tell: that of strict privacy.
    NotExamined,
}

/// What the comparison of contents found.
#[derive(Debug, Clone, PartialEq)]
pub struct Tampering {
    /// The conclusion.
    pub finding: Finding,
    /// Where; most certain first, at most 16. Empty unless [`Finding::Altered`].
    pub regions: Vec<Region>,
    /// Share of the protected photo that was seen and could be compared, 0..=1.
    pub compared: f64,
    /// Share of the photo's area, 0..=1, from which a replacement in this very copy is found nine times in ten;
    /// nothing where nothing is found, whatever its size.
    pub smallest_visible: Option<f64>,
    /// See [`Self::map`].
    map: Vec<f32>,
}

impl Tampering {
    /// Evidence of 32 x 32 tiles of the protected photo, rows first, in units of the threshold: an alarm from 1 up.
    #[doc(hidden)]
    pub fn map(&self) -> &[f32] {
        &self.map
    }

    /// What is said with a record of strict privacy, whose sums tell too little about a single place.
    pub(super) fn not_examined() -> Self {
        Self {
            finding: Finding::NotExamined,
            ..Self::none(0.0)
        }
    }

    /// Nothing was found, or nothing could be looked at.
    fn none(compared: f64) -> Self {
        Self {
            finding: Finding::Unaltered,
            regions: Vec::new(),
            compared,
            smallest_visible: None,
            map: vec![0.0; TILE_COUNT],
        }
    }
}

/// Compares the content of a received picture, in which the mark was detected, with the protected photo.
pub(super) fn examine(original: &Original<'_>, received: &Received<'_>) -> Tampering {
    let comparable = comparable(received.map, received.coverage);
    let compared = comparable.count() as f64 / TILE_COUNT as f64;
    let expected = expected_sums(original);
    let Some(residual) = Residual::new(received.sums, &expected, &comparable) else {
        return Tampering::none(compared);
    };
    let colours = match (original.chroma, received.chroma) {
        (Some(before), Some(after)) => Recolouring::new(before, after, received.luma),
        _ => None,
    };
    let (tone, colour) = (
        residual.tone(),
        colours.as_ref().map_or(0.0, Recolouring::change),
    );
    let unfit = if tone.abs() > 0.03 || colour > 1.5 {
        clipped(received.luma, received.chroma)
    } else {
        vec![false; TILE_COUNT]
    };
    let mut evidence = likelihood::evidence(&residual, &comparable);
    for (evidence, unfit) in evidence.iter_mut().zip(&unfit) {
        if *unfit {
            *evidence = evidence.min(0.0);
        }
    }
    let toned = if tone.abs() > 0.08 || colour > 6.0 {
        TONE_CAUTION
    } else {
        1.0
    };
    let reframed = !keeps_frame(received.map);
    let framed = if reframed { FRAME_CAUTION } else { 1.0 };
    let mut alarms = scan::tiles(&evidence, toned * framed);
    if let Some(colours) = colours {
        let unfit = |cell: usize| tiles_of(cell).any(|tile| unfit[tile]);
        alarms.merge(&colours.alarms(tone, reframed, unfit));
    }
    conclude(&alarms, compared)
}

/// Turns alarms into an answer.
fn conclude(alarms: &Alarms, compared: f64) -> Tampering {
    let regions = regions::rectangles(alarms);
    let finding = if !regions.is_empty() {
        Finding::Altered
    } else if alarms.doubtful {
        Finding::Uncertain
    } else {
        Finding::Unaltered
    };
    Tampering {
        finding,
        regions,
        compared,
        smallest_visible: None,
        map: alarms.ratio.clone(),
    }
}

/// The sums of an untouched copy: host and mark.
fn expected_sums(original: &Original<'_>) -> Sums {
    let amplitudes = band_amplitudes();
    Sums::from_fn(Tiling::Fine, |at| {
        original.host.values()[at] + original.mark[at % TILE_COUNT] * amplitudes[at / TILE_COUNT]
    })
}

/// The tiles whose sums may be compared.
///
/// The lapped transform wraps around, so a tile at an edge of the photo also needs the tile at the opposite edge.
/// Where the picture's frame is not the photo's, resampling mixes its edge with what lies beyond: the outermost
/// tiles are left out.
fn comparable(map: &Homography, coverage: &Coverage) -> Coverage {
    let last = TILES - 1;
    let reframed = !keeps_frame(map);
    let wraps = |at: usize| if at == 0 || at == last { last - at } else { at };
    Coverage::from_fn(|tile| {
        let (column, row) = (tile % TILES, tile / TILES);
        let edge = wraps(column) != column || wraps(row) != row;
        coverage.shows(tile)
            && coverage.shows(row * TILES + wraps(column))
            && coverage.shows(wraps(row) * TILES + column)
            && !(reframed && edge)
    })
}

/// Tells whether the four corners of the photo are those of the received picture, in some order.
fn keeps_frame(map: &Homography) -> bool {
    let corner = |at: f64| at.abs() < 2e-3 || (at - 1.0).abs() < 2e-3;
    [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]
        .iter()
        .all(|&(u, v)| map.apply(u, v).is_some_and(|(x, y)| corner(x) && corner(y)))
}

/// The four tiles of a chroma cell.
fn tiles_of(cell: usize) -> impl Iterator<Item = usize> {
    let first = cell / CELLS * 2 * TILES + cell % CELLS * 2;
    [first, first + 1, first + TILES, first + TILES + 1].into_iter()
}

/// The tiles in which red, green or blue reach their limits somewhere, and their neighbours.
///
/// Colours are known as means over cells only, so that what looks close to a limit counts as well.
fn clipped(luma: &Plane, chroma: Option<&ChromaCells>) -> Vec<bool> {
    let mut at_limit = vec![false; TILE_COUNT];
    for cell in 0..CELL_COUNT {
        let colour = chroma.and_then(|chroma| chroma.cell(cell));
        let [b, r] = colour.unwrap_or_default();
        let offsets = [1.402 * r, -0.344_136 * b - 0.714_136 * r, 1.772 * b];
        let highest = offsets.into_iter().fold(0.0, f32::max);
        let lowest = offsets.into_iter().fold(0.0, f32::min);
        let margin = if highest - lowest > 4.0 { 6.0 } else { 1.5 };
        for tile in tiles_of(cell) {
            let (x, y) = (tile % TILES * TILE, tile / TILES * TILE);
            at_limit[tile] = (y..y + TILE)
                .flat_map(|y| &luma.row(y)[x..x + TILE])
                .any(|&luma| luma + highest > 255.0 - margin || luma + lowest < margin);
        }
    }
    (0..TILE_COUNT)
        .map(|tile| scan::square(tile % TILES, tile / TILES, 1).any(|near| at_limit[near]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watermark::carrier::GRID;

    #[test]
    fn a_tile_at_an_edge_needs_the_one_that_its_window_wraps_to() {
        let all = comparable(&Homography::IDENTITY, &Coverage::full());
        assert!(all.is_full());
        // The right-hand half: its last column wraps to the first, which is not shown.
        let half = Coverage::from_fn(|tile| tile % TILES >= 16);
        let shown = comparable(&Homography::IDENTITY, &half);
        assert_eq!(shown.count(), 15 * TILES);
        assert!(!shown.shows(31) && shown.shows(30));
    }

    #[test]
    fn a_picture_in_another_frame_is_compared_without_its_edge() {
        let border = Homography([[0.8, 0.0, 0.1], [0.0, 0.8, 0.1], [0.0, 0.0, 1.0]]);
        assert_eq!(comparable(&border, &Coverage::full()).count(), 30 * 30);
        let turned = Homography([[0.0, -1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]);
        assert!(comparable(&turned, &Coverage::full()).is_full());
    }

    #[test]
    fn a_colour_may_clip_where_luma_does_not() {
        let mut luma = Plane::new(GRID, GRID);
        luma.data_mut().fill(180.0);
        luma.row_mut(100)[100] = 255.0;
        let clipped_tiles = |chroma| {
            clipped(&luma, chroma)
                .iter()
                .filter(|&&clipped| clipped)
                .count()
        };
        assert_eq!(clipped_tiles(None), 9);
        let red = ChromaCells::from_fn(|cell| Some([0.0, if cell == 0 { 60.0 } else { 0.0 }]));
        assert_eq!(clipped_tiles(Some(&red)), 9 + 9);
    }

    /// What is found where 16 tiles of a picture lost their content, its gain and their luma.
    fn emptied(gain: f32, level: f32) -> Finding {
        let place = |tile: usize| tile % TILES / 4 == 3 && tile / TILES / 4 == 2;
        let host = Sums::from_fn(Tiling::Fine, |at| {
            ((at * 7919 % 1009) as f32 - 504.0) / 20.0
        });
        let sums = Sums::from_fn(Tiling::Fine, |at| {
            let noise = (at * 104_729 % 31) as f32 / 31.0 - 0.5;
            let kept = if place(at % TILE_COUNT) { 0.0 } else { gain };
            kept * host.values()[at] + noise
        });
        let mut luma = Plane::new(GRID, GRID);
        for y in 0..GRID {
            for (x, sample) in luma.row_mut(y).iter_mut().enumerate() {
                let tile = y / TILE * TILES + x / TILE;
                *sample = if place(tile) { level } else { 100.0 };
            }
        }
        let original = Original {
            host: &host,
            mark: &vec![0.0; TILE_COUNT],
            chroma: None,
        };
        let received = Received {
            luma: &luma,
            sums: &sums,
            map: &Homography::IDENTITY,
            coverage: &Coverage::full(),
            chroma: None,
        };
        examine(&original, &received).finding
    }

    #[test]
    fn white_places_say_nothing_in_a_lighter_picture_and_all_in_an_equal_one() {
        assert_eq!(emptied(1.0, 255.0), Finding::Altered);
        assert_eq!(emptied(1.2, 200.0), Finding::Altered);
        assert_eq!(emptied(1.2, 255.0), Finding::Unaltered);
    }
}
