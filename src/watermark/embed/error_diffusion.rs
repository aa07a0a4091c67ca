//! Error diffusion of Floyd and Steinberg over a plane of blocks.
//!
//! ```text
//! v     = wanted + errors from above and from before
//! out   = v rounded to the nearest whole number
//! error = v - out, within -1..=1:   7/16 ahead;  3/16 behind, 5/16 and 1/16 ahead in the next row
//! ```
//!
//! R. Floyd and L. Steinberg, "An adaptive algorithm for spatial greyscale" (1976); serpentine,
//! that is, every other row runs backwards. Numbers are in steps of a block; where blocks have
//! steps of different size, the errors travel in the common unit that the sizes are multiples of.

/// Errors collected so far by a few planes of equal size.
///
/// The planes are independent; walking them side by side lets the processor work on all of them at
/// once.
#[derive(Debug)]
pub(in crate::watermark) struct Diffusion {
    planes: usize,
    /// Errors from the previous block, one per plane.
    ahead: Vec<f32>,
    /// Errors for the current row, block by block, with a margin of one block at both ends.
    here: Vec<f32>,
    /// Errors for the row below.
    below: Vec<f32>,
    backwards: bool,
}

impl Diffusion {
    /// Prepares `planes` planes with rows of `blocks` blocks.
    pub(in crate::watermark) fn new(blocks: usize, planes: usize) -> Self {
        Self {
            planes,
            ahead: vec![0.0; planes],
            here: vec![0.0; (blocks + 2) * planes],
            below: vec![0.0; (blocks + 2) * planes],
            backwards: false,
        }
    }

    /// Rounds the next row of all planes in place.
    ///
    /// Each block has one value per plane; `wanted` is in steps, and `sizes` gives each step in the
    /// common unit.
    #[inline(always)]
    pub(in crate::watermark) fn round(&mut self, wanted: &mut [f32], sizes: &[f32]) {
        let planes = self.planes;
        let blocks = wanted.len() / planes;
        let ahead = &mut self.ahead[..planes];
        ahead.fill(0.0);
        for turn in 0..blocks {
            let block = if self.backwards {
                blocks - 1 - turn
            } else {
                turn
            };
            let at = block * planes;
            let wanted = &mut wanted[at..at + planes];
            let sizes = &sizes[at..at + planes];
            let here = &self.here[at + planes..at + 2 * planes];
            let below = &mut self.below[at..at + 3 * planes];
            let (left, below) = below.split_at_mut(planes);
            let (middle, right) = below.split_at_mut(planes);
            let (before, after) = if self.backwards {
                (right, left)
            } else {
                (left, right)
            };
            for plane in 0..planes {
                let size = sizes[plane];
                let carried = here[plane] + ahead[plane];
                let value = wanted[plane] + carried * (1.0 / size);
                let whole = ((value.abs() + 0.5) as i32 as f32).copysign(value);
                let error = (value - whole).clamp(-1.0, 1.0) * size;
                wanted[plane] = whole;
                ahead[plane] = error * (7.0 / 16.0);
                before[plane] += error * (3.0 / 16.0);
                middle[plane] += error * (5.0 / 16.0);
                after[plane] += error * (1.0 / 16.0);
            }
        }
        std::mem::swap(&mut self.here, &mut self.below);
        self.below.fill(0.0);
        self.backwards = !self.backwards;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_kept_and_whole_numbers_stay() {
        let mut diffusion = Diffusion::new(40, 1);
        let mut sum = 0.0;
        for _ in 0..40 {
            let mut row = [0.2; 40];
            diffusion.round(&mut row, &[1.0; 40]);
            assert!(row.iter().all(|v| v.fract() == 0.0));
            sum += row.iter().sum::<f32>();
        }
        assert!((sum / 1600.0 - 0.2).abs() < 0.01, "{sum}");

        let mut row = [3.0, -2.0, 0.0];
        Diffusion::new(3, 1).round(&mut row, &[1.0; 3]);
        assert_eq!(row.map(|v| v as i32), [3, -2, 0]);
    }

    #[test]
    fn every_other_row_runs_backwards() {
        let mut diffusion = Diffusion::new(3, 1);
        let mut row = [0.4, 0.4, 0.0];
        diffusion.round(&mut row, &[1.0; 3]);
        // 0.4 stays below a half; 7/16 of it lifts its neighbour above.
        assert_eq!(row.map(|v| v as i32), [0, 1, 0]);
        let mut row = [0.0, 0.4, 0.4];
        Diffusion {
            backwards: true,
            ..Diffusion::new(3, 1)
        }
        .round(&mut row, &[1.0; 3]);
        assert_eq!(row.map(|v| v as i32), [0, 1, 0]);
    }

    #[test]
    fn errors_travel_in_the_common_unit() {
        let mut diffusion = Diffusion::new(2, 1);
        let mut row = [0.4, 0.4];
        diffusion.round(&mut row, &[1.0, 8.0]);
        // 7/16 of 0.4 of a unit is little of a step of 8 units.
        assert_eq!(row.map(|v| v as i32), [0, 0]);
    }
}
