//! Corners: places where the picture changes in two directions.
//!
//! ```text
//! A = G * [ gx gx  gx gy ; gx gy  gy gy ]        gradients (Sobel / 8), G a Gaussian of sigma 1.5
//! R = det A - 0.04 (trace A)^2                   Harris and Stephens (1988)
//! ```
//!
//! A corner is a maximum of R among its eight neighbours; a parabola through R in x and in y places
//! it between the samples. There is no threshold on contrast apart from [`LEAST_RESPONSE`]: a faint
//! picture has keypoints too, and the ranking takes the best of what there is.

use pulp::Simd;

use super::pyramid::{BORDER, Level};
use crate::simd;

/// Weight of the squared trace in R.
const TRACE_WEIGHT: f32 = 0.04;
/// Responses below this are noise of a fraction of a grey level.
const LEAST_RESPONSE: f32 = 0.05;
/// Samples at the edge of the picture that are not searched for corners: the repeated border bends
/// lines there.
const MARGIN: usize = 4;
/// Samples on each side of the Gaussian's centre.
const REACH: usize = 3;
/// Gaussian of sigma 1.5, cut at [`REACH`], from the centre outwards; sum 1.
const GAUSSIAN: [f32; REACH + 1] = [0.271_0, 0.217_0, 0.111_4, 0.036_6];
/// Cells on a side when corners are spread over the picture.
const CELLS: usize = 10;

/// A corner of one level.
#[derive(Debug, Clone, Copy)]
pub(super) struct Corner {
    /// Horizontal position, 0..=1 of the picture's width.
    pub(super) x: f32,
    /// Vertical position, 0..=1 of the picture's height.
    pub(super) y: f32,
    /// Index of the level in the pyramid.
    pub(super) level: usize,
    response: f32,
}

/// Finds the `most` strongest corners of a level.
pub(super) fn find_corners(level: &Level, index: usize, most: usize) -> Vec<Corner> {
    let mut corners = Vec::new();
    if level.width() > 2 * MARGIN && level.height() > 2 * MARGIN {
        all_corners(level, index, &mut corners);
    }
    strongest(&mut corners, most);
    corners
}

/// Appends all corners of a level that is wider and higher than its margins.
#[pulp::with_simd(all_corners = simd::arch())]
#[inline(always)]
fn all_corners_lanes<'a, S: Simd>(
    _: S,
    level: &'a Level,
    index: usize,
    corners: &'a mut Vec<Corner>,
) {
    let (width, height) = (level.width(), level.height());
    let mut tensor = TensorRows::new(width);
    let mut rows = [vec![0.0; width], vec![0.0; width], vec![0.0; width]];
    let mut peaks = vec![0; width];
    for y in MARGIN - 1..=height - MARGIN {
        rows.rotate_left(1);
        tensor.response(level, y, &mut rows[2]);
        if y > MARGIN {
            let centre = y - 1;
            mark_maxima(&rows, &mut peaks);
            for x in marked(&peaks) {
                let [above, row, below] = &rows;
                let dx = peak(row[x - 1], row[x], row[x + 1]);
                let dy = peak(above[x], row[x], below[x]);
                corners.push(Corner {
                    x: (x as f32 + 0.5 + dx) / width as f32,
                    y: (centre as f32 + 0.5 + dy) / height as f32,
                    level: index,
                    response: row[x],
                });
            }
        }
    }
}

/// Keeps the `most` corners of largest response.
fn strongest(corners: &mut Vec<Corner>, most: usize) {
    if corners.len() > most && most > 0 {
        corners.select_nth_unstable_by(most - 1, order);
    }
    corners.truncate(most);
    corners.sort_unstable_by(order);
}

/// Strongest first; ties by place, so that the order is the same everywhere.
fn order(a: &Corner, b: &Corner) -> std::cmp::Ordering {
    b.response
        .total_cmp(&a.response)
        .then(a.level.cmp(&b.level))
        .then(a.y.total_cmp(&b.y))
        .then(a.x.total_cmp(&b.x))
}

/// Writes 1 at each local maximum of the middle row and 0 elsewhere; nothing to the margins.
///
/// Strict on one side and not on the other, so that one of two equal neighbours is kept.
#[inline(always)]
fn mark_maxima(rows: &[Vec<f32>; 3], peaks: &mut [u8]) {
    let inner = peaks.len() - 2 * MARGIN;
    let near = |row: usize, offset: usize| &rows[row][MARGIN - 1 + offset..][..inner];
    let [above0, above1, above2] = [near(0, 0), near(0, 1), near(0, 2)];
    let [before, here, after] = [near(1, 0), near(1, 1), near(1, 2)];
    let [below0, below1, below2] = [near(2, 0), near(2, 1), near(2, 2)];
    let peaks = &mut peaks[MARGIN..][..inner];
    for x in 0..inner {
        let h = here[x];
        let beaten = above0[x].max(above1[x]).max(above2[x]).max(before[x]);
        let matched = below0[x].max(below1[x]).max(below2[x]).max(after[x]);
        // Without branches, so that the compiler vectorises it.
        let [strong, greater, no_less] = [h >= LEAST_RESPONSE, h > beaten, h >= matched];
        peaks[x] = u8::from(strong) & u8::from(greater) & u8::from(no_less);
    }
}

/// Returns the places of a row that are not 0, from left to right.
fn marked(peaks: &[u8]) -> impl Iterator<Item = usize> {
    let (eights, rest) = peaks.as_chunks::<8>();
    let whole = eights.iter().enumerate().flat_map(|(at, eight)| {
        let mut left = u64::from_le_bytes(*eight);
        std::iter::from_fn(move || {
            let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(8 * at + bit / 8)
        })
    });
    let start = 8 * eights.len();
    let rest = rest.iter().enumerate().filter(|(_, peak)| **peak != 0);
    whole.chain(rest.map(move |(at, _)| start + at))
}

/// Returns the position of the maximum of a parabola through three samples, relative to the middle
/// one.
fn peak(before: f32, here: f32, after: f32) -> f32 {
    let bend = before + after - 2.0 * here;
    if bend < 0.0 {
        (0.5 * (before - after) / bend).clamp(-0.5, 0.5)
    } else {
        0.0
    }
}

/// The smoothed structure tensor, computed a few rows at a time.
struct TensorRows {
    /// Products of gradients, smoothed across: rows `y - 3 ..= y + 3` at `y mod 7`.
    ring: [[Vec<f32>; 3]; 2 * REACH + 1],
    products: [Vec<f32>; 3],
    /// Products of one row, smoothed across and down.
    smooth: [Vec<f32>; 3],
    /// The next row to compute; `None` before the first.
    next: Option<usize>,
}

impl TensorRows {
    fn new(width: usize) -> Self {
        let rows = |length: usize| std::array::from_fn(|_| vec![0.0; length]);
        Self {
            ring: std::array::from_fn(|_| rows(width)),
            products: rows(width + 2 * REACH),
            smooth: rows(width),
            next: None,
        }
    }

    /// Writes the response of row `y`, which must be the one after the last.
    #[inline(always)]
    fn response(&mut self, level: &Level, y: usize, out: &mut [f32]) {
        // Rows count from 3 above the picture here, so that none is negative.
        let start = self.next.unwrap_or(y);
        for row in start..=y + 2 * REACH {
            self.fill(level, row);
        }
        self.next = Some(y + 2 * REACH + 1);
        let ring = &self.ring;
        for (k, smooth) in self.smooth.iter_mut().enumerate() {
            let line = |offset: usize| &ring[(y + offset) % (2 * REACH + 1)][k][..out.len()];
            smoothed(std::array::from_fn(line), &mut smooth[..out.len()]);
        }
        let [xx, xy, yy] = &self.smooth;
        for (out, ((xx, xy), yy)) in out.iter_mut().zip(xx.iter().zip(xy).zip(yy)) {
            let trace = xx + yy;
            *out = xx * yy - xy * xy - TRACE_WEIGHT * trace * trace;
        }
    }

    /// Computes the products of row `row - 3` and smooths them across.
    #[inline(always)]
    fn fill(&mut self, level: &Level, row: usize) {
        let y = row + BORDER - REACH;
        let inner = level.width() + 2 * REACH;
        let first = BORDER - REACH - 1;
        let near = |row: usize, offset: usize| &level.padded().row(row)[first + offset..][..inner];
        let [above0, above1, above2] = [near(y - 1, 0), near(y - 1, 1), near(y - 1, 2)];
        let [before, after] = [near(y, 0), near(y, 2)];
        let [below0, below1, below2] = [near(y + 1, 0), near(y + 1, 1), near(y + 1, 2)];
        let [xx, xy, yy] = &mut self.products;
        let (xx, xy, yy) = (&mut xx[..inner], &mut xy[..inner], &mut yy[..inner]);
        for x in 0..inner {
            let across = 2.0 * (after[x] - before[x]);
            let gx = ((above2[x] - above0[x]) + across + (below2[x] - below0[x])) * 0.125;
            let down = 2.0 * (below1[x] - above1[x]);
            let gy = ((below0[x] - above0[x]) + down + (below2[x] - above2[x])) * 0.125;
            xx[x] = gx * gx;
            xy[x] = gx * gy;
            yy[x] = gy * gy;
        }
        let slot = &mut self.ring[row % (2 * REACH + 1)];
        for (out, products) in slot.iter_mut().zip(&self.products) {
            let line = |offset: usize| &products[offset..][..out.len()];
            smoothed(std::array::from_fn(line), out);
        }
    }
}

/// Adds up seven lines, weighted by the Gaussian.
#[inline(always)]
fn smoothed(lines: [&[f32]; 2 * REACH + 1], out: &mut [f32]) {
    for (x, out) in out.iter_mut().enumerate() {
        *out = GAUSSIAN[0] * lines[3][x]
            + GAUSSIAN[1] * (lines[2][x] + lines[4][x])
            + GAUSSIAN[2] * (lines[1][x] + lines[5][x])
            + GAUSSIAN[3] * (lines[0][x] + lines[6][x]);
    }
}

/// Chooses `budget` corners: the best of every cell first, then the second best of each, and so on.
pub(super) fn spread(mut corners: Vec<Corner>, budget: usize) -> Vec<Corner> {
    corners.sort_unstable_by(order);
    if corners.len() <= budget {
        return corners;
    }
    let mut seen = [0_usize; CELLS * CELLS];
    let cell = |at: f32| ((at * CELLS as f32) as usize).min(CELLS - 1);
    // The rank of a corner in its cell; a stable sort by rank keeps the strongest first within one
    // rank.
    let mut ranked: Vec<(usize, Corner)> = corners
        .into_iter()
        .map(|corner| {
            let seen = &mut seen[cell(corner.y) * CELLS + cell(corner.x)];
            *seen += 1;
            (*seen, corner)
        })
        .collect();
    ranked.sort_by_key(|&(rank, _)| rank);
    ranked.truncate(budget);
    ranked.into_iter().map(|(_, corner)| corner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        imaging::Plane,
        watermark::{features::keypoints::pyramid::Pyramid, tests::pictures::scene_photo},
    };

    fn picture() -> Plane {
        crate::watermark::sampling::grid::upright_luma(&scene_photo(600, 400))
    }

    /// The definition: greater than the neighbours before, not less than those behind.
    fn is_maximum(rows: &[Vec<f32>; 3], x: usize) -> bool {
        let here = rows[1][x];
        let mut beaten = rows[0][x - 1..=x + 1].iter().chain([&rows[1][x - 1]]);
        let mut matched = rows[2][x - 1..=x + 1].iter().chain([&rows[1][x + 1]]);
        here >= LEAST_RESPONSE && beaten.all(|n| here > *n) && matched.all(|n| here >= *n)
    }

    #[test]
    fn maxima_are_marked_where_they_are_with_ties_kept_once() {
        for width in [9, 15, 16, 17, 40] {
            let row = |seed: usize| -> Vec<f32> {
                let at = |x: usize| ((x * x * 7 + seed * 31 + x * seed) % 5) as f32;
                (0..width).map(at).collect()
            };
            let rows = [row(1), row(2), row(3)];
            let mut peaks = vec![0; width];
            mark_maxima(&rows, &mut peaks);
            let inner = MARGIN..width - MARGIN;
            let expected: Vec<usize> = inner.filter(|&x| is_maximum(&rows, x)).collect();
            assert_eq!(marked(&peaks).collect::<Vec<_>>(), expected, "{width}");
        }
    }

    #[test]
    fn corners_are_the_same_on_every_instruction_set() {
        let pyramid = Pyramid::new(&picture(), 1.2, 6);
        let mut found = 0;
        for (index, level) in pyramid.levels().iter().enumerate() {
            let look = || {
                let corners = find_corners(level, index, 400);
                let bits = |c: &Corner| [c.x, c.y, c.response].map(f32::to_bits);
                corners.iter().map(bits).collect::<Vec<_>>()
            };
            let widest = look();
            assert_eq!(simd::narrow::run(look), widest);
            found += widest.len();
        }
        assert!(found > 100, "{found}");
    }
}
