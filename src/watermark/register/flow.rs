//! Displacement of the content, region by region: from a rough position to a fair one.
//!
//! ```text
//! regions      7 x 7, each 8 x 8 tiles, half of it shared with the next
//! shift        argmax of the score (correlation.rs) over -12..=12 samples in both axes, refined by a parabola
//! weight       score - 3.5, none below: what unrelated content reaches
//! parameters   least squares over the regions, reweighted by 1 / (1 + (residual / s)^2), s from 16 samples down to 2
//! ```
//!
//! Gauss-Newton follows slopes and must begin within a sample or two. The flow reaches further: it
//! finds small rotations, scales and views from no better guess than that the picture is the whole
//! photo, and so it does lenses and bent paper, which are no map of the plane at all.

use super::correlation::{HostLanes, Places, STEP, TileRanges};
use crate::{
    imaging::Plane,
    watermark::{
        geometry::warp_update::{Equations, Freedom},
        layout::TILES,
    },
};

/// Regions along an axis.
const REGIONS: usize = 7;
/// Tiles on a side of a region.
const REGION: usize = 8;
/// Largest shift, in steps of the correlation.
const REACH: isize = 6;
/// Number of shifts along an axis.
const SHIFTS: usize = 2 * REACH as usize + 1;
/// Score that unrelated content reaches.
const NOISE: f64 = 3.5;
/// Residual, in samples, from which a region counts half, in each round of reweighting. Lenient
/// first, so that the regions that moved most count, then strict.
const OUTLIERS: [f64; 6] = [16.0, 8.0, 4.0, 2.0, 2.0, 2.0];
/// Fewest regions whose shift must have been found.
const MIN_REGIONS: usize = 5;

/// The shift of one region.
#[derive(Debug, Clone, Copy)]
struct Shift {
    /// Centre of the region, in fractions of the sides.
    at: (f64, f64),
    /// Displacement from where the content should be to where it is, in samples.
    by: (f64, f64),
    weight: f64,
}

/// Finds the parameters that move a sampled grid onto the content of the record; `None` if too
/// little was recognised.
pub(in crate::watermark) fn flow(
    grid: &Plane,
    host: &HostLanes,
    freedom: Freedom,
) -> Option<Vec<f64>> {
    let places = Places::new(grid);
    let shifts: Vec<Shift> = (0..REGIONS * REGIONS)
        .filter_map(|region| shift(&places, host, region % REGIONS, region / REGIONS))
        .collect();
    if shifts.len() < MIN_REGIONS {
        return None;
    }
    let mut parameters = vec![0.0; freedom.count()];
    let first = if freedom == Freedom::Shifts { 3 } else { 0 };
    for &outlier in &OUTLIERS[first..] {
        let mut equations = Equations::new(freedom);
        for shift in &shifts {
            let fields = freedom.fields(shift.at);
            let moved = fields.iter().fold((0.0, 0.0), |(x, y), &(index, dx, dy)| {
                (x + parameters[index] * dx, y + parameters[index] * dy)
            });
            let residual = (shift.by.0 - moved.0).hypot(shift.by.1 - moved.1) / outlier;
            let weight = shift.weight / (1.0 + residual * residual);
            equations.add(-shift.by.0, (1.0, 0.0), &fields, weight);
            equations.add(-shift.by.1, (0.0, 1.0), &fields, weight);
        }
        parameters = equations.solve(0.0)?;
    }
    Some(parameters)
}

/// Returns the shift of a region; `None` if its content is not seen.
fn shift(places: &Places, host: &HostLanes, column: usize, row: usize) -> Option<Shift> {
    let half = REGION / 2;
    let tiles = |index: usize| index * half..index * half + REGION;
    let region = TileRanges {
        columns: tiles(column),
        rows: tiles(row),
    };
    // Content that has moved by (x, y) is in its place when the picture begins that much before the
    // grid, so the first place belongs to the largest x.
    let start = |x: isize, y: isize| (-(STEP as isize) * x, -(STEP as isize) * y);
    let least = REGION * REGION / 2;
    let score = |x: isize, y: isize| {
        let mut score = [0.0];
        places.scores(host, &region, start(x, y), least, &mut score);
        score[0]
    };
    let mut best = (0.0, 0, 0);
    let mut line = [0.0; SHIFTS];
    for y in -REACH..=REACH {
        places.scores(host, &region, start(REACH, y), least, &mut line);
        for (x, &score) in (-REACH..=REACH).zip(line.iter().rev()) {
            if score > best.0 {
                best = (score, x, y);
            }
        }
    }
    let (top, x, y) = best;
    if top <= NOISE {
        return None;
    }
    let vertex = |before: f64, after: f64| {
        let curvature = before - 2.0 * top + after;
        if curvature < 0.0 {
            (0.5 * (before - after) / curvature).clamp(-0.5, 0.5)
        } else {
            0.0
        }
    };
    let fine_x = x as f64 + vertex(score(x - 1, y), score(x + 1, y));
    let fine_y = y as f64 + vertex(score(x, y - 1), score(x, y + 1));
    let centre = |index: usize| (index * half + half) as f64 / TILES as f64;
    Some(Shift {
        at: (centre(column), centre(row)),
        by: (STEP as f64 * fine_x, STEP as f64 * fine_y),
        weight: top - NOISE,
    })
}
