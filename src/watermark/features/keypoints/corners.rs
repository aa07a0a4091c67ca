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

use super::pyramid::{BORDER, Level};

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
    let (width, height) = (level.width(), level.height());
    let mut corners = Vec::new();
    if width <= 2 * MARGIN || height <= 2 * MARGIN {
        return corners;
    }
    let mut tensor = TensorRows::new(width);
    let mut rows = [vec![0.0; width], vec![0.0; width], vec![0.0; width]];
    for y in MARGIN - 1..=height - MARGIN {
        rows.rotate_left(1);
        tensor.response(level, y, &mut rows[2]);
        if y > MARGIN {
            let centre = y - 1;
            maxima(&rows, |x, dx, dy, response| {
                corners.push(Corner {
                    x: (x as f32 + 0.5 + dx) / width as f32,
                    y: (centre as f32 + 0.5 + dy) / height as f32,
                    level: index,
                    response,
                });
            });
        }
    }
    strongest(&mut corners, most);
    corners
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

/// Calls `found(x, dx, dy, response)` for each local maximum of the middle row.
fn maxima(rows: &[Vec<f32>; 3], mut found: impl FnMut(usize, f32, f32, f32)) {
    let [above, row, below] = rows;
    for x in MARGIN..row.len() - MARGIN {
        let here = row[x];
        if here < LEAST_RESPONSE || here <= row[x - 1] || here < row[x + 1] {
            continue;
        }
        let beats = |other: &[f32]| other.iter().all(|&neighbour| here > neighbour);
        // Strict on one side and not on the other, so that one of two equal neighbours is kept.
        if beats(&above[x - 1..=x + 1]) && below[x - 1..=x + 1].iter().all(|&n| here >= n) {
            found(
                x,
                peak(row[x - 1], here, row[x + 1]),
                peak(above[x], here, below[x]),
                here,
            );
        }
    }
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
            let lines: [&[f32]; 2 * REACH + 1] = std::array::from_fn(line);
            for (x, smooth) in smooth[..out.len()].iter_mut().enumerate() {
                *smooth = GAUSSIAN[0] * lines[3][x]
                    + GAUSSIAN[1] * (lines[2][x] + lines[4][x])
                    + GAUSSIAN[2] * (lines[1][x] + lines[5][x])
                    + GAUSSIAN[3] * (lines[0][x] + lines[6][x]);
            }
        }
        let [xx, xy, yy] = &self.smooth;
        for (out, ((xx, xy), yy)) in out.iter_mut().zip(xx.iter().zip(xy).zip(yy)) {
            let trace = xx + yy;
            *out = xx * yy - xy * xy - TRACE_WEIGHT * trace * trace;
        }
    }

    /// Computes the products of row `row - 3` and smooths them across.
    fn fill(&mut self, level: &Level, row: usize) {
        let y = row + BORDER - REACH;
        let span = level.width() + 2 * REACH + 2;
        let first = BORDER - REACH - 1;
        let lines = [y - 1, y, y + 1].map(|y| &level.padded().row(y)[first..first + span]);
        let [above, line, below] = lines;
        let [xx, xy, yy] = &mut self.products;
        let inner = span - 2;
        let (xx, xy, yy) = (&mut xx[..inner], &mut xy[..inner], &mut yy[..inner]);
        for x in 0..inner {
            let across = |row: &[f32]| row[x + 2] - row[x];
            let gx = (across(above) + 2.0 * across(line) + across(below)) * 0.125;
            let down = |x: usize| below[x] - above[x];
            let gy = (down(x) + 2.0 * down(x + 1) + down(x + 2)) * 0.125;
            xx[x] = gx * gx;
            xy[x] = gx * gy;
            yy[x] = gy * gy;
        }
        let slot = &mut self.ring[row % (2 * REACH + 1)];
        for (out, products) in slot.iter_mut().zip(&self.products) {
            let p = &products[..out.len() + 2 * REACH];
            for (x, out) in out.iter_mut().enumerate() {
                *out = GAUSSIAN[0] * p[x + 3]
                    + GAUSSIAN[1] * (p[x + 2] + p[x + 4])
                    + GAUSSIAN[2] * (p[x + 1] + p[x + 5])
                    + GAUSSIAN[3] * (p[x] + p[x + 6]);
            }
        }
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
