//! Colour that the processing turned into luma: a filter of one colour, a shifted hue, a conversion
//! to grey by other weights.
//!
//! ```text
//! Y'     k + a Y + b Cb + c Cr + (x, y, x Y, y Y) . l       x, y: the place
//! fit    least squares over the cells, weights u (1 + (e / 3 s)^2)^-2, 3 rounds
//! C      B^2 V(Cb) + R^2 V(Cr)                  B = max(|b/a| - 0.1, 0), R of c;  V: variance over a cell and its neighbours
//! share  C / (C + sigma^2 + 1)                   sigma: the photo's contrast in the cell
//! ```
//!
//! Texture that was of colour is then of light, and the record does not know it. It does know how
//! colours differ from cell to cell: where they do, as much is assumed to lie within a cell.

use super::{
    cells::{Cells, Colours, Surroundings, variance_around},
    least_squares::NormalEquations,
    tone::robust_scale,
};
use crate::watermark::features::chroma::{CELL_COUNT, CELLS};

/// Share of a colour that coloured light alone adds to luma.
const USUAL: f64 = 0.1;
/// Least gain of luma.
const LEAST_GAIN: f64 = 0.1;
/// Iterations of reweighting.
const ROUNDS: usize = 3;

/// Returns the share of each cell's visible luma that was colour before, 0..=1. `cells` are those
/// that are compared.
pub(super) fn mixed(
    cells: &[usize],
    before: &Colours<'_>,
    after: &Colours<'_>,
    around: &Surroundings,
) -> Vec<f32> {
    let Some(chroma) = before.chroma else {
        return vec![0.0; CELL_COUNT];
    };
    let colour: [Cells; 2] = std::array::from_fn(|at| {
        std::array::from_fn(|cell| chroma.cell(cell).map_or(0.0, |cell| f64::from(cell[at])))
    });
    let rows: Vec<[f64; 8]> = (cells.iter())
        .map(|&cell| {
            let y = f64::from(before.luma[cell]);
            let place = |at: usize| at as f64 / CELLS as f64 - 0.5;
            let (across, down) = (place(cell % CELLS), place(cell / CELLS));
            let [b, r] = [colour[0][cell], colour[1][cell]];
            [1.0, y, b, r, across, down, across * y, down * y]
        })
        .collect();
    let trust: Vec<f64> = cells.iter().map(|&cell| around.trust[cell]).collect();
    let mut weights = trust.clone();
    let mut factors = [0.0; 8];
    for _ in 0..ROUNDS {
        let mut normal = NormalEquations::<8>::new();
        for ((row, &cell), weight) in rows.iter().zip(cells).zip(&weights) {
            normal.add(row, f64::from(after.luma[cell]), *weight);
        }
        factors = normal.solve();
        let errors: Vec<f64> = (rows.iter().zip(cells))
            .map(|(row, &cell)| {
                let predicted: f64 = row.iter().zip(factors).map(|(a, b)| a * b).sum();
                f64::from(after.luma[cell]) - predicted
            })
            .collect();
        let limit = 3.0 * robust_scale(&errors, &trust);
        for ((weight, trust), error) in weights.iter_mut().zip(&trust).zip(errors) {
            *weight = trust * (1.0 + (error / limit).powi(2)).powi(-2);
        }
    }
    let [_, gain, b, r, ..] = factors;
    let shares = [b, r].map(|factor| ((factor / gain.max(LEAST_GAIN)).abs() - USUAL).max(0.0));
    (0..CELL_COUNT)
        .map(|cell| {
            let mixed: f64 = (shares.iter().zip(&colour))
                .map(|(share, colour)| share * share * variance_around(colour, cell))
                .sum();
            (mixed / (mixed + around.contrast[cell].powi(2) + 1.0)) as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watermark::features::chroma::{CELLS, ChromaCells};

    /// Shares after a change of the levels of a photo that is red on the left, grey on the right,
    /// and busy everywhere.
    fn shares(change: impl Fn(f32, f32) -> f32) -> Vec<f32> {
        let luma = |cell: usize| 60.0 + (cell * 97 % 131) as f32;
        let red = |cell: usize| {
            let left = cell % CELLS < CELLS / 2;
            if left {
                (cell * 31 % 61) as f32 - 30.0
            } else {
                0.0
            }
        };
        let before: Vec<f32> = (0..CELL_COUNT).map(luma).collect();
        let after: Vec<f32> = (0..CELL_COUNT)
            .map(|cell| change(luma(cell), red(cell)))
            .collect();
        let chroma = ChromaCells::from_fn(|cell| Some([0.0, red(cell)]));
        let all: Vec<usize> = (0..CELL_COUNT).collect();
        let around = Surroundings {
            seen: all.clone(),
            trust: [1.0; CELL_COUNT],
            contrast: [10.0; CELL_COUNT],
        };
        let of = |luma| Colours {
            luma,
            chroma: Some(&chroma),
        };
        mixed(&all, &of(&before), &of(&after), &around)
    }

    #[test]
    fn a_red_filter_mixes_colour_into_light_where_there_is_colour() {
        let filtered = shares(|y, r| 0.4 * (y + 1.4 * r));
        for (cell, share) in filtered.into_iter().enumerate() {
            match cell % CELLS {
                0..6 => assert!(share > 0.5, "{cell}: {share}"),
                10.. => assert!(share < 0.05, "{cell}: {share}"),
                _ => {}
            }
        }
        assert!(
            shares(|y, _| 0.8 * y + 20.0)
                .iter()
                .all(|share| *share == 0.0)
        );
    }
}
