//! The photograph cut for a page or a screen, and partly covered there in the open; all saved as
//! JPEG 85.

use image::{Rgb, RgbImage, imageops};

use super::{
    case::{Case, Expected},
    compose::cover,
    scene::Scene,
};
use crate::attacks::{Pen, blur, jpeg, long_edge, resize_to, strip, text};

const WHITE: Rgb<u8> = Rgb([255; 3]);
const BLACK: Rgb<u8> = Rgb([0; 3]);
const NAVY: Rgb<u8> = Rgb([18, 30, 84]);
const RED: Rgb<u8> = Rgb([200, 22, 30]);

/// What lays out a page.
type Layout = fn(&Scene) -> RgbImage;

/// The cases.
pub(super) fn cases() -> Vec<Case> {
    let layouts: [(&str, Layout); 8] = [
        ("lower_third", |scene| lower_third(&scene.protected)),
        ("card", |scene| card(&scene.protected)),
        ("magazine", |scene| magazine(&scene.protected)),
        ("story", |scene| story(&scene.protected)),
        ("picture_in_picture", picture_in_picture),
        ("collage", collage),
        ("television", |scene| television(&scene.protected)),
        ("split_screen", |scene| split_screen(&scene.protected)),
    ];
    layouts
        .into_iter()
        .map(|(name, layout)| {
            let make = move |scene: &Scene, _: &mut _| jpeg(&layout(scene), 85);
            Case::new("covered", name, Expected::Covered, make)
        })
        .collect()
}

/// Cuts to an aspect, as large as possible and a little off the centre.
fn cut(picture: &RgbImage, aspect: f64) -> RgbImage {
    let change = aspect * f64::from(picture.height()) / f64::from(picture.width());
    strip(
        picture,
        (change.min(1.0), (1.0 / change).min(1.0)),
        0.45,
        0.4,
    )
}

/// Length of a share of a side, in whole pixels.
fn part(side: u32, share: f64) -> u32 {
    ((f64::from(side) * share).round() as u32).max(1)
}

/// Fills a rectangle given in fractions: left, top, width, height.
fn bar(page: &mut RgbImage, area: [f64; 4], colour: Rgb<u8>) {
    let (width, height) = page.dimensions();
    let filled = RgbImage::from_pixel(part(width, area[2]), part(height, area[3]), colour);
    let (left, top) = (area[0] * f64::from(width), area[1] * f64::from(height));
    imageops::replace(page, &filled, left as i64, top as i64);
}

/// Writes a line; place and size in fractions of width and height.
fn write(page: &mut RgbImage, line: &str, at: (f64, f64), size: f64, colour: Rgb<u8>) {
    let (width, height) = (f64::from(page.width()), f64::from(page.height()));
    let pen = Pen {
        size: size * height,
        colour,
    };
    text(page, line, (at.0 * width, at.1 * height), &pen);
}

/// Cut to 16:9, a bar with text over the lowest 22 %.
fn lower_third(picture: &RgbImage) -> RgbImage {
    let mut page = cut(picture, 16.0 / 9.0);
    bar(&mut page, [0.0, 0.78, 1.0, 0.22], NAVY);
    bar(&mut page, [0.03, 0.80, 0.14, 0.06], RED);
    write(&mut page, "LIVE", (0.05, 0.805), 0.05, WHITE);
    write(
        &mut page,
        "Harbour bridge closed until spring",
        (0.03, 0.87),
        0.07,
        WHITE,
    );
    page
}

/// Cut to a square on a white page, a headline below.
fn card(picture: &RgbImage) -> RgbImage {
    let square = cut(picture, 1.0);
    let side = square.width();
    let margin = part(side, 0.06);
    let mut page = RgbImage::from_pixel(side + 2 * margin, part(side, 1.45), WHITE);
    imageops::replace(&mut page, &square, margin.into(), margin.into());
    write(&mut page, "The long way round", (0.06, 0.76), 0.06, BLACK);
    write(
        &mut page,
        "Why nobody asked the engineers",
        (0.06, 0.85),
        0.035,
        BLACK,
    );
    page
}

/// Cut to 3:4, the masthead over the upper 18 %, a column of text.
fn magazine(picture: &RgbImage) -> RgbImage {
    let mut page = cut(picture, 3.0 / 4.0);
    bar(&mut page, [0.0, 0.0, 1.0, 0.18], RED);
    write(&mut page, "MERIDIAN", (0.04, 0.03), 0.12, WHITE);
    for (line, words) in [
        "The island",
        "that moved",
        "House prices:",
        "who is left?",
        "12 pages of",
        "spring walks",
    ]
    .into_iter()
    .enumerate()
    {
        write(
            &mut page,
            words,
            (0.04, 0.4 + 0.07 * line as f64),
            0.045,
            WHITE,
        );
    }
    page
}

/// Cut to 9:16 in the middle of a wide frame whose sides are a blurred enlargement.
fn story(picture: &RgbImage) -> RgbImage {
    let tall = cut(picture, 9.0 / 16.0);
    let height = tall.height();
    let width = part(height, 16.0 / 9.0);
    let mut page = cover(&blur(&long_edge(&tall, 128), 4.0), width, height);
    let left = (width - tall.width()) / 2;
    imageops::replace(&mut page, &tall, left.into(), 0);
    page
}

/// Cut to 80 % of both sides, another photograph over a quarter at a corner.
fn picture_in_picture(scene: &Scene) -> RgbImage {
    let mut page = strip(&scene.protected, (0.8, 0.8), 0.45, 0.4);
    let inset = resize_to(scene.other(0), page.width() / 2, page.height() / 2);
    let (left, top) = (page.width() - inset.width(), page.height() - inset.height());
    imageops::replace(&mut page, &inset, left.into(), top.into());
    page
}

/// Four squares, one of them of the photograph; the others show other ones.
fn collage(scene: &Scene) -> RgbImage {
    let square = cut(&scene.protected, 1.0);
    let side = square.width();
    let gap = part(side, 0.02);
    let mut page = RgbImage::from_pixel(2 * side + gap, 2 * side + gap, WHITE);
    let far = i64::from(side + gap);
    imageops::replace(&mut page, &square, far, 0);
    for (at, place) in [(0, 0), (0, far), (far, far)].into_iter().enumerate() {
        let other = cover(&scene.others[at % scene.others.len()], side, side);
        imageops::replace(&mut page, &other, place.0, place.1);
    }
    page
}

/// Cut to 90 % of both sides; a logo, a ticker and a black border of 4 %.
fn television(picture: &RgbImage) -> RgbImage {
    let mut shown = strip(picture, (0.9, 0.9), 0.45, 0.4);
    bar(&mut shown, [0.84, 0.04, 0.12, 0.09], RED);
    write(&mut shown, "TV 9", (0.85, 0.05), 0.06, WHITE);
    bar(&mut shown, [0.0, 0.91, 1.0, 0.09], NAVY);
    write(
        &mut shown,
        "markets +0.4   weather: rain until Friday",
        (0.02, 0.925),
        0.05,
        WHITE,
    );
    let (across, down) = (part(shown.width(), 0.04), part(shown.height(), 0.04));
    let mut page =
        RgbImage::from_pixel(shown.width() + 2 * across, shown.height() + 2 * down, BLACK);
    imageops::replace(&mut page, &shown, across.into(), down.into());
    page
}

/// Fills the left 55 % of a wide frame; text on the right.
fn split_screen(picture: &RgbImage) -> RgbImage {
    let shown = cut(picture, 0.55 * 16.0 / 9.0);
    let width = part(shown.width(), 1.0 / 0.55);
    let mut page = RgbImage::from_pixel(width, shown.height(), NAVY);
    imageops::replace(&mut page, &shown, 0, 0);
    for (line, words) in [
        "What we know",
        "so far: three",
        "questions and",
        "one answer",
    ]
    .into_iter()
    .enumerate()
    {
        write(
            &mut page,
            words,
            (0.58, 0.2 + 0.14 * line as f64),
            0.07,
            WHITE,
        );
    }
    page
}
