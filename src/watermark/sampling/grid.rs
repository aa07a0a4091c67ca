//! The canonical grid: the whole upright picture squashed to a square of 256 x 256.
//!
//! Any uniform or anisotropic resize leaves it unchanged, and an EXIF orientation is one of eight
//! symmetries of it. Pictures are sampled as they are stored and the small grid is turned
//! ([`Orientation::apply`]).
//!
//! ```text
//! luma     area average of Y (sides below 512 are enlarged first)
//! texture  sqrt(E[Y^2] - E[Y]^2) inside each cell; 0 if a side has fewer pixels than the grid
//! alpha    mean alpha of each tile
//! ```

use std::borrow::Cow;

use super::{
    jpeg_luma::ReducedLuma,
    luma::AlphaRows,
    resample::{LumaRows, Taps, moments, resample},
};
use crate::{
    imaging::{Orientation, Photo, Pixels, Plane, Raster},
    watermark::layout::{GRID, TILE_COUNT, TILES},
};

/// A picture ready to be sampled, in stored orientation.
#[derive(Debug)]
pub(in crate::watermark) enum LumaSource<'a> {
    Raster(&'a Raster),
    /// The reduced luma of a JPEG.
    Jpeg(Cow<'a, ReducedLuma>),
}

impl<'a> LumaSource<'a> {
    /// Prepares pixels for sampling.
    pub(in crate::watermark) fn new(pixels: &'a Pixels) -> Self {
        match pixels {
            Pixels::Raster(raster) => Self::Raster(raster),
            Pixels::Jpeg(image) => Self::Jpeg(Cow::Owned(ReducedLuma::new(image))),
        }
    }

    /// Prepares an original for [`Grid::new`], which wants to know its texture, too.
    pub(in crate::watermark) fn of_original(photo: &'a Photo) -> Self {
        match &photo.pixels {
            Pixels::Jpeg(image) if has_texture(photo) => {
                Self::Jpeg(Cow::Owned(ReducedLuma::with_variance(image)))
            }
            pixels => Self::new(pixels),
        }
    }

    /// Samples the stored luma grid, 256 x 256, 0..=255.
    pub(in crate::watermark) fn luma(&self) -> Plane {
        match self {
            Self::Raster(raster) => {
                let (width, height) = sides(*raster);
                let x = Taps::to_grid(width);
                let y = Taps::to_grid(height);
                resample(*raster, &x, &y)
            }
            Self::Jpeg(reduced) => reduced.grid(),
        }
    }

    /// Averages the luma to `width` x `height` samples.
    pub(in crate::watermark) fn shrink(&self, width: usize, height: usize) -> Plane {
        match self {
            Self::Raster(raster) => {
                let (from_width, from_height) = sides(*raster);
                let x = Taps::area(from_width as f64, width);
                let y = Taps::area(from_height as f64, height);
                resample(*raster, &x, &y)
            }
            Self::Jpeg(reduced) => reduced.shrink(width, height),
        }
    }
}

/// Returns the sides of a picture fitted into a square of `long` pixels, aspect kept; a smaller one
/// keeps its size.
pub(in crate::watermark) fn fitted((width, height): (u32, u32), long: usize) -> (usize, usize) {
    let (width, height) = (width as usize, height as usize);
    let longest = width.max(height);
    let side = |side: usize| {
        if longest <= long {
            side
        } else {
            ((side * long + longest / 2) / longest).max(1)
        }
    };
    (side(width), side(height))
}

/// Samples the upright luma grid of a photo.
pub(in crate::watermark) fn upright_luma(photo: &Photo) -> Plane {
    photo
        .orientation
        .apply(&LumaSource::new(&photo.pixels).luma())
}

/// The grids that protection needs of the original, all upright.
#[derive(Debug)]
pub(in crate::watermark) struct Grid {
    /// Luma, 256 x 256, 0..=255.
    pub(in crate::watermark) luma: Plane,
    /// Texture, 256 x 256, in grey levels.
    pub(in crate::watermark) texture: Plane,
    /// Mean alpha of tiles, 32 x 32, 0..=1.
    pub(in crate::watermark) alpha: Plane,
}

impl Grid {
    /// Measures an original, whose source [`LumaSource::of_original`] prepared.
    pub(in crate::watermark) fn new(photo: &Photo, source: &LumaSource<'_>) -> Self {
        let (luma, variance, alpha) = match source {
            LumaSource::Raster(raster) => {
                let (luma, variance) = raster_moments(raster, has_texture(photo));
                (luma, variance, tile_alpha(raster))
            }
            LumaSource::Jpeg(reduced) if has_texture(photo) => {
                (reduced.grid(), reduced.variance(GRID), opaque())
            }
            LumaSource::Jpeg(reduced) => (reduced.grid(), Plane::new(GRID, GRID), opaque()),
        };
        let mut texture = variance;
        for texture in texture.data_mut() {
            *texture = texture.sqrt();
        }
        let upright = |plane: &Plane| photo.orientation.apply(plane);
        Self {
            luma: upright(&luma),
            texture: upright(&texture),
            alpha: upright(&alpha),
        }
    }
}

/// Returns the luma grid of a raster and, if wanted, its variance; in one pass if both average over
/// the same cells.
fn raster_moments(raster: &Raster, has_texture: bool) -> (Plane, Plane) {
    let luma = || LumaSource::Raster(raster).luma();
    if !has_texture {
        return (luma(), Plane::new(GRID, GRID));
    }
    let (width, height) = sides(raster);
    let x = Taps::area(width as f64, GRID);
    let y = Taps::area(height as f64, GRID);
    let (mean, variance) = moments(raster, &x, &y);
    if Taps::averages(width) && Taps::averages(height) {
        (mean, variance)
    } else {
        (luma(), variance)
    }
}

/// Returns whether a picture has pixels enough for a texture inside the cells of the grid.
fn has_texture(photo: &Photo) -> bool {
    photo.width().min(photo.height()) as usize >= GRID
}

/// Returns the mean alpha of each stored tile.
fn tile_alpha(raster: &Raster) -> Plane {
    if !raster.layout().has_alpha() {
        return opaque();
    }
    let (width, height) = sides(raster);
    let x = Taps::area(width as f64, TILES);
    let y = Taps::area(height as f64, TILES);
    resample(&AlphaRows(raster), &x, &y)
}

/// Returns the tile alpha of a picture without transparency.
fn opaque() -> Plane {
    let mut alpha = Plane::new(TILES, TILES);
    alpha.data_mut().fill(1.0);
    alpha
}

/// Returns the mean of a 256 x 256 plane over each tile, row-major.
pub(in crate::watermark) fn tile_means(plane: &Plane) -> Vec<f32> {
    let taps = Taps::area(GRID as f64, TILES);
    let means = resample(plane, &taps, &taps).into_vec();
    debug_assert_eq!(means.len(), TILE_COUNT);
    means
}

fn sides(rows: &impl LumaRows) -> (usize, usize) {
    (rows.width(), rows.height())
}

/// Turns an upright grid into stored orientation.
pub(in crate::watermark) fn to_stored(orientation: Orientation, upright: &Plane) -> Plane {
    orientation.inverse().apply(upright)
}
