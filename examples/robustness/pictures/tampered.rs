//! Tamper maps over the pictures: what was found in red, where the edit was made in a white frame.

use image::{Rgb, RgbImage, imageops};
use imageproc::{drawing::draw_hollow_rect_mut, rect::Rect};

use crate::{
    attacks::{Pen, long_edge, text},
    edits::Area,
    tamper::{Edits, Example, area_of},
};

/// Long side of each picture, in pixels.
const SIDE: u32 = 480;
/// Pictures in a row.
const COLUMNS: u32 = 3;
/// Height of a caption.
const CAPTION: u32 = 32;
/// Tiles along each side of a map.
const TILES: usize = 32;

const WHITE: Rgb<u8> = Rgb([255; 3]);
const YELLOW: Rgb<u8> = Rgb([255, 210, 0]);

/// Draws the examples, or nothing if there are none.
pub(crate) fn tamper_maps(edits: &Edits) -> Option<RgbImage> {
    let pictures: Vec<RgbImage> = edits.examples.iter().map(overlaid).collect();
    let (width, height) = pictures.first()?.dimensions();
    let rows = (pictures.len() as u32).div_ceil(COLUMNS);
    let cell = (width + 8, height + CAPTION);
    let mut sheet = RgbImage::from_pixel(COLUMNS * cell.0, rows * cell.1, Rgb([250; 3]));
    for (at, (picture, example)) in (0u32..).zip(pictures.iter().zip(&edits.examples)) {
        let (left, top) = (at % COLUMNS * cell.0 + 4, at / COLUMNS * cell.1);
        imageops::replace(&mut sheet, picture, left.into(), top.into());
        let regions = example
            .tampering
            .as_ref()
            .map_or(0, |found| found.regions.len());
        let caption = match regions {
            0 => format!("{}: nothing found", example.name),
            1 => format!("{}: one region", example.name),
            _ => format!("{}: {regions} regions", example.name),
        };
        let pen = Pen {
            size: 20.0,
            colour: Rgb([40; 3]),
        };
        let place = (f64::from(left), f64::from(top + height + 5));
        text(&mut sheet, &caption, place, &pen);
    }
    Some(sheet)
}

/// The picture in grey, the map in red above it, regions framed in yellow.
fn overlaid(example: &Example) -> RgbImage {
    let mut picture = long_edge(&example.picture, SIDE);
    let (width, height) = picture.dimensions();
    if let Some(tampering) = &example.tampering {
        for (x, y, pixel) in picture.enumerate_pixels_mut() {
            let tile = |at: u32, side: u32| (at as usize * TILES / side as usize).min(TILES - 1);
            let evidence = tampering.map()[tile(y, height) * TILES + tile(x, width)];
            // From a hint of red at half the threshold to full red at twice.
            let red = ((evidence - 0.5) / 1.5).clamp(0.0, 1.0) * 0.75;
            let grey = pixel.0.iter().map(|&sample| f32::from(sample)).sum::<f32>() / 3.0;
            let mix = |to: f32| (grey + red * (to - grey)) as u8;
            *pixel = Rgb([mix(235.0), mix(20.0), mix(20.0)]);
        }
        for region in &tampering.regions {
            frame(&mut picture, &area_of(region), YELLOW);
        }
    }
    frame(&mut picture, &example.area, WHITE);
    picture
}

/// Draws a frame of two pixels.
fn frame(picture: &mut RgbImage, area: &Area, colour: Rgb<u8>) {
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    for inset in [0.0, 1.0] {
        let left = (area.x * width + inset) as i32;
        let top = (area.y * height + inset) as i32;
        let side = |share: f64, side: f64| ((share * side - 2.0 * inset) as u32).max(2);
        let rectangle =
            Rect::at(left, top).of_size(side(area.width, width), side(area.height, height));
        draw_hollow_rect_mut(picture, rectangle, colour);
    }
}
