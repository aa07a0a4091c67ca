//! Other sizes, by antialiased Lanczos as photo software does it.

use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer, images::Image};
use image::RgbImage;

use super::{Attack, scaled};

/// The resizing attacks.
pub(super) fn attacks() -> Vec<Attack> {
    let mut attacks = Vec::new();
    for (factor, severity) in [
        (0.75, 1),
        (0.5, 2),
        (0.25, 3),
        (0.125, 4),
        (1.5, 1),
        (2.0, 1),
    ] {
        let (kept, back) = (format!("resize_{factor}"), format!("resize_{factor}_back"));
        attacks.push(Attack::new(
            kept,
            "resize",
            severity,
            "kept at the new size",
            move |i| resize(i, factor),
        ));
        attacks.push(Attack::new(
            back,
            "resize",
            severity,
            "resized back to the old size",
            move |i| resize_to(&resize(i, factor), i.width(), i.height()),
        ));
    }
    for edge in [1024, 512] {
        let run = move |i: &RgbImage| long_edge(i, edge);
        attacks.push(Attack::new(
            format!("longedge_{edge}"),
            "resize",
            2,
            "",
            run,
        ));
    }
    attacks.push(Attack::new("aspect_0.8", "resize", 2, "width only", |i| {
        resize_to(i, scaled(i.width(), 0.8), i.height())
    }));
    attacks
}

/// Resizes by Lanczos with three lobes.
pub(crate) fn resize_to(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    let source = Image::from_vec_u8(
        picture.width(),
        picture.height(),
        picture.as_raw().clone(),
        PixelType::U8x3,
    )
    .unwrap();
    let mut resized = Image::new(width, height, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
    Resizer::new()
        .resize(&source, &mut resized, &options)
        .unwrap();
    RgbImage::from_raw(width, height, resized.into_vec()).unwrap()
}

/// Resizes both sides by a factor.
pub(crate) fn resize(picture: &RgbImage, factor: f64) -> RgbImage {
    let (width, height) = picture.dimensions();
    resize_to(picture, scaled(width, factor), scaled(height, factor))
}

/// Resizes so that the long side has `edge` pixels.
pub(crate) fn long_edge(picture: &RgbImage, edge: u32) -> RgbImage {
    let long = picture.width().max(picture.height());
    resize(picture, f64::from(edge) / f64::from(long))
}
