//! A received picture, ready to be sampled wherever the protected photo may lie in it.
//!
//! ```text
//! level 0      upright luma, area average, long side at most 1024
//! level k      level 0 at 2^(-k/2)
//! sample       the level where a step of the sampled grid is about one pixel; bicubic (Keys, a = -3/4)
//! fine         512 x 512 samples, mean of 2 x 2          what decides
//! coarse       256 x 256 samples of a level 1.7 times coarser, eight times cheaper: what is tried on the way
//! ```
//!
//! The straight path never builds the levels: a picture that lies as it was protected is averaged to the grid directly.

use std::cell::OnceCell;

use super::{
    candidates::{Effort, Sight},
    carrier::{GRID, TILE},
    grid::{Source, fitted, upright_luma},
    resample::{Taps, resample},
    warp::Warp,
};
use crate::imaging::{Photo, Plane};

/// Long side of level 0.
const LONG_SIDE: usize = 1024;
/// Shortest side of a level.
const SHORTEST: usize = 8;
/// Keys' parameter, as in [`super::resample`].
const KEYS_A: f32 = -0.75;
/// How much coarser the level of a coarse sample is.
const COARSER: f64 = 1.7;
/// Samples around a tile that its transform reads.
const MARGIN: usize = TILE / 2 + 2;

/// How densely a warp is sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sampling {
    /// Once for each sample of the grid.
    Coarse,
    /// Four times for each sample of the grid.
    Fine,
}

/// A received picture.
#[derive(Debug)]
pub(super) struct Query<'a> {
    photo: &'a Photo,
    /// Whether 255 - Y is looked at.
    negative: bool,
    whole: OnceCell<Plane>,
    levels: OnceCell<Vec<Plane>>,
    sight: OnceCell<Sight>,
}

/// Samples of the grid from here (included) to there (excluded), in both axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) x: (usize, usize),
    pub(super) y: (usize, usize),
}

impl Window {
    /// The whole grid.
    pub(super) const ALL: Self = Self {
        x: (0, GRID),
        y: (0, GRID),
    };

    /// What the transforms of tiles between these columns and rows (both included) read.
    pub(super) fn of_tiles(columns: (usize, usize), rows: (usize, usize)) -> Self {
        let span = |(first, last): (usize, usize)| {
            (
                (first * TILE).saturating_sub(MARGIN),
                ((last + 1) * TILE + MARGIN).min(GRID),
            )
        };
        Self {
            x: span(columns),
            y: span(rows),
        }
    }
}

impl<'a> Query<'a> {
    /// Takes a picture.
    pub(super) fn new(photo: &'a Photo) -> Self {
        Self {
            photo,
            negative: false,
            whole: OnceCell::new(),
            levels: OnceCell::new(),
            sight: OnceCell::new(),
        }
    }

    /// The same picture with light and dark exchanged.
    pub(super) fn negative(&self) -> Self {
        Self {
            negative: !self.negative,
            ..Self::new(self.photo)
        }
    }

    /// Whether light and dark were exchanged.
    pub(super) fn is_negative(&self) -> bool {
        self.negative
    }

    /// The picture itself.
    pub(super) fn photo(&self) -> &Photo {
        self.photo
    }

    /// The upright picture squashed to the grid, 256 x 256.
    pub(super) fn whole(&self) -> &Plane {
        self.whole
            .get_or_init(|| self.of_polarity(upright_luma(self.photo)))
    }

    /// The keypoints of the usual effort.
    pub(super) fn sight(&self) -> &Sight {
        self.sight
            .get_or_init(|| Sight::new(self.upright(), Effort::Usual))
    }

    /// Upright luma, aspect kept, long side at most 1024.
    pub(super) fn upright(&self) -> &Plane {
        &self.levels()[0]
    }

    /// The coarsest upright level whose long side still has this many pixels, or the finest.
    pub(super) fn level_of_at_least(&self, long_side: usize) -> &Plane {
        let levels = self.levels();
        let enough = |level: &&Plane| level.width().max(level.height()) >= long_side;
        levels.iter().rfind(enough).unwrap_or(&levels[0])
    }

    /// Width and height of the picture as a viewer shows it, in pixels.
    pub(super) fn upright_size(&self) -> (u32, u32) {
        self.photo.upright_size()
    }

    /// The plane, or its negative.
    fn of_polarity(&self, mut plane: Plane) -> Plane {
        if self.negative {
            for sample in plane.data_mut() {
                *sample = 255.0 - *sample;
            }
        }
        plane
    }

    fn levels(&self) -> &[Plane] {
        self.levels.get_or_init(|| {
            let (width, height) = fitted((self.photo.width(), self.photo.height()), LONG_SIDE);
            let stored = Source::new(&self.photo.pixels).shrink(width, height);
            let base = self.of_polarity(self.photo.orientation.apply(&stored));
            let mut levels = vec![base];
            while let Some(next) = next_level(&levels) {
                levels.push(next);
            }
            levels
        })
    }

    /// Samples the grid where a warp puts it; what lies outside of the picture repeats its border. Outside of the
    /// window the grid stays 0.
    pub(super) fn sample(&self, warp: &Warp, sampling: Sampling, window: Window) -> Plane {
        let levels = self.levels();
        let (per_sample, coarser) = match sampling {
            Sampling::Coarse => (1, COARSER),
            Sampling::Fine => (2, 1.0),
        };
        let level = &levels[self.level(warp, window, coarser).min(levels.len() - 1)];
        let side = GRID * per_sample;
        let share = 1.0 / (per_sample * per_sample) as f32;
        let mut grid = Plane::new(GRID, GRID);
        for y in window.y.0..window.y.1 {
            for sub in 0..per_sample {
                let v = ((y * per_sample + sub) as f64 + 0.5) / side as f64;
                let places = warp.shifted_row(v, side);
                let out = &mut grid.row_mut(y)[window.x.0..window.x.1];
                let places = &places[window.x.0 * per_sample..window.x.1 * per_sample];
                for (out, places) in out.iter_mut().zip(places.chunks_exact(per_sample)) {
                    for &(u, v) in places {
                        *out += share * look_up(level, warp, u, v);
                    }
                }
            }
        }
        grid
    }

    /// The level at which one step of the 512 grid, times `coarser`, is about one pixel in the middle of the window.
    fn level(&self, warp: &Warp, window: Window, coarser: f64) -> usize {
        let middle = |(from, to): (usize, usize)| (from + to) as f64 / (2 * GRID) as f64;
        let base = &self.levels()[0];
        let step = warp
            .map
            .jacobian(middle(window.x), middle(window.y))
            .map_or(1.0, |[[a, b], [c, d]]| {
                let area = (a * d - b * c).abs() * (base.width() * base.height()) as f64;
                coarser * area.sqrt() / (2 * GRID) as f64
            });
        (step.max(1e-3).log2() * 2.0 + 0.5).floor().max(0.0) as usize
    }
}

/// The next coarser level, if there is a use for it.
fn next_level(levels: &[Plane]) -> Option<Plane> {
    let base = &levels[0];
    let factor = (-(levels.len() as f64) / 2.0).exp2();
    let side = |side: usize| (side as f64 * factor).round() as usize;
    let (width, height) = (side(base.width()), side(base.height()));
    if width.min(height) < SHORTEST {
        return None;
    }
    // From two levels before, which is exactly twice as large; the first one from the base.
    let from = &levels[levels.len().saturating_sub(2)];
    let taps = |from: usize, to: usize| Taps::area(from as f64, to);
    Some(resample(
        from,
        &taps(from.width(), width),
        &taps(from.height(), height),
    ))
}

/// The value of a level at a canonical place.
fn look_up(level: &Plane, warp: &Warp, u: f64, v: f64) -> f32 {
    // Behind the horizon there is no picture; such tiles are not covered.
    let (x, y) = warp.map.apply(u, v).unwrap_or((0.0, 0.0));
    bicubic(
        level,
        (x * level.width() as f64 - 0.5) as f32,
        (y * level.height() as f64 - 0.5) as f32,
    )
}

/// Bicubic interpolation at pixel coordinates (the centre of the first pixel is 0).
fn bicubic(level: &Plane, x: f32, y: f32) -> f32 {
    let (width, height) = (level.width(), level.height());
    let x = x.clamp(-2.0, width as f32 + 1.0);
    let y = y.clamp(-2.0, height as f32 + 1.0);
    // Both are above -3, so that truncation is the floor.
    let (left, top) = ((x + 3.0) as i32 - 3, (y + 3.0) as i32 - 3);
    let (across, down) = (kernel(x - left as f32), kernel(y - top as f32));
    let (left, top) = (left - 1, top - 1);
    let row = |tap: usize| level.row((top + tap as i32).clamp(0, height as i32 - 1) as usize);
    // Down first: four columns at once.
    let mut columns = [0.0_f32; 4];
    if left >= 0 && left as usize + 4 <= width {
        let left = left as usize;
        for (tap, weight) in down.into_iter().enumerate() {
            let samples = &row(tap)[left..left + 4];
            for (column, sample) in columns.iter_mut().zip(samples) {
                *column += weight * sample;
            }
        }
    } else {
        for (tap, weight) in down.into_iter().enumerate() {
            let row = row(tap);
            for (at, column) in (left..).zip(&mut columns) {
                *column += weight * row[at.clamp(0, width as i32 - 1) as usize];
            }
        }
    }
    columns.iter().zip(across).map(|(c, w)| c * w).sum()
}

/// The four weights at a fraction of a pixel.
fn kernel(t: f32) -> [f32; 4] {
    let near = |x: f32| ((KEYS_A + 2.0) * x - (KEYS_A + 3.0)) * x * x + 1.0;
    let far = |x: f32| ((KEYS_A * x - 5.0 * KEYS_A) * x + 8.0 * KEYS_A) * x - 4.0 * KEYS_A;
    [far(1.0 + t), near(t), near(1.0 - t), far(2.0 - t)]
}
