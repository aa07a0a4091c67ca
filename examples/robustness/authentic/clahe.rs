//! Contrast-limited adaptive histogram equalisation (Zuiderveld 1994) of luma; colour differences
//! stay.

use image::RgbImage;

use super::{compose::each_pixel, tone::luma};

/// Tiles along a side.
const TILES: usize = 8;

/// Equalises in tiles; no bin may hold more than `limit` times the mean.
pub(super) fn clahe(picture: &RgbImage, limit: f32) -> RgbImage {
    let curves = curves(picture, limit);
    each_pixel(picture, |x, y, pixel| {
        let before = luma(pixel);
        let level = before.round() as usize;
        let ((left, right, s), (top, bottom, t)) = (neighbours(x), neighbours(y));
        let line = |row: usize| {
            let at = |column: usize| curves[row * TILES + column][level];
            at(left) + s * (at(right) - at(left))
        };
        let after = line(top) + t * (line(bottom) - line(top));
        pixel.map(|sample| sample + after - before)
    })
}

/// The tiles whose centres lie on both sides of a place, and how far it is towards the second.
fn neighbours(at: f32) -> (usize, usize, f32) {
    let at = (at * TILES as f32 - 0.5).clamp(0.0, (TILES - 1) as f32);
    let first = at as usize;
    (first, (first + 1).min(TILES - 1), at - first as f32)
}

/// The curve of each tile.
fn curves(picture: &RgbImage, limit: f32) -> Vec<[f32; 256]> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let mut counts = vec![[0.0f32; 256]; TILES * TILES];
    for (x, y, pixel) in picture.enumerate_pixels() {
        let tile = y as usize * TILES / height * TILES + x as usize * TILES / width;
        counts[tile][luma(pixel.0.map(f32::from)).round() as usize] += 1.0;
    }
    counts.iter().map(|counts| curve(counts, limit)).collect()
}

/// Clips a histogram, spreads what was cut over all bins, and sums it up.
fn curve(counts: &[f32; 256], limit: f32) -> [f32; 256] {
    let total: f32 = counts.iter().sum();
    let most = limit * total / 256.0;
    let cut: f32 = counts.iter().map(|count| (count - most).max(0.0)).sum();
    let mut below = 0.0;
    counts.map(|count| {
        below += count.min(most) + cut / 256.0;
        255.0 * below / total
    })
}
