//! The contact sheet: what every attack makes of one photograph, and the z that is left.

use image::{Rgb, RgbImage, imageops};

use crate::{
    attacks::{Pen, text},
    matrix::{Matrix, Pair, THUMBNAIL},
};

/// Pictures in a row.
const COLUMNS: u32 = 10;
/// Width and height of a cell: a picture, its name and its z.
const CELL: (u32, u32) = (THUMBNAIL + 12, THUMBNAIL + 44);
/// Height of the title.
const TITLE: u32 = 48;

const PAPER: Rgb<u8> = Rgb([250, 250, 248]);
const INK: Rgb<u8> = Rgb([40, 40, 40]);
const FOUND: Rgb<u8> = Rgb([0, 120, 60]);
const LOST: Rgb<u8> = Rgb([190, 30, 30]);

/// Draws the sheet of the first photograph, or nothing if there is no pair.
pub(crate) fn contact_sheet(matrix: &Matrix, title: &str) -> Option<RgbImage> {
    let shown: Vec<(&Pair, &RgbImage)> = matrix
        .pairs
        .iter()
        .filter(|pair| pair.photo == matrix.pairs[0].photo)
        .filter_map(|pair| Some((pair, pair.thumbnail.as_ref()?)))
        .collect();
    if shown.is_empty() {
        return None;
    }
    let rows = (shown.len() as u32).div_ceil(COLUMNS);
    let size = (COLUMNS * CELL.0, TITLE + rows * CELL.1);
    let mut sheet = RgbImage::from_pixel(size.0, size.1, PAPER);
    let heading = Pen {
        size: 24.0,
        colour: INK,
    };
    text(&mut sheet, title, (10.0, 12.0), &heading);
    for (at, (pair, picture)) in (0u32..).zip(shown) {
        let (left, top) = (at % COLUMNS * CELL.0, TITLE + at / COLUMNS * CELL.1);
        let spare = |length: u32| i64::from((THUMBNAIL - length.min(THUMBNAIL)) / 2);
        imageops::replace(
            &mut sheet,
            picture,
            i64::from(left + 6) + spare(picture.width()),
            i64::from(top) + spare(picture.height()),
        );
        let place = |line: u32| (f64::from(left + 6), f64::from(top + THUMBNAIL + line));
        let name = Pen {
            size: 15.0,
            colour: INK,
        };
        let verdict = Pen {
            size: 17.0,
            colour: if pair.detected() { FOUND } else { LOST },
        };
        text(
            &mut sheet,
            &matrix.attacks[pair.attack].name,
            place(3),
            &name,
        );
        let z = format!("z {:.1}", pair.detection.z);
        text(&mut sheet, &z, place(20), &verdict);
    }
    Some(sheet)
}
