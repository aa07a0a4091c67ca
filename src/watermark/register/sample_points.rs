//! Sampling the canonical grid from a plane, through a warp.
//!
//! ```text
//! corners     of each sample of the grid, mapped exactly; places inside a sample are interpolated between its four
//! one place   the middle of a sample; bilinear
//! all places  n x m of them, one a pixel of the plane but at least 2 x 2; bicubic (Keys, a = -3/4); their mean
//! ```
//!
//! The grid of a protected photo holds area averages. Where places fall on pixels, as in a picture
//! that is the whole photo in its place, the mean of all places is that average exactly; elsewhere
//! it is as near to it as interpolation gets.

use crate::{
    imaging::Plane,
    watermark::{
        geometry::warp::Warp,
        layout::{GRID, Window},
    },
};

/// Keys' parameter, as in [`crate::watermark::sampling::resample`].
const KEYS_A: f32 = -0.75;
/// Fewest places of a sample along an axis when all are taken: a picture smaller than 512 is
/// enlarged to as many.
const LEAST_PLACES: usize = 2;
/// Pixel coordinates; the centre of the first pixel is 0.
type Point = (f32, f32);

/// Samples one place for each sample of the grid in the window; the others are 0.
pub(in crate::watermark) fn one_place(plane: &Plane, warp: &Warp, window: Window) -> Plane {
    sample(plane, warp, window, (1, 1), bilinear)
}

/// Averages all places of each sample of the grid in the window; the others are 0.
pub(in crate::watermark) fn all_places(plane: &Plane, warp: &Warp, window: Window) -> Plane {
    let places = |pitch: f64| (pitch.round() as usize).max(LEAST_PLACES);
    let (across, down) = pitch(plane, warp, window);
    sample(plane, warp, window, (places(across), places(down)), bicubic)
}

/// Returns the pixels from one sample of the grid to the next, along the photo's x and y axes, in
/// the middle of the window.
pub(in crate::watermark) fn pitch(plane: &Plane, warp: &Warp, window: Window) -> (f64, f64) {
    let middle = |(from, to): (usize, usize)| (from + to) as f64 / (2 * GRID) as f64;
    let (width, height) = (plane.width() as f64, plane.height() as f64);
    let length = |x: f64, y: f64| ((x * width).hypot(y * height) / GRID as f64).max(1e-3);
    (warp.map)
        .jacobian(middle(window.x), middle(window.y))
        .map_or((1.0, 1.0), |[[a, b], [c, d]]| (length(a, c), length(b, d)))
}

/// Averages the values that `look_up` finds at the places of each sample.
fn sample(
    plane: &Plane,
    warp: &Warp,
    window: Window,
    (across, down): (usize, usize),
    look_up: impl Fn(&Plane, Point) -> f32,
) -> Plane {
    let spread = |count: usize| -> Vec<f32> {
        (0..count)
            .map(|place| (place as f32 + 0.5) / count as f32)
            .collect()
    };
    let (columns, rows) = (spread(across), spread(down));
    let share = 1.0 / (across * down) as f32;
    let mut grid = Plane::new(GRID, GRID);
    let mut below = corners(plane, warp, window.y.0);
    for y in window.y.0..window.y.1 {
        let above = std::mem::replace(&mut below, corners(plane, warp, y + 1));
        let out = grid.row_mut(y);
        for &t in &rows {
            let line: Vec<Point> = (above.iter().zip(&below))
                .map(|(&above, &below)| between(above, below, t))
                .collect();
            for x in window.x.0..window.x.1 {
                for &s in &columns {
                    out[x] += share * look_up(plane, between(line[x], line[x + 1], s));
                }
            }
        }
    }
    grid
}

/// Returns the positions in a plane of the upper left corners of a row of samples, and of the upper
/// right one of the last.
fn corners(plane: &Plane, warp: &Warp, row: usize) -> Vec<Point> {
    let (width, height) = (plane.width() as f64, plane.height() as f64);
    warp.shifted_row(row as f64 / GRID as f64, GRID)
        .into_iter()
        .map(|(u, v)| {
            // Behind the horizon there is no picture; such tiles are not covered.
            let (x, y) = warp.map.apply(u, v).unwrap_or((0.0, 0.0));
            ((x * width - 0.5) as f32, (y * height - 0.5) as f32)
        })
        .collect()
}

/// Returns the point at a fraction of the way from one to another.
fn between(from: Point, to: Point, at: f32) -> Point {
    (from.0 + at * (to.0 - from.0), from.1 + at * (to.1 - from.1))
}

/// Bilinear interpolation; samples outside repeat the border.
fn bilinear(plane: &Plane, (x, y): Point) -> f32 {
    let axis = |at: f32, side: usize| {
        let at = at.clamp(0.0, (side - 1) as f32);
        let before = at as usize;
        (before, (before + 1).min(side - 1), at - before as f32)
    };
    let (left, right, s) = axis(x, plane.width());
    let (top, bottom, t) = axis(y, plane.height());
    let along = |row: &[f32]| row[left] + s * (row[right] - row[left]);
    let (upper, lower) = (along(plane.row(top)), along(plane.row(bottom)));
    upper + t * (lower - upper)
}

/// Bicubic interpolation; samples outside repeat the border.
fn bicubic(plane: &Plane, (x, y): Point) -> f32 {
    let (width, height) = (plane.width(), plane.height());
    let x = x.clamp(-2.0, width as f32 + 1.0);
    let y = y.clamp(-2.0, height as f32 + 1.0);
    // Both are above -3, so that truncation is the floor.
    let (left, top) = ((x + 3.0) as i32 - 3, (y + 3.0) as i32 - 3);
    let (across, down) = (kernel(x - left as f32), kernel(y - top as f32));
    let (left, top) = (left - 1, top - 1);
    // Down first: four columns at once.
    let mut columns = [0.0_f32; 4];
    let inside = |first: i32, side: usize| first >= 0 && first as usize + 4 <= side;
    if inside(left, width) && inside(top, height) {
        let mut at = top as usize * width + left as usize;
        for weight in down {
            for (column, sample) in columns.iter_mut().zip(&plane.data()[at..at + 4]) {
                *column += weight * sample;
            }
            at += width;
        }
    } else {
        let within = |at: i32, side: usize| at.clamp(0, side as i32 - 1) as usize;
        for (y, weight) in (top..).zip(down) {
            let row = plane.row(within(y, height));
            for (x, column) in (left..).zip(&mut columns) {
                *column += weight * row[within(x, width)];
            }
        }
    }
    columns.iter().zip(across).map(|(c, w)| c * w).sum()
}

/// Returns the four weights at a fraction t of a pixel, by powers of t, so that the compiler
/// computes them side by side.
fn kernel(t: f32) -> [f32; 4] {
    const A: f32 = KEYS_A;
    const CUBE: [f32; 4] = [A, A + 2.0, -A - 2.0, -A];
    const SQUARE: [f32; 4] = [-2.0 * A, -A - 3.0, 2.0 * A + 3.0, A];
    const LINE: [f32; 4] = [A, 0.0, -A, 0.0];
    const CONSTANT: [f32; 4] = [0.0, 1.0, 0.0, 0.0];
    std::array::from_fn(|tap| ((CUBE[tap] * t + SQUARE[tap]) * t + LINE[tap]) * t + CONSTANT[tap])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watermark::{
        geometry::homography::Homography,
        sampling::resample::{Taps, resample},
    };

    /// A plane with detail of all sizes.
    fn detailed(width: usize, height: usize) -> Plane {
        let mut plane = Plane::new(width, height);
        for y in 0..height {
            for (x, sample) in plane.row_mut(y).iter_mut().enumerate() {
                let (x, y) = (x as f32, y as f32);
                *sample = 120.0
                    + 60.0 * (x * 0.09 + (y * 0.05).sin()).sin()
                    + 30.0 * (x * y * 0.01).sin();
            }
        }
        plane
    }

    fn largest_difference(a: &Plane, b: &Plane) -> f32 {
        let pairs = a.data().iter().zip(b.data());
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn all_places_of_a_picture_in_place_are_its_area_average() {
        let picture = detailed(3 * GRID, 2 * GRID);
        let sampled = all_places(&picture, &Warp::of(Homography::IDENTITY), Window::ALL);
        let taps = |side: usize| Taps::area(side as f64, GRID);
        let averaged = resample(&picture, &taps(picture.width()), &taps(picture.height()));
        assert!(largest_difference(&sampled, &averaged) < 0.01);
    }

    #[test]
    fn the_smallest_planes_are_repeated_everywhere() {
        let mut dot = Plane::new(1, 1);
        dot.data_mut().fill(77.0);
        let turned = Homography([[0.5, -0.9, 0.3], [0.9, 0.5, -0.2], [0.0, 0.0, 1.0]]);
        for sampler in [one_place, all_places] {
            let grid = sampler(&dot, &Warp::of(turned), Window::ALL);
            assert!(
                grid.data()
                    .iter()
                    .all(|sample| (sample - 77.0).abs() < 1e-3)
            );
        }
    }
}
