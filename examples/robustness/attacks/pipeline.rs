//! What services, screens and cameras do, one after another.

use image::{Rgb, RgbImage, imageops};

use super::{
    Attack,
    codec::{jpeg, jpeg_pixels},
    crop::crop_and_back,
    filter::moire,
    geometry::{Corners, perspective, rotate_inner},
    noise::gaussian_noise,
    overlay::{Pen, ellipse, text},
    resize::{long_edge, resize, resize_to},
    scaled,
    smooth::{gaussian, sharpen},
    tone::{contrast, gamma, white_balance},
};

/// The pipelines, and a JPEG saved twice.
pub(super) fn attacks() -> Vec<Attack> {
    let pipeline = |name: &str, severity, note, run: fn(&RgbImage) -> Vec<u8>| {
        Attack::new(name, "pipeline", severity, note, run)
    };
    vec![
        pipeline("instagram", 2, "1080 wide, contrast, JPEG 75", |i| {
            let height = scaled(i.height(), 1080.0 / f64::from(i.width()));
            jpeg(&contrast(&resize_to(i, 1080, height), 1.08), 75)
        }),
        pipeline("whatsapp", 2, "long edge 1600, JPEG 60", |i| {
            jpeg(&long_edge(i, 1600), 60)
        }),
        pipeline("screenshot", 3, "0.87, window bars, JPEG 85", |i| {
            jpeg(&screenshot(i), 85)
        }),
        pipeline("facebook", 2, "0.6, sharpen, JPEG 71", |i| {
            jpeg(&sharpen(&resize(i, 0.6), 0.8), 71)
        }),
        pipeline(
            "print_scan",
            3,
            "perspective 1 %, blur, noise, gamma, 0.8, JPEG 80",
            print_scan,
        ),
        pipeline(
            "camera_of_screen",
            4,
            "perspective 5 %, moire, white balance, blur, JPEG 80",
            |i| jpeg(&camera_of_screen(i), 80),
        ),
        pipeline("crop50_resize_jpeg50", 3, "", |i| {
            jpeg(&crop_and_back(i, 0.5), 50)
        }),
        pipeline("rotate5_crop_jpeg70", 3, "", |i| {
            jpeg(&rotate_inner(i, 5.0), 70)
        }),
        Attack::new("jpeg_twice", "jpeg", 2, "75 then 60", |i| {
            jpeg(&jpeg_pixels(i, 75), 60)
        }),
    ]
}

/// The picture in a dark page with a title bar and a footer.
pub(crate) fn screenshot(picture: &RgbImage) -> RgbImage {
    let shown = resize(picture, 0.87);
    let (width, height) = shown.dimensions();
    let [top, bottom] = [0.09, 0.13].map(|share| scaled(height, share));
    let side = scaled(width, 0.03);
    let mut page = RgbImage::from_pixel(width + 2 * side, height + top + bottom, Rgb([24; 3]));
    let full_height = page.height();
    let bar = scaled(top, 0.7);
    let footer = full_height - scaled(bottom, 0.5);
    for (_, y, pixel) in page.enumerate_pixels_mut() {
        if y < bar {
            *pixel = Rgb([48, 52, 60]);
        } else if y >= footer {
            *pixel = Rgb([235, 235, 240]);
        }
    }
    imageops::replace(&mut page, &shown, side.into(), top.into());
    let (top, bottom) = (f64::from(top), f64::from(bottom));
    text(
        &mut page,
        "photo viewer - IMG_2041",
        (f64::from(side), top * 0.15),
        &Pen {
            size: top * 0.4,
            colour: Rgb([220; 3]),
        },
    );
    for button in 0..4 {
        let left = f64::from(side) + f64::from(button * width) / 4.0;
        let (start, end) = (
            f64::from(full_height) - bottom * 0.42,
            f64::from(full_height) - bottom * 0.12,
        );
        let area = (left, start, left + bottom * 0.3, end);
        ellipse(&mut page, area, Rgb([90, 120, 200]));
    }
    page
}

// The corners that the generators of attacks.py draw.
const PRINT_SCAN: Corners = [
    (0.8659, 0.5906),
    (0.6348, 0.5859),
    (0.5072, 0.6558),
    (0.9538, 0.6013),
];
const CAMERA: Corners = [
    (0.6389, 0.5254),
    (0.941, 0.6641),
    (0.9789, 0.8747),
    (0.8357, 0.6863),
];

fn print_scan(picture: &RgbImage) -> Vec<u8> {
    let printed = gaussian(&perspective(picture, 0.01, PRINT_SCAN), 1.0);
    let scanned = gaussian_noise(&printed, 5.0, "print_scan");
    jpeg(&resize(&gamma(&scanned, 1.1), 0.8), 80)
}

/// What a camera sees of a screen, before its JPEG.
pub(super) fn camera_of_screen(picture: &RgbImage) -> RgbImage {
    let seen = moire(&perspective(picture, 0.05, CAMERA), 4.0);
    gaussian(&white_balance(&seen, [1.06, 1.0, 0.92]), 0.8)
}
