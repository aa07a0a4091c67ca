//! Alterations of a part of the picture, to see whether the tamper map finds them and where.
//!
//! | Edit | What happens to the part |
//! |---|---|
//! | splice | a part of another photograph is put there, its edge soft |
//! | copy-move | a part of the same photograph |
//! | inpaint | filled smoothly from its border |
//! | blur | a Gaussian of 2 % of the long side |
//! | pixelate | squares of 3 % of the long side |
//! | text | a line of white letters |

use image::{Rgb, RgbImage, imageops};

use crate::attacks::{Attacked, Pen, blur, jpeg, resize, text};

/// A rectangle, in fractions of the picture.
#[derive(Clone, Copy)]
pub(crate) struct Area {
    /// Left edge.
    pub(crate) x: f64,
    /// Upper edge.
    pub(crate) y: f64,
    /// Width.
    pub(crate) width: f64,
    /// Height.
    pub(crate) height: f64,
}

impl Area {
    /// A square-ish place that holds a share of the picture's area.
    fn of_share(share: f64, centre: (f64, f64)) -> Self {
        let side = share.sqrt();
        Self {
            x: centre.0 - side / 2.0,
            y: centre.1 - side / 2.0,
            width: side,
            height: side,
        }
    }

    /// Tells whether two areas overlap.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let apart = |a: f64, length: f64, b: f64, other: f64| a + length <= b || b + other <= a;
        !apart(self.x, self.width, other.x, other.width)
            && !apart(self.y, self.height, other.y, other.height)
    }

    /// Tells whether a place lies in it.
    pub(crate) fn holds(&self, x: f64, y: f64) -> bool {
        (self.x..self.x + self.width).contains(&x) && (self.y..self.y + self.height).contains(&y)
    }

    /// Left, top, width and height in pixels.
    pub(crate) fn pixels(&self, picture: &RgbImage) -> (u32, u32, u32, u32) {
        let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
        let length = |share: f64, side: f64| ((share * side).round() as u32).max(4);
        (
            (self.x * width) as u32,
            (self.y * height) as u32,
            length(self.width, width),
            length(self.height, height),
        )
    }
}

/// Edits, in the order of a table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edit {
    /// A part of another photograph.
    Splice,
    /// A part of the same photograph.
    CopyMove,
    /// Filled smoothly.
    Inpaint,
    /// Blurred.
    Blur,
    /// Pixelated.
    Pixelate,
    /// Written over.
    Text,
}

impl Edit {
    /// All edits.
    pub(crate) const ALL: [Self; 6] = [
        Self::Splice,
        Self::CopyMove,
        Self::Inpaint,
        Self::Blur,
        Self::Pixelate,
        Self::Text,
    ];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Splice => "splice",
            Self::CopyMove => "copy-move",
            Self::Inpaint => "inpaint",
            Self::Blur => "blur",
            Self::Pixelate => "pixelate",
            Self::Text => "text",
        }
    }

    /// Where it is made: not in the same place each time, and never at the border.
    pub(crate) fn area(self, share: f64) -> Area {
        let centre = match self {
            Self::Splice => (0.62, 0.42),
            Self::CopyMove => (0.35, 0.6),
            Self::Inpaint => (0.55, 0.66),
            Self::Blur => (0.4, 0.4),
            Self::Pixelate => (0.66, 0.58),
            Self::Text => (0.5, 0.5),
        };
        Area::of_share(share, centre)
    }

    /// Makes it. `other` is the photograph that a splice comes from.
    pub(crate) fn make(self, picture: &RgbImage, area: &Area, other: &RgbImage) -> RgbImage {
        let (left, top, width, height) = area.pixels(picture);
        let part = imageops::crop_imm(picture, left, top, width, height).to_image();
        let long = f64::from(picture.width().max(picture.height()));
        let new = match self {
            Self::Splice => {
                let place = |side: u32, length: u32| side.saturating_sub(length) / 2;
                let (x, y) = (place(other.width(), width), place(other.height(), height));
                let piece = imageops::crop_imm(other, x, y, width, height).to_image();
                imageops::resize(&piece, width, height, imageops::FilterType::Triangle)
            }
            Self::CopyMove => {
                let x = (left + picture.width() / 3) % (picture.width() - width);
                let y = (top + picture.height() / 3) % (picture.height() - height);
                imageops::crop_imm(picture, x, y, width, height).to_image()
            }
            Self::Inpaint => fill(&part),
            Self::Blur => blur(&part, (0.02 * long).max(1.0)),
            Self::Pixelate => {
                let square = (0.03 * long).max(2.0);
                let side = |length: u32| ((f64::from(length) / square).round() as u32).max(1);
                let few = imageops::thumbnail(&part, side(width), side(height));
                imageops::resize(&few, width, height, imageops::FilterType::Nearest)
            }
            Self::Text => {
                let mut written = part.clone();
                let pen = Pen {
                    size: f64::from(height) * 0.45,
                    colour: Rgb([255; 3]),
                };
                let lines = [("NOT", 0.05), ("TRUE", 0.5)];
                for (line, down) in lines {
                    text(&mut written, line, (0.0, f64::from(height) * down), &pen);
                }
                written
            }
        };
        let mut edited = picture.clone();
        let feather = (f64::from(width.min(height)) * 0.06).max(1.0);
        for (x, y, pixel) in new.enumerate_pixels() {
            let edge = x.min(y).min(width - 1 - x).min(height - 1 - y);
            let weight = ((f64::from(edge) + 1.0) / feather).min(1.0) as f32;
            let under = edited.get_pixel_mut(left + x, top + y);
            for (under, over) in under.0.iter_mut().zip(pixel.0) {
                let (a, b) = (f32::from(*under), f32::from(over));
                *under = (a + weight * (b - a)).round() as u8;
            }
        }
        edited
    }
}

/// Fills a part from its border: each pixel is the mean of the four border pixels beside it,
/// weighed by nearness.
fn fill(part: &RgbImage) -> RgbImage {
    let (width, height) = part.dimensions();
    RgbImage::from_fn(width, height, |x, y| {
        let (right, bottom) = (width - 1 - x, height - 1 - y);
        let beside = [
            (0, y, x),
            (width - 1, y, right),
            (x, 0, y),
            (x, height - 1, bottom),
        ];
        let mut sums = [0.0; 3];
        let mut weights = 0.0;
        for (column, row, distance) in beside {
            let weight = 1.0 / (f64::from(distance) + 1.0);
            weights += weight;
            for (sum, sample) in sums.iter_mut().zip(part.get_pixel(column, row).0) {
                *sum += weight * f64::from(sample);
            }
        }
        Rgb(sums.map(|sum| (sum / weights).round() as u8))
    })
}

/// What happens to the whole picture after an edit.
pub(crate) const AFTERWARDS: [&str; 4] = ["nothing", "JPEG 85", "JPEG 50", "half, JPEG 75"];

/// Does it.
pub(crate) fn afterwards(index: usize, picture: RgbImage) -> Attacked {
    match index {
        0 => picture.into(),
        1 => jpeg(&picture, 85).into(),
        2 => jpeg(&picture, 50).into(),
        _ => jpeg(&resize(&picture, 0.5), 75).into(),
    }
}
