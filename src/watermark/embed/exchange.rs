//! Marking a picture whose palette is full: some pixels take a similar colour of the palette.
//!
//! ```text
//! up, down   for each colour the brighter and the darker one that cost least: squared distance a level of luma d
//! v          = R + errors from above and from before;   a pixel moves if v is more than half of d
//! error      = v - d, or v if it stays:   7/16 ahead;  3/16 behind, 5/16 and 1/16 ahead in the next row, serpentine
//! ```
//!
//! Only the mark is diffused, so most pixels stay as they are. A pixel keeps its alpha, and hidden
//! pixels stay unchanged.

use super::dither::Enlarger;
use crate::imaging::Plane;

/// Weights of red, green and blue in luma.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];
/// Least difference of luma, in grey levels, between a colour and its neighbour.
const LEAST_STEP: f32 = 0.5;
/// Largest error that is carried, in grey levels: what a place without neighbours cannot take is
/// lost rather than piled up.
const LARGEST_ERROR: f32 = 16.0;

/// Largest distance of a neighbour, in grey levels (RMS of the colours): farther ones would show as
/// specks.
const FARTHEST: f32 = 12.0;

/// A colour to move to: its index, and the change of luma in grey levels.
type Move = Option<(u8, f32)>;

/// The moves open to each colour of a palette.
#[derive(Debug)]
pub(in crate::watermark) struct Exchange {
    /// The brighter and the darker neighbour of each colour.
    moves: Vec<[Move; 2]>,
}

impl Exchange {
    /// Finds the neighbours of each colour of a palette, given as red, green, blue, alpha.
    pub(in crate::watermark) fn new(colours: &[[u8; 4]]) -> Self {
        let moves = (0..colours.len())
            .map(|index| [1.0, -1.0].map(|sign| neighbour(colours, index, sign)))
            .collect();
        Self { moves }
    }

    /// Counts the pixels that can move; one that can move one way only counts half.
    pub(in crate::watermark) fn reach(&self, counts: &[usize]) -> f64 {
        let ways = self
            .moves
            .iter()
            .map(|moves| moves.iter().flatten().count());
        ways.zip(counts)
            .map(|(ways, &count)| (ways * count) as f64 / 2.0)
            .sum()
    }

    /// Adds a residual (256 x 256, stored orientation, in grey levels) to a picture of this width.
    pub(in crate::watermark) fn add_residual(
        &self,
        indices: &mut [u8],
        width: usize,
        residual: &Plane,
    ) {
        let height = indices.len() / width;
        let mut enlarger = Enlarger::new(residual, width, height);
        let mut wanted = vec![0.0; width];
        // Errors for the current row and the one below, with a margin of a pixel at both ends.
        let (mut here, mut below) = (vec![0.0_f32; width + 2], vec![0.0_f32; width + 2]);
        for (y, row) in indices.chunks_exact_mut(width).enumerate() {
            enlarger.read_row(y, &mut wanted);
            let backwards = y % 2 == 1;
            let mut ahead = 0.0;
            for turn in 0..width {
                let x = if backwards { width - 1 - turn } else { turn };
                let value = wanted[x] + here[x + 1] + ahead;
                let [up, down] = self.moves[usize::from(row[x])];
                let chosen = if value > 0.0 { up } else { down };
                let mut error = value;
                if let Some((index, step)) = chosen
                    && value.abs() > step.abs() / 2.0
                {
                    row[x] = index;
                    error -= step;
                }
                error = error.clamp(-LARGEST_ERROR, LARGEST_ERROR);
                let (before, after) = if backwards { (x + 2, x) } else { (x, x + 2) };
                ahead = error * (7.0 / 16.0);
                below[before] += error * (3.0 / 16.0);
                below[x + 1] += error * (5.0 / 16.0);
                below[after] += error * (1.0 / 16.0);
            }
            std::mem::swap(&mut here, &mut below);
            below.fill(0.0);
        }
    }
}

/// Finds the colour that changes luma in a direction at the least squared distance per level of
/// luma.
fn neighbour(colours: &[[u8; 4]], index: usize, sign: f32) -> Move {
    let [.., alpha] = colours[index];
    if alpha == 0 {
        return None;
    }
    let moves = colours
        .iter()
        .zip(0..=u8::MAX)
        .filter_map(|(other, place)| {
            let change: [f32; 3] =
                std::array::from_fn(|i| f32::from(other[i]) - f32::from(colours[index][i]));
            let step: f32 = change
                .iter()
                .zip(LUMA)
                .map(|(change, weight)| change * weight)
                .sum();
            let squares: f32 = change.iter().map(|change| change * change).sum();
            let near = squares <= 3.0 * FARTHEST * FARTHEST;
            let fits = near && other[3] == alpha && step * sign >= LEAST_STEP;
            fits.then_some((squares / step.abs(), place, step))
        });
    moves
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, place, step)| (place, step))
}
