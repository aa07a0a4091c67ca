//! Comparison of levels: cells whose level or colour differs from the photo's as its tone was
//! changed.
//!
//! ```text
//! x0, x1   R, G, B of a cell before and now, within 0..=255; luma alone where the received picture is grey
//! T        what tone and light made of the level of each channel, and s, what they leave: e = x1 - seen   tone.rs
//! sigma    sqrt(mean over the cell of sum_b h^2 / 64): the photo's contrast there;  spread = 2.5 sigma + 6
//! excess   what T(x0 +- spread), not clipped, goes beyond 0 or 255
//! v        s^2 + 1 + k^2 var_3x3(x0) T'^2 + (0.12 sigma T')^2 + (0.15 excess)^2 + (0.05 (T - x0))^2
//!          k = 0.1
//! L        3 ln(1 + Z / 4) - 4, at least -2;   Z = max(e_Y^2 / v_Y, 0.8 max_c e_c^2 / v_c)
//! clips    T(x0 + spread) > 250 and raised by more than 2, or T(x0 - spread) < 5 and lowered by more than 2
//! ```
//!
//! This is the only part of the comparison that sees flat places: the sums begin at 12 cycles a
//! picture.

use super::{
    cells::{Cells, Colours, Surroundings, variance_around},
    comparable::cell_of,
    mixing, scan,
    tone::{ChannelContent, Tone, robust_scale},
};
use crate::watermark::{
    features::chroma::{CELL_COUNT, CELLS},
    layout::TILES,
};

/// Sides of boxes of cells and their thresholds.
const CELL_BOXES: [(usize, f32); 3] = [(1, 6.0), (2, 9.0), (3, 10.0)];
/// Fewest cells that a curve is fitted to.
const LEAST_CELLS: usize = 24;
/// Share of the contrast around a cell that counts as noise.
const MISPLACED: f64 = 0.1;
/// Bounds of the gain of a cell relative to the others.
const RELATIVE_GAIN: (f64, f64) = (0.25, 4.0);
/// Least distance, in levels on both sides of a cell's own, over which the tone's slope is taken.
const LEAST_SPREAD: f64 = 12.0;
/// Weights of red, green and blue in luma.
const LUMA: [f64; 3] = [0.299, 0.587, 0.114];

/// Result of comparing levels and colours.
#[derive(Debug)]
pub(super) struct Relit {
    /// Evidence L of each cell; 0 where it is not seen.
    evidence: Vec<f32>,
    /// Whether the tone drives something in the cell to a limit.
    clips: Vec<bool>,
    /// Share of each cell's visible luma that was colour before, 0..=1.
    mixed: Vec<f32>,
    /// Robust scale of the luma that the tone does not explain, in received levels.
    pub(super) unexplained: f64,
    /// Factor of the tone on the contrast in each cell, relative to the others: 1 in the middle,
    /// near 0 where it clips.
    pub(super) gain: Vec<f32>,
}

/// Compares the colours of the cells that are seen; `None` if they are too few.
pub(super) fn compare(
    before: &Colours<'_>,
    after: &Colours<'_>,
    around: &Surroundings,
) -> Option<Relit> {
    let grey = after.chroma.is_none();
    let in_picture = |&cell: &usize| {
        after
            .chroma
            .is_none_or(|chroma| chroma.cell(cell).is_some())
    };
    let cells: Vec<usize> = around.seen.iter().copied().filter(in_picture).collect();
    if cells.len() < LEAST_CELLS {
        return None;
    }
    let (old, new) = (before.channels(grey), after.channels(grey));
    let channels: Vec<Channel> = (0..old.len())
        .map(|at| {
            let others = match &old[..] {
                [r, g, b] => Some([[g, b], [r, b], [r, g]][at]),
                _ => None,
            };
            let before = ChannelContent {
                level: &old[at],
                others,
                contrast: &around.contrast,
            };
            Channel::compare(&cells, before, &new[at], around)
        })
        .collect();
    let weights: Vec<f64> = cells.iter().map(|&cell| around.trust[cell]).collect();
    let shares: &[f64] = if grey { &[1.0] } else { &LUMA };
    let luma: Vec<f64> = (cells.iter())
        .map(|&cell| {
            let parts = shares.iter().zip(&channels);
            parts
                .map(|(share, channel)| share * channel.error[cell])
                .sum()
        })
        .collect();
    let unexplained = robust_scale(&luma, &weights);
    let mut evidence = vec![0.0; CELL_COUNT];
    for (&cell, luma) in cells.iter().zip(&luma) {
        let mut variance = unexplained * unexplained + 1.0;
        let mut colour = 0.0_f64;
        for (share, channel) in shares.iter().zip(&channels) {
            let own = channel.variance[cell];
            variance += share * (own - 1.0);
            colour = colour.max(channel.error[cell].powi(2) / own);
        }
        let z = (luma * luma / variance).max(0.8 * colour);
        evidence[cell] = (3.0 * (z / 4.0).ln_1p() - 4.0).max(-2.0) as f32;
    }
    let sum = |value: &dyn Fn(&Channel) -> f64| -> f64 {
        (shares.iter().zip(&channels))
            .map(|(share, channel)| share * value(channel))
            .sum()
    };
    let slopes: Vec<f64> = (0..CELL_COUNT)
        .map(|cell| sum(&|channel| channel.slope[cell]))
        .collect();
    let mut usual: Vec<f64> = cells.iter().map(|&cell| slopes[cell]).collect();
    let middle = usual.len() / 2;
    let usual = usual
        .select_nth_unstable_by(middle, f64::total_cmp)
        .1
        .max(0.05);
    Some(Relit {
        gain: slopes
            .iter()
            .map(|slope| (slope / usual).clamp(RELATIVE_GAIN.0, RELATIVE_GAIN.1) as f32)
            .collect(),
        evidence,
        clips: (0..CELL_COUNT)
            .map(|cell| channels.iter().any(|channel| channel.clips[cell]))
            .collect(),
        unexplained,
        mixed: mixing::mixed(&cells, before, after, around),
    })
}

impl Relit {
    /// Returns the share of a tile's sums that was colour before, 0..=1.
    pub(super) fn mixed(&self, tile: usize) -> f32 {
        self.mixed[cell_of(tile)]
    }

    /// Returns whether the tone drives something in a tile or beside it to a limit.
    pub(super) fn may_clip(&self, tile: usize) -> bool {
        scan::square(tile % TILES, tile / TILES, 1).any(|near| self.clips[cell_of(near)])
    }

    /// Returns the alarm of each cell that the tone does not explain, and whether caution alone
    /// kept one quiet.
    pub(super) fn alarms(&self) -> (Vec<f32>, bool) {
        scan::boxes(&self.evidence, CELLS, &CELL_BOXES, 1.0)
    }
}

/// Comparison of one channel.
#[derive(Debug)]
struct Channel {
    /// Error e of each cell.
    error: Vec<f64>,
    /// Variance v of each cell.
    variance: Vec<f64>,
    clips: Vec<bool>,
    /// Factor of the tone on each cell's contrast.
    slope: Vec<f64>,
}

impl Channel {
    fn compare(
        cells: &[usize],
        photo: ChannelContent<'_>,
        after: &Cells,
        around: &Surroundings,
    ) -> Self {
        let before = photo.level;
        let (fitted, scale) = Tone::fit(cells, photo, after, &around.trust);
        let tone = |cell: usize, x: f64| fitted.at(cell, x);
        let predicted: Cells = std::array::from_fn(|cell| fitted.seen(cell));
        let mut clips = vec![false; CELL_COUNT];
        let variance = (0..CELL_COUNT)
            .map(|cell| {
                let sigma = around.contrast[cell];
                let spread = 2.5 * sigma + 6.0;
                let light = (before[cell] + spread).min(255.0);
                let dark = (before[cell] - spread).max(0.0);
                let (lightest, darkest) = (tone(cell, light), tone(cell, dark));
                clips[cell] = lightest > 250.0 && lightest - light > 2.0
                    || darkest < 5.0 && dark - darkest > 2.0;
                let slope = ((lightest - darkest) / (light - dark).max(4.0)).clamp(0.3, 3.0);
                let most = spread * slope;
                // A cell that lies beyond a limit as a whole is as certain as one within.
                let straddles = |beyond: f64, within: f64| beyond.min(within).clamp(0.0, most);
                let excess =
                    straddles(lightest - 255.0, 255.0 - darkest) + straddles(-darkest, lightest);
                scale * scale
                    + 1.0
                    + MISPLACED * MISPLACED * variance_around(before, cell) * slope * slope
                    + (0.12 * sigma * slope).powi(2)
                    + (0.15 * excess).powi(2)
                    + (0.05 * (predicted[cell] - before[cell])).powi(2)
            })
            .collect();
        Self {
            error: (after.iter().zip(&predicted))
                .map(|(after, predicted)| after - predicted)
                .collect(),
            variance,
            clips,
            slope: (0..CELL_COUNT)
                .map(|cell| fitted.slope(before[cell], around.contrast[cell].max(LEAST_SPREAD)))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watermark::features::chroma::ChromaCells;

    /// Evidence of the cells after `change` of the level and colour of each, with the tone of the
    /// rest.
    fn alarmed(change: impl Fn(usize, [f32; 3]) -> [f32; 3]) -> Vec<usize> {
        let level = |cell: usize| 50.0 + (cell * 97 % 151) as f32;
        let colour = |cell: usize| {
            [
                (cell * 31 % 41) as f32 - 20.0,
                (cell * 17 % 37) as f32 - 18.0,
            ]
        };
        let luma: Vec<f32> = (0..CELL_COUNT).map(level).collect();
        let chroma = ChromaCells::from_fn(|cell| Some(colour(cell)));
        let after: Vec<[f32; 3]> = (0..CELL_COUNT)
            .map(|cell| change(cell, [level(cell), colour(cell)[0], colour(cell)[1]]))
            .collect();
        let after_luma: Vec<f32> = after.iter().map(|cell| cell[0]).collect();
        let after_chroma = ChromaCells::from_fn(|cell| Some([after[cell][1], after[cell][2]]));
        let around = Surroundings {
            seen: (0..CELL_COUNT).collect(),
            trust: [1.0; CELL_COUNT],
            contrast: [4.0; CELL_COUNT],
        };
        let of = |luma, chroma| Colours {
            luma,
            chroma: Some(chroma),
        };
        let found = compare(
            &of(&luma, &chroma),
            &of(&after_luma, &after_chroma),
            &around,
        );
        let (ratio, _) = found.unwrap().alarms();
        (0..CELL_COUNT).filter(|&cell| ratio[cell] >= 1.0).collect()
    }

    type Change = fn([f32; 3]) -> [f32; 3];

    #[test]
    fn paint_is_found_under_any_tone_and_the_tone_itself_is_not() {
        let place = [3 * CELLS + 2, 3 * CELLS + 3, 4 * CELLS + 2, 4 * CELLS + 3];
        let tones: [(&str, Change); 4] = [
            ("none", |cell| cell),
            ("lighter", |[y, b, r]| [1.15 * y, 1.15 * b, 1.15 * r]),
            ("contrast", |[y, b, r]| {
                [1.12 * (y - 128.0) + 128.0, 1.12 * b, 1.12 * r]
            }),
            ("warm", |[y, b, r]| [y + 4.0, b - 9.0, r + 7.0]),
        ];
        let paints: [(&str, [f32; 3]); 4] = [
            ("white", [255.0, 0.0, 0.0]),
            ("black", [0.0, 0.0, 0.0]),
            ("red", [76.0, -43.0, 127.0]),
            ("blue", [29.0, 127.0, -20.0]),
        ];
        let mut tried = 0;
        for (tone, toned) in tones {
            assert!(alarmed(|_, cell| toned(cell)).is_empty(), "{tone}");
            for (paint, colour) in paints {
                let found = alarmed(|cell, before| {
                    if place.contains(&cell) {
                        colour
                    } else {
                        toned(before)
                    }
                });
                assert_eq!(found, place, "{tone} {paint}");
                tried += 1;
            }
        }
        assert_eq!(tried, 16);
    }

    #[test]
    fn too_few_cells_say_nothing() {
        let luma = vec![100.0; CELL_COUNT];
        let grey = Colours {
            luma: &luma,
            chroma: None,
        };
        let around = |seen: usize| Surroundings {
            seen: (0..seen).collect(),
            trust: [1.0; CELL_COUNT],
            contrast: [4.0; CELL_COUNT],
        };
        assert!(compare(&grey, &grey, &around(LEAST_CELLS - 1)).is_none());
        let found = compare(&grey, &grey, &around(LEAST_CELLS)).unwrap();
        assert!((found.unexplained - 0.4).abs() < 1e-6);
    }
}
