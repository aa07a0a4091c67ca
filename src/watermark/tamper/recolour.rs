//! Colours that changed in places, differently from the whole picture's.
//!
//! ```text
//! (b', r') = A (b, r) + c (Y' - 128) / 16 + t       for all cells; Y' is the received luma
//! v   = s^2 + 0.6^2 + k^2 * variance of (b, r) over 3 x 3 cells            s = median |e| / 1.1774
//! k   = 0.1, or 0.25 where the picture had to be laid in the photo's place by its content
//! L   = 3 ln(1 + e^2 / 4 v) - 4,  at least -2                              summed over boxes of 1, 2 and 3 cells
//! ```
//!
//! The fit is least squares, six rounds with the weights `1 / (1 + (e / 2.5 s)^2)`, drawn towards
//! identity. A white balance, a hue, a saturation, a sepia or a conversion to grey is one such
//! transform for all cells and no alarm. It also clips colours, which no transform describes:
//! thresholds are raised with its size, and beyond [`TOO_MUCH`] nothing is concluded. Only records
//! without levels are compared so; with them [`super::levels`] sees colours as well. 1.1774 is the
//! median of a Rayleigh variable of unit scale.

use super::{least_squares::NormalEquations, scan};
use crate::watermark::features::{
    chroma::{CELL_COUNT, CELLS, ChromaCells},
    levels::Levels,
};

/// Sides of boxes of cells and their thresholds.
const CELL_BOXES: [(usize, f32); 3] = [(1, 6.0), (2, 9.0), (3, 10.0)];
/// Effect on a cell of a position that is slightly off.
struct Misplacement {
    /// Share of the variance around a cell that counts as noise: the square of the misplacement, in
    /// cells.
    contrast: f64,
    /// Factor on all thresholds.
    caution: f32,
}

/// Values for a picture in the photo's own frame.
const IN_PLACE: Misplacement = Misplacement {
    contrast: 0.01,
    caution: 1.0,
};
/// Values for a picture that was laid in its place by its content.
const REFRAMED: Misplacement = Misplacement {
    contrast: 0.0625,
    caution: 1.5,
};
/// Change of tone, as a logarithm, and of colours, in levels, from which thresholds are raised.
const MUCH: (f32, f32) = (0.05, 1.5);
/// Factor by which thresholds are raised.
const CAUTION: f32 = 2.2;
/// Change of colours, in levels, from which cells say nothing.
const TOO_MUCH: f32 = 12.0;
/// Strength with which the transform is drawn towards identity, in squares of levels.
const RIDGE: f64 = 8.0;
/// Fewest cells that a transform is fitted to.
const LEAST_CELLS: usize = 24;
/// Unknowns for each channel: the factors of b, r, luma and 1.
const UNKNOWNS: usize = 4;

/// One cell before and after.
#[derive(Debug)]
struct CellPair {
    cell: usize,
    /// b, r, luma and 1 of the photo.
    before: [f64; UNKNOWNS],
    /// b' and r' of the received picture.
    after: [f64; 2],
}

/// The colours of a received picture, explained by the protected photo's.
#[derive(Debug)]
pub(super) struct Recolouring {
    pairs: Vec<CellPair>,
    transform: ColourTransform,
    /// Scale s of the errors, in levels.
    scale: f64,
    /// Variance of the colours around each pair.
    contrast: Vec<f64>,
}

impl Recolouring {
    /// Fits the transform; `None` if too few cells are seen. `luma` is the received one, in the
    /// photo's place.
    pub(super) fn new(before: &ChromaCells, after: &ChromaCells, luma: &Levels) -> Option<Self> {
        let pairs: Vec<CellPair> = (0..CELL_COUNT)
            .filter_map(|cell| {
                let ([b, r], after) = (before.cell(cell)?.map(f64::from), after.cell(cell)?);
                Some(CellPair {
                    cell,
                    before: [b, r, (f64::from(luma.cells()[cell]) - 128.0) / 16.0, 1.0],
                    after: after.map(f64::from),
                })
            })
            .collect();
        if pairs.len() < LEAST_CELLS {
            return None;
        }
        let (transform, scale) = fit(&pairs);
        let contrast = pairs
            .iter()
            .map(|pair| contrast(before, pair.cell))
            .collect();
        Some(Self {
            pairs,
            transform,
            scale,
            contrast,
        })
    }

    /// Returns the distance that the transform moves the photo's colours: root mean square over the
    /// cells, in levels.
    pub(super) fn change(&self) -> f32 {
        let moved = |pair: &CellPair| {
            let [b, r] = self.transform.of(pair);
            (b - pair.before[0]).powi(2) + (r - pair.before[1]).powi(2)
        };
        let sum: f64 = self.pairs.iter().map(moved).sum();
        (sum / self.pairs.len() as f64).sqrt() as f32
    }

    /// Finds the cells that the transform does not explain: the alarm of each, and whether caution
    /// alone kept one quiet.
    ///
    /// `tone` is the picture's change of tone as a logarithm; `reframed` says that the picture had
    /// to be laid in the photo's place by its content; cells for which `unfit` holds count for
    /// nothing.
    pub(super) fn alarms(
        &self,
        tone: f32,
        reframed: bool,
        unfit: impl Fn(usize) -> bool,
    ) -> (Vec<f32>, bool) {
        let misplaced = if reframed { REFRAMED } else { IN_PLACE };
        let change = self.change();
        let mut evidence = vec![0.0; CELL_COUNT];
        if change <= TOO_MUCH {
            for (pair, contrast) in self.pairs.iter().zip(&self.contrast) {
                let variance = self.scale * self.scale + 0.36 + misplaced.contrast * contrast;
                let square = self.transform.error(pair).powi(2);
                let found = 3.0 * (square / (4.0 * variance)).ln_1p() - 4.0;
                if found < 0.0 || !unfit(pair.cell) {
                    evidence[pair.cell] = found.max(-2.0) as f32;
                }
            }
        }
        let much = tone.abs() > MUCH.0 || change > MUCH.1;
        let caution = misplaced.caution * if much { CAUTION } else { 1.0 };
        scan::boxes(&evidence, CELLS, &CELL_BOXES, caution)
    }
}

/// An affine transform of colours: for b' and r' the factors of b, r, luma and 1.
#[derive(Debug)]
struct ColourTransform([[f64; UNKNOWNS]; 2]);

impl ColourTransform {
    /// Returns the colour that a cell should have.
    fn of(&self, pair: &CellPair) -> [f64; 2] {
        self.0.map(|row| {
            row.iter()
                .zip(&pair.before)
                .map(|(factor, value)| factor * value)
                .sum()
        })
    }

    /// Returns the distance of a cell's colour from that, in levels.
    fn error(&self, pair: &CellPair) -> f64 {
        let [b, r] = self.of(pair);
        (pair.after[0] - b).hypot(pair.after[1] - r)
    }
}

/// Fits the transform of most cells; also returns s. Begins with the cells that identity explains
/// best.
fn fit(pairs: &[CellPair]) -> (ColourTransform, f64) {
    let mut transform = ColourTransform([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]);
    let mut rounds = 0;
    loop {
        let errors: Vec<f64> = pairs.iter().map(|pair| transform.error(pair)).collect();
        let scale = median(&errors) / 1.1774;
        if rounds == 6 {
            return (transform, scale);
        }
        rounds += 1;
        let limit = 2.5 * (scale + 0.3);
        let weights: Vec<f64> = errors
            .iter()
            .map(|error| 1.0 / (1.0 + (error / limit).powi(2)))
            .collect();
        transform = least_squares(pairs, &weights);
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    let middle = sorted.len() / 2;
    *sorted.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// Solves the weighted least squares problem with a ridge towards identity.
fn least_squares(pairs: &[CellPair], weights: &[f64]) -> ColourTransform {
    let channel = |channel: usize| {
        let mut normal = NormalEquations::new();
        for at in 0..UNKNOWNS {
            let weight = if at < 3 { RIDGE } else { 0.01 * RIDGE };
            normal.draw(at, if at == channel { 1.0 } else { 0.0 }, weight);
        }
        for (pair, &weight) in pairs.iter().zip(weights) {
            normal.add(&pair.before, pair.after[channel], weight);
        }
        normal.solve()
    };
    ColourTransform([channel(0), channel(1)])
}

/// Returns the variance of the colours of a cell and its neighbours, both channels together.
fn contrast(cells: &ChromaCells, cell: usize) -> f64 {
    let range = |at: usize| at.saturating_sub(1)..(at + 2).min(CELLS);
    let (columns, rows) = (range(cell % CELLS), range(cell / CELLS));
    let (mut count, mut sum, mut square) = (0.0, [0.0; 2], 0.0);
    let near = rows.flat_map(|row| columns.clone().map(move |column| row * CELLS + column));
    for colour in near.filter_map(|near| cells.cell(near)) {
        count += 1.0;
        for (sum, value) in sum.iter_mut().zip(colour.map(f64::from)) {
            *sum += value;
            square += value * value;
        }
    }
    let [b, r] = sum.map(|sum: f64| sum / count);
    (square / count - b * b - r * r).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{imaging::Plane, watermark::layout::GRID};

    /// Colours that vary smoothly.
    fn before() -> ChromaCells {
        ChromaCells::from_fn(|cell| {
            let (x, y) = ((cell % CELLS) as f32, (cell / CELLS) as f32);
            Some([x * 2.0 - 14.0, 12.0 - y - (x - 7.0).abs()])
        })
    }

    fn luma() -> Levels {
        let mut luma = Plane::new(GRID, GRID);
        for y in 0..GRID {
            for (x, sample) in luma.row_mut(y).iter_mut().enumerate() {
                *sample = 40.0 + (x / 2 + y / 4) as f32;
            }
        }
        Levels::of(&luma)
    }

    fn alarmed(after: impl Fn(usize, [f32; 2]) -> [f32; 2]) -> (Vec<usize>, f32) {
        let before = before();
        let after =
            ChromaCells::from_fn(|cell| before.cell(cell).map(|colour| after(cell, colour)));
        let found = Recolouring::new(&before, &after, &luma()).unwrap();
        let (ratio, _) = found.alarms(0.0, false, |_| false);
        let cells = (0..CELL_COUNT).filter(|&cell| ratio[cell] >= 1.0);
        (cells.collect(), found.change())
    }

    #[test]
    fn one_transform_for_all_is_no_alarm() {
        let grey_balance = |cell: usize| luma().cells()[cell] * 0.04;
        for (cells, change) in [
            alarmed(|_, colour| colour),
            alarmed(|_, [b, r]| [1.3 * b, 1.3 * r]),
            alarmed(|_, [b, r]| [b * 0.7 - r * 0.5 + 3.0, b * 0.5 + r * 0.7]),
            alarmed(|_, _| [0.0; 2]),
            alarmed(|cell, [b, r]| [b - grey_balance(cell), r + grey_balance(cell)]),
        ] {
            assert!(cells.is_empty() && change < 16.0, "{change} {cells:?}");
        }
    }

    #[test]
    fn cells_of_another_transform_are_pointed_out() {
        let place = [3 * CELLS + 2, 3 * CELLS + 3, 4 * CELLS + 2];
        let (cells, change) = alarmed(|cell, [b, r]| {
            if place.contains(&cell) {
                [-b, r + 9.0]
            } else {
                [b, r]
            }
        });
        assert_eq!(cells, place);
        assert!(change < 1.0, "{change}");
    }

    #[test]
    fn too_few_cells_say_nothing() {
        let few = ChromaCells::from_fn(|cell| (cell < LEAST_CELLS - 1).then_some([1.0, 2.0]));
        assert!(Recolouring::new(&few, &few, &luma()).is_none());
    }
}
