//! Coarse colour, which the luma sums cannot see.
//!
//! ```text
//! Cb = -0.168736 R - 0.331264 G + 0.5 B        Cr = 0.5 R - 0.418688 G - 0.081312 B        (JFIF)
//! cell        2 x 2 tiles, 16 x 16 of the protected photo: mean Cb, mean Cr, each -127..=127
//! in a record round(mean) as i8, plus a byte of the key's chroma stream modulo 256: 256 bytes of Cb, then of Cr
//! ```
//!
//! A mark is added to R, G and B alike, and to Y alone in a JPEG, so neither mean depends on it.
//! Nothing here takes part in the decision on the mark. With the stream added a section is noise to
//! everybody without the key. Chroma of a JPEG comes from its coefficients
//! ([`crate::watermark::sampling::jpeg_luma`]), usually from the means of blocks alone. Grey
//! pictures have none.

use pulp::Simd;

use super::hidden::Hidden;
use crate::{
    imaging::{CoefficientImage, Layout, Orientation, Photo, Pixels, Plane, Raster, Samples},
    simd,
    watermark::{
        geometry::homography::Homography,
        key::{Stream, WatermarkKey},
        layout::TILES,
        sampling::{
            jpeg_luma::ReducedLuma,
            resample::{LumaRows, Taps, resample},
        },
    },
};

/// Number of cells on a side of the picture.
pub(in crate::watermark) const CELLS: usize = TILES / 2;
/// Number of cells of the picture.
pub(in crate::watermark) const CELL_COUNT: usize = CELLS * CELLS;
/// Bytes of the section in a record.
const SECTION_BYTES: usize = 2 * CELL_COUNT;
/// Samples on a side of the small chroma planes that cells are sampled from.
const SIDE: usize = 128;
/// Sampled places on a side of a cell; with [`SIDE`], every sample of an uncropped picture once.
const PLACES: usize = SIDE / CELLS;
/// Most rows of a raster that are read: means over cells need no more.
const ROWS: usize = 512;
/// Value of Cb + 128 and Cr + 128 that stands for no colour.
const MID: f32 = 128.0;
/// One 16-bit step on the scale 0..=255.
const STEP_16: f32 = 1.0 / 257.0;
/// Weights of red, green and blue in Cb and in Cr (JFIF).
const WEIGHTS: [[f32; 3]; 2] = [[-0.168_736, -0.331_264, 0.5], [0.5, -0.418_688, -0.081_312]];

/// Mean (Cb, Cr) of each cell, row-major; `None` where a cell is not seen.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::watermark) struct ChromaCells(Vec<Option<[f32; 2]>>);

impl ChromaCells {
    /// Measures a protected photo, all of which is seen in its place; `None` for a grey one.
    pub(in crate::watermark) fn of(photo: &Photo) -> Option<Self> {
        ChromaPlanes::of(photo).map(|planes| planes.cells(&Homography::IDENTITY))
    }

    /// Makes cells from one value each, for tests.
    #[cfg(test)]
    pub(in crate::watermark) fn from_fn(value: impl FnMut(usize) -> Option<[f32; 2]>) -> Self {
        Self((0..CELL_COUNT).map(value).collect())
    }

    /// Returns the colours of the picture with light and dark exchanged.
    pub(in crate::watermark) fn negative(self) -> Self {
        let exchanged = |cell: Option<[f32; 2]>| cell.map(|cell| cell.map(|value| -value));
        Self(self.0.into_iter().map(exchanged).collect())
    }

    /// Returns the (Cb, Cr) of a cell, if it is seen.
    pub(in crate::watermark) fn cell(&self, cell: usize) -> Option<[f32; 2]> {
        self.0[cell]
    }

    /// Hides the cells for a record. A cell that is not seen counts as grey.
    pub(in crate::watermark) fn hide(&self, key: &WatermarkKey) -> HiddenChroma {
        let code = |channel: usize, cell: &Option<[f32; 2]>| {
            let mean = cell.map_or(0.0, |cell| cell[channel]);
            (mean.round().clamp(-127.0, 127.0) as i8).cast_unsigned()
        };
        let codes = (0..2).flat_map(|channel| self.0.iter().map(move |cell| code(channel, cell)));
        Hidden::new(codes, key, Stream::Chroma)
    }

    /// Uncovers the cells of a record. Another key gives noise.
    pub(in crate::watermark) fn uncover(hidden: &HiddenChroma, key: &WatermarkKey) -> Self {
        let codes = hidden.uncover(key, Stream::Chroma);
        let (blue, red) = codes.split_at(CELL_COUNT);
        let value = |code: &u8| f32::from(code.cast_signed());
        Self(
            (blue.iter().zip(red))
                .map(|(b, r)| Some([value(b), value(r)]))
                .collect(),
        )
    }
}

/// Hidden cells, as a record keeps them.
pub(in crate::watermark) type HiddenChroma = Hidden<SECTION_BYTES>;

/// The chroma of a received picture, upright and squashed to 128 x 128, as Cb + 128 and Cr + 128.
#[derive(Debug, Clone)]
pub(in crate::watermark) struct ChromaPlanes([Plane; 2]);

impl ChromaPlanes {
    /// Samples a picture; `None` for a grey one.
    pub(in crate::watermark) fn of(photo: &Photo) -> Option<Self> {
        let stored = match &photo.pixels {
            Pixels::Raster(raster) => {
                (raster.layout().colour_channels() == 3).then(|| WEIGHTS.map(|w| shrink(raster, w)))
            }
            Pixels::Jpeg(image) => (image.component_count() == 3).then(|| jpeg_planes(image)),
        }?;
        let upright = |plane: Plane| match photo.orientation {
            Orientation::Upright => plane,
            turned => turned.apply(&plane),
        };
        Some(Self(stored.map(upright)))
    }

    /// Returns the means over the cells of the protected photo, under a map from it to the picture.
    pub(in crate::watermark) fn cells(&self, map: &Homography) -> ChromaCells {
        if *map == Homography::IDENTITY {
            return ChromaCells((0..CELL_COUNT).map(|cell| Some(self.own(cell))).collect());
        }
        ChromaCells(
            (0..CELL_COUNT)
                .map(|cell| self.cell(map, cell % CELLS, cell / CELLS))
                .collect(),
        )
    }

    /// Returns the mean over one cell of the picture itself: what [`Self::cell`] gives under the
    /// identity.
    fn own(&self, cell: usize) -> [f32; 2] {
        let (x, y) = (cell % CELLS * PLACES, cell / CELLS * PLACES);
        [0, 1].map(|channel| {
            let plane = &self.0[channel];
            let rows = (y..y + PLACES).map(|y| plane.row(y)[x..x + PLACES].iter().sum::<f32>());
            rows.sum::<f32>() / (PLACES * PLACES) as f32 - MID
        })
    }

    /// Returns the mean over one cell, or `None` if part of it lies outside the picture.
    fn cell(&self, map: &Homography, column: usize, row: usize) -> Option<[f32; 2]> {
        let place = |cell: usize, at: usize| {
            (cell as f64 + (at as f64 + 0.5) / PLACES as f64) / CELLS as f64
        };
        let mut sum = [0.0; 2];
        for y in 0..PLACES {
            for x in 0..PLACES {
                let (x, y) = map.apply(place(column, x), place(row, y))?;
                if !(0.0..=1.0).contains(&x) || !(0.0..=1.0).contains(&y) {
                    return None;
                }
                for (sum, plane) in sum.iter_mut().zip(&self.0) {
                    *sum += bilinear(plane, x, y) - MID;
                }
            }
        }
        Some(sum.map(|sum| sum / (PLACES * PLACES) as f32))
    }
}

/// Interpolates a plane at (x, y) of the unit square.
fn bilinear(plane: &Plane, x: f64, y: f64) -> f32 {
    let axis = |at: f64| {
        let at = (at * SIDE as f64 - 0.5).clamp(0.0, (SIDE - 1) as f64);
        let first = (at as usize).min(SIDE - 2);
        (first, (at - first as f64) as f32)
    };
    let ((column, across), (row, down)) = (axis(x), axis(y));
    let line = |row: usize| {
        let pair = &plane.row(row)[column..column + 2];
        pair[0] + across * (pair[1] - pair[0])
    };
    let (above, below) = (line(row), line(row + 1));
    above + down * (below - above)
}

/// Averages one chroma channel of a raster.
fn shrink(raster: &Raster, weights: [f32; 3]) -> Plane {
    let rows = ChromaRows {
        raster,
        weights,
        step: (raster.height() as usize).div_ceil(ROWS),
    };
    let x = Taps::area(rows.width() as f64, SIDE);
    let y = Taps::area(rows.height() as f64, SIDE);
    resample(&rows, &x, &y)
}

/// Averages Cb and Cr of a JPEG of three components.
fn jpeg_planes(image: &CoefficientImage) -> [Plane; 2] {
    let of_rgb = image.luma_components().len() == 3;
    [0, 1].map(|channel| {
        let reduced = if of_rgb {
            let [red, green, blue] = WEIGHTS[channel];
            ReducedLuma::of_components(image, &[(0, red), (1, green), (2, blue)], SIDE)
        } else {
            ReducedLuma::of_components(image, &[(channel + 1, 1.0)], SIDE)
        };
        reduced.shrink(SIDE, SIDE)
    })
}

/// One chroma channel of a raster of three colours, on white where it is transparent; every
/// `step`th row.
#[derive(Debug)]
struct ChromaRows<'a> {
    raster: &'a Raster,
    weights: [f32; 3],
    step: usize,
}

impl LumaRows for ChromaRows<'_> {
    fn width(&self) -> usize {
        self.raster.width() as usize
    }

    fn height(&self) -> usize {
        self.raster.height() as usize / self.step
    }

    fn read_row(&self, y: usize, out: &mut [f32]) {
        let layout = self.raster.layout();
        let length = self.width() * layout.channels();
        let start = (y * self.step + self.step / 2) * length;
        let range = start..start + length;
        match self.raster.samples() {
            Samples::U8(samples) => weigh(&samples[range], layout, self.weights, 1.0, out),
            Samples::U16(samples) => {
                let weights = self.weights.map(|weight| weight * STEP_16);
                weigh(&samples[range], layout, weights, STEP_16, out);
            }
        }
    }
}

/// Weighs the samples of a row; `scale` takes them to 0..=255, which the weights have done already.
#[pulp::with_simd(weigh = simd::arch())]
#[inline(always)]
fn weigh_lanes<'a, V: Simd, S: Copy + Into<f32>>(
    _: V,
    samples: &'a [S],
    layout: Layout,
    [red, green, blue]: [f32; 3],
    scale: f32,
    out: &'a mut [f32],
) {
    let of = |r: S, g: S, b: S| red * r.into() + green * g.into() + blue * b.into();
    // Two loops over pixels of known size, which vectorise.
    if layout.has_alpha() {
        for (out, &[r, g, b, a]) in out.iter_mut().zip(samples.as_chunks().0) {
            *out = MID + of(r, g, b) * (a.into() * scale / 255.0);
        }
    } else {
        for (out, &[r, g, b]) in out.iter_mut().zip(samples.as_chunks().0) {
            *out = MID + of(r, g, b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        imaging::{Layout, Samples},
        watermark::tests::pictures::{jpeg, key, open, photo},
    };

    /// A picture whose left half is red and whose right half is blue below the middle, grey
    /// elsewhere.
    fn colours(width: u32, height: u32) -> Vec<u8> {
        let pixel = |at: u32| {
            let (x, y) = (at % width, at / width);
            match (y >= height / 2, x >= width / 2) {
                (true, false) => [180, 90, 80],
                (true, true) => [70, 90, 190],
                (false, _) => [120, 120, 120],
            }
        };
        (0..width * height).flat_map(pixel).collect()
    }

    fn assert_colours(cells: &ChromaCells, tolerance: f32) {
        for (cell, expected) in [
            (17, [0.0, 0.0]),
            (10 * CELLS + 3, [-20.187, 45.814]),
            (10 * CELLS + 12, [53.374, -18.130]),
        ] {
            let found = cells.cell(cell).unwrap();
            for (found, expected) in found.into_iter().zip(expected) {
                assert!(
                    (found - expected).abs() < tolerance,
                    "{cell}: {found} {expected}"
                );
            }
        }
    }

    #[test]
    fn samples_and_coefficients_have_the_same_chroma() {
        for (width, height) in [(512, 384), (100, 70), (1500, 1100)] {
            let rgb = colours(width, height);
            let file = jpeg(width, height, &rgb, 90);
            let raster = photo(width, height, Layout::Rgb, Samples::U8(rgb));
            assert_colours(&ChromaCells::of(&raster).unwrap(), 0.1);
            assert_colours(&ChromaCells::of(&open(&file)).unwrap(), 1.5);
        }
    }

    #[test]
    fn depth_does_not_matter_and_transparency_is_white() {
        let rgb = colours(256, 256);
        let deep = rgb.iter().map(|&sample| u16::from(sample) * 257).collect();
        let deep = photo(256, 256, Layout::Rgb, Samples::U16(deep));
        assert_colours(&ChromaCells::of(&deep).unwrap(), 0.1);
        let clear = rgb
            .chunks_exact(3)
            .flat_map(|p| [p[0], p[1], p[2], 0])
            .collect();
        let clear = photo(256, 256, Layout::Rgba, Samples::U8(clear));
        let cells = ChromaCells::of(&clear).unwrap();
        assert!((0..CELL_COUNT).all(|cell| cells.cell(cell) == Some([0.0; 2])));
        let grey = photo(256, 256, Layout::Gray, Samples::U8(vec![7; 256 * 256]));
        assert!(ChromaCells::of(&grey).is_none());
    }

    #[test]
    fn in_place_cells_are_means_of_blocks() {
        let rgb = colours(500, 300);
        let planes = ChromaPlanes::of(&photo(500, 300, Layout::Rgb, Samples::U8(rgb))).unwrap();
        let map = Homography::IDENTITY;
        let all = planes.cells(&map);
        for cell in 0..CELL_COUNT {
            let sampled = planes.cell(&map, cell % CELLS, cell / CELLS).unwrap();
            for (a, b) in all.cell(cell).unwrap().into_iter().zip(sampled) {
                assert!((a - b).abs() < 1e-3, "{cell}: {a} {b}");
            }
        }
    }

    #[test]
    fn a_crop_shows_its_own_cells_in_their_place() {
        let rgb = colours(512, 512);
        let right: Vec<u8> = rgb
            .chunks_exact(3 * 512)
            .flat_map(|row| &row[3 * 256..])
            .copied()
            .collect();
        let right = photo(256, 512, Layout::Rgb, Samples::U8(right));
        let half = Homography([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
        let cells = ChromaPlanes::of(&right).unwrap().cells(&half);
        assert_eq!(cells.cell(10 * CELLS + 3), None);
        let [b, r] = cells.cell(10 * CELLS + 12).unwrap();
        assert!((b - 53.374).abs() < 0.1 && (r + 18.130).abs() < 0.1);
    }

    #[test]
    fn hidden_chroma_comes_back_for_its_key_alone() {
        let cells = ChromaCells::from_fn(|cell| Some([cell as f32 * 0.7 - 90.0, -130.0]));
        let hidden = cells.hide(&key());
        let bytes = hidden.to_bytes();
        let back = ChromaCells::uncover(&HiddenChroma::from_bytes(bytes).unwrap(), &key());
        for cell in 0..CELL_COUNT {
            let [b, r] = back.cell(cell).unwrap();
            assert!((b - (cell as f32 * 0.7 - 90.0)).abs() <= 0.5);
            assert_eq!(r.to_bits(), (-127.0_f32).to_bits());
        }
        let other = ChromaCells::uncover(&hidden, &WatermarkKey::derive(&[7; 32], &[8; 16]));
        let same = (0..CELL_COUNT).filter(|&cell| other.cell(cell) == back.cell(cell));
        assert!(same.count() < 4);
        assert!(HiddenChroma::from_bytes(&bytes[1..]).is_err());
    }

    #[test]
    fn chroma_is_the_same_bits_on_every_instruction_set() {
        for layout in [Layout::Rgb, Layout::Rgba] {
            let count = 133 * 140 * layout.channels();
            let bytes: Vec<u8> = (0..count).map(|at| (at * 97 % 251) as u8).collect();
            let words = bytes.iter().map(|&byte| u16::from(byte) * 251).collect();
            for samples in [Samples::U8(bytes), Samples::U16(words)] {
                let photo = photo(133, 140, layout, samples);
                let planes = || {
                    let planes = ChromaPlanes::of(&photo).unwrap().0;
                    planes.map(|plane| plane.data().iter().map(|v| v.to_bits()).collect::<Vec<_>>())
                };
                assert_eq!(planes(), simd::narrow::run(planes), "{layout:?}");
            }
        }
    }
}
