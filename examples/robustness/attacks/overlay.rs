//! Text, logos, emoji and frames. Letters are those of `DejaVu` Sans; area and contrast are what
//! matters.

use std::sync::OnceLock;

use ab_glyph::FontRef;
use image::{Rgb, RgbImage, imageops};
use imageproc::{
    drawing::{draw_filled_rect_mut, draw_text_mut},
    rect::Rect,
};

use super::{Attack, scaled};

/// The overlays.
pub(super) fn attacks() -> Vec<Attack> {
    let overlay = |name: &str, severity, note, run: fn(&RgbImage) -> RgbImage| {
        Attack::new(name, "overlay", severity, note, run)
    };
    vec![
        overlay("text_banner", 1, "", text_banner),
        overlay("logo_10", 2, "", |i| logo(i, 0.10)),
        overlay("logo_25", 3, "", |i| logo(i, 0.25)),
        overlay("emoji", 2, "", emoji),
        overlay("erase_10", 2, "", |i| erase(i, 0.10)),
        overlay("meme_frame", 2, "", meme),
    ]
}

/// How text is written.
pub(crate) struct Pen {
    /// Height of a line, in pixels.
    pub(crate) size: f64,
    /// Colour.
    pub(crate) colour: Rgb<u8>,
}

/// Writes a line of text; `at` is its top left.
pub(crate) fn text(picture: &mut RgbImage, line: &str, at: (f64, f64), pen: &Pen) {
    static FONT: OnceLock<FontRef<'static>> = OnceLock::new();
    let font = FONT.get_or_init(|| FontRef::try_from_slice(dejavu::sans::regular()).unwrap());
    let size = pen.size.max(8.0) as f32;
    draw_text_mut(
        picture,
        pen.colour,
        at.0 as i32,
        at.1 as i32,
        size,
        font,
        line,
    );
}

/// Left, top, right and bottom, in pixels.
type Area = (f64, f64, f64, f64);

/// Paints the pixels whose place in `area`, from (-1, -1) to (1, 1), is accepted.
fn paint(picture: &mut RgbImage, area: Area, colour: Rgb<u8>, accepts: impl Fn(f64, f64) -> bool) {
    let (left, top, right, bottom) = area;
    let (width, height) = picture.dimensions();
    let rows = top.max(0.0) as u32..height.min(bottom.max(0.0).ceil() as u32);
    for y in rows {
        for x in left.max(0.0) as u32..width.min(right.max(0.0).ceil() as u32) {
            let place = |at: u32, start: f64, end: f64| {
                2.0 * (f64::from(at) + 0.5 - start) / (end - start) - 1.0
            };
            if accepts(place(x, left, right), place(y, top, bottom)) {
                picture.put_pixel(x, y, colour);
            }
        }
    }
}

/// Fills an ellipse.
pub(super) fn ellipse(picture: &mut RgbImage, area: Area, colour: Rgb<u8>) {
    paint(picture, area, colour, |x, y| x * x + y * y <= 1.0);
}

/// Fills a rectangle.
fn rectangle(picture: &mut RgbImage, at: (u32, u32), size: (u32, u32), colour: Rgb<u8>) {
    let area = Rect::at(at.0 as i32, at.1 as i32).of_size(size.0.max(1), size.1.max(1));
    draw_filled_rect_mut(picture, area, colour);
}

const WHITE: Rgb<u8> = Rgb([255; 3]);
const BLACK: Rgb<u8> = Rgb([0; 3]);

fn text_banner(picture: &RgbImage) -> RgbImage {
    let mut banner = picture.clone();
    let (width, height) = banner.dimensions();
    let bar = scaled(height, 0.12);
    rectangle(&mut banner, (0, height - bar), (width, bar), Rgb([20; 3]));
    let bar = f64::from(bar);
    let at = (f64::from(width) * 0.03, f64::from(height) - bar * 0.8);
    let pen = Pen {
        size: bar * 0.55,
        colour: WHITE,
    };
    text(&mut banner, "BREAKING NEWS  example text 24/7", at, &pen);
    banner
}

fn logo(picture: &RgbImage, area: f64) -> RgbImage {
    const RED: Rgb<u8> = Rgb([214, 40, 57]);
    let mut covered = picture.clone();
    let (width, height) = covered.dimensions();
    let size = (scaled(width, area.sqrt()), scaled(height, area.sqrt()));
    let at = (scaled(width - size.0, 0.6), scaled(height - size.1, 0.4));
    rectangle(&mut covered, at, size, RED);
    let (left, top) = (f64::from(at.0), f64::from(at.1));
    let (across, down) = (f64::from(size.0), f64::from(size.1));
    let line = (down / 20.0).max(2.0);
    let ring = |inset: f64| {
        (
            left + across * 0.2 + inset,
            top + down * 0.2 + inset,
            left + across * 0.8 - inset,
            top + down * 0.8 - inset,
        )
    };
    ellipse(&mut covered, ring(0.0), WHITE);
    ellipse(&mut covered, ring(line), RED);
    let pen = Pen {
        size: down / 5.0,
        colour: WHITE,
    };
    let at = (left + across * 0.3, top + down * 0.42);
    text(&mut covered, "LOGO", at, &pen);
    covered
}

fn emoji(picture: &RgbImage) -> RgbImage {
    const BROWN: Rgb<u8> = Rgb([70, 50, 0]);
    let mut faces = picture.clone();
    let (width, height) = (f64::from(faces.width()), f64::from(faces.height()));
    for (across, down, share) in [(0.3, 0.35, 0.14), (0.72, 0.6, 0.10), (0.15, 0.85, 0.07)] {
        let radius = share * width.min(height);
        let (x, y) = (across * width, down * height);
        let around = |x: f64, y: f64, rx: f64, ry: f64| (x - rx, y - ry, x + rx, y + ry);
        ellipse(&mut faces, around(x, y, radius, radius), Rgb([120, 90, 0]));
        let inner = radius - (radius / 18.0).max(1.0);
        ellipse(&mut faces, around(x, y, inner, inner), Rgb([255, 204, 51]));
        for side in [-0.35, 0.35] {
            let eye = around(
                x + side * radius,
                y - 0.25 * radius,
                0.1 * radius,
                0.15 * radius,
            );
            ellipse(&mut faces, eye, BROWN);
        }
        let mouth = around(x, y + 0.1 * radius, 0.55 * radius, 0.5 * radius);
        let lip = 1.0 - (1.0 / 9.0_f64).max(2.0 / radius) / 0.55;
        paint(&mut faces, mouth, BROWN, |x, y| {
            let distance = x.hypot(y);
            let angle = y.atan2(x).to_degrees();
            (lip..=1.0).contains(&distance) && (20.0..=160.0).contains(&angle)
        });
    }
    faces
}

/// Grey rectangles, one in each quadrant, that cover `area` in all.
fn erase(picture: &RgbImage, area: f64) -> RgbImage {
    /// Where attacks.py puts them in their quadrants.
    const PLACES: [(f64, f64); 4] = [
        (0.5533, 0.6544),
        (0.6731, 0.0836),
        (0.357, 0.9776),
        (0.3281, 0.1609),
    ];
    let mut erased = picture.clone();
    let (width, height) = erased.dimensions();
    let share = (area / 4.0).sqrt();
    let size = (scaled(width, share), scaled(height, share));
    for (quadrant, place) in (0u32..).zip(PLACES) {
        let start = |side: u32, index: u32, length: u32, at: f64| {
            let half = f64::from(side) / 2.0;
            (f64::from(index) * half + at * (half - f64::from(length))).round() as u32
        };
        let at = (
            start(width, quadrant % 2, size.0, place.0),
            start(height, quadrant / 2, size.1, place.1),
        );
        rectangle(&mut erased, at, size, Rgb([127; 3]));
    }
    erased
}

/// White bars above and below with text, and capitals on the picture.
fn meme(picture: &RgbImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    let bar = scaled(height, 0.18);
    let mut framed = RgbImage::from_pixel(width, height + 2 * bar, WHITE);
    imageops::replace(&mut framed, picture, 0, bar.into());
    let (width, height, bar) = (f64::from(width), f64::from(height), f64::from(bar));
    let pen = Pen {
        size: bar * 0.5,
        colour: BLACK,
    };
    let left = width * 0.05;
    text(&mut framed, "WHEN THE TEST SUITE", (left, bar * 0.2), &pen);
    let below = (left, height + bar * 1.2);
    text(&mut framed, "PASSES FIRST TIME", below, &pen);
    let (x, y) = (width * 0.1, height * 0.8 + bar);
    let size = bar * 0.6;
    let outline = Pen {
        size,
        colour: BLACK,
    };
    for (dx, dy) in [(-2.0, 0.0), (2.0, 0.0), (0.0, -2.0), (0.0, 2.0)] {
        text(&mut framed, "NOBODY:", (x + dx, y + dy), &outline);
    }
    let inside = Pen {
        size,
        colour: WHITE,
    };
    text(&mut framed, "NOBODY:", (x, y), &inside);
    framed
}
