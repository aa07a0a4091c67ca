//! A picture at decreasing sizes, each level with a border that repeats its edge.

use crate::{
    imaging::Plane,
    watermark::sampling::resample::{Taps, resample},
};

/// Border samples around a level: as far as a rotated patch reaches beyond a corner at the very
/// edge.
pub(super) const BORDER: usize = 24;
/// Fewest samples on the short side of a level.
const LEAST_SIDE: usize = 32;

/// One level of the pyramid.
#[derive(Debug)]
pub(super) struct Level {
    /// Luma with [`BORDER`] samples added on each side.
    padded: Plane,
}

impl Level {
    fn new(luma: &Plane) -> Self {
        let (width, height) = (luma.width(), luma.height());
        let mut padded = Plane::new(width + 2 * BORDER, height + 2 * BORDER);
        for y in 0..padded.height() {
            let source = luma.row(y.saturating_sub(BORDER).min(height - 1));
            let row = padded.row_mut(y);
            row[..BORDER].fill(source[0]);
            row[BORDER..BORDER + width].copy_from_slice(source);
            row[BORDER + width..].fill(source[width - 1]);
        }
        Self { padded }
    }

    /// Returns the number of columns without the border.
    pub(super) fn width(&self) -> usize {
        self.padded.width() - 2 * BORDER
    }

    /// Returns the number of rows without the border.
    pub(super) fn height(&self) -> usize {
        self.padded.height() - 2 * BORDER
    }

    /// Returns the samples with the border.
    pub(super) fn padded(&self) -> &Plane {
        &self.padded
    }

    /// Returns the size of a sample in 512ths of the picture's long side.
    pub(super) fn scale(&self) -> f32 {
        512.0 / self.width().max(self.height()) as f32
    }
}

/// A picture's levels, the largest first.
#[derive(Debug)]
pub(super) struct Pyramid(Vec<Level>);

impl Pyramid {
    /// Makes at most `levels` levels, each `step` times smaller than the one before.
    pub(super) fn new(luma: &Plane, step: f64, levels: usize) -> Self {
        let mut planes: Vec<Plane> = Vec::with_capacity(levels);
        // Averaging over two samples and more is clean: take each level from the nearest one that
        // is twice its size.
        let octave = (2.0_f64.ln() / step.ln()).ceil() as usize;
        let mut factor = 1.0;
        for level in 0..levels {
            let side = |side: usize| (side as f64 / factor).round() as usize;
            let (width, height) = (side(luma.width()), side(luma.height()));
            if width.min(height) < LEAST_SIDE {
                break;
            }
            let plane = level.checked_sub(1).map(|_| {
                let from = &planes[level.saturating_sub(octave)];
                let x = Taps::area(from.width() as f64, width);
                let y = Taps::area(from.height() as f64, height);
                resample(from, &x, &y)
            });
            planes.push(plane.unwrap_or_else(|| luma.clone()));
            factor *= step;
        }
        Self(planes.iter().map(Level::new).collect())
    }

    /// Returns the levels, the largest first.
    pub(super) fn levels(&self) -> &[Level] {
        &self.0
    }
}
