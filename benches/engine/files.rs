//! The files that are measured: made from two photographs, or named.

use std::path::{Path, PathBuf};

use image::{
    ExtendedColorType, ImageEncoder, RgbImage,
    codecs::{png::PngEncoder, webp::WebPEncoder},
    imageops,
};
use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling};

use super::case::Case;

/// JPEG quality of the files that are made.
const QUALITY: u8 = 90;
/// A photograph of 12 megapixels, 4:2:0, and others that are measured as they are.
const PHOTO: &str = "21_imagers_cranes_gps_srgb_12mp.jpg";
const PROGRESSIVE: &str = "18_immich_japanese_shop_night_text_prog_12mp.jpg";
const LARGER: &str = "15_az521_roses_16mp.jpg";

/// A file to measure, and another photograph like it.
struct Made {
    name: String,
    file: Vec<u8>,
    other: Vec<u8>,
}

/// Writes the cases to folders, and returns them; none if there are no photographs.
pub(crate) fn prepare(named: &[String]) -> Vec<PathBuf> {
    let files = if named.is_empty() {
        made()
    } else {
        read_all(named)
    };
    let written = files.unwrap_or_default().into_iter().map(|made| {
        let folder = tempfile::Builder::new()
            .prefix("engine-bench")
            .tempdir()
            .unwrap();
        Case::write(folder.path(), &made.name, &made.file, &made.other);
        folder.keep()
    });
    written.collect()
}

/// Reads the named files, each with the next one as the other; `None` for fewer than two.
fn read_all(named: &[String]) -> Option<Vec<Made>> {
    let read = |path: &String| std::fs::read(path).unwrap();
    let made = |(index, path): (usize, &String)| Made {
        name: Path::new(path)
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned(),
        file: read(path),
        other: read(&named[(index + 1) % named.len()]),
    };
    (named.len() > 1).then(|| named.iter().enumerate().map(made).collect())
}

/// Makes the files of the table; `None` without the photographs.
fn made() -> Option<Vec<Made>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a bench has no configuration of its own"
    )]
    let root = std::env::var("LUMATRACE_PHOTOS").unwrap_or_else(|_| "../shared/photos".to_owned());
    let read = |name| std::fs::read(Path::new(&root).join("large").join(name)).ok();
    let (photo, progressive, larger) = (read(PHOTO)?, read(PROGRESSIVE)?, read(LARGER)?);
    let (cranes, roses) = (rgb(&photo), rgb(&larger));
    let (large_roses, middling_roses, small_roses) =
        (sized(&roses, 12.2), sized(&roses, 2.0), sized(&roses, 0.1));
    let encoded = |name: &str,
                   pixels: &RgbImage,
                   other: &RgbImage,
                   encode: &dyn Fn(&RgbImage) -> Vec<u8>| Made {
        name: name.to_owned(),
        file: encode(pixels),
        other: encode(other),
    };
    let as_is = |name: &str, file: Vec<u8>| Made {
        name: name.to_owned(),
        file,
        other: jpeg(&large_roses, Subsampling::S420),
    };
    let s420 = |pixels: &RgbImage| jpeg(pixels, Subsampling::S420);
    Some(vec![
        encoded(".1 MP 4:2:0", &sized(&cranes, 0.1), &small_roses, &s420),
        encoded("2 MP 4:2:0", &sized(&cranes, 2.0), &middling_roses, &s420),
        as_is("12 MP 4:2:0", photo),
        encoded("12 MP 4:4:4", &cranes, &large_roses, &|pixels| {
            jpeg(pixels, Subsampling::S444)
        }),
        as_is("12 MP progressive", progressive),
        encoded("16 MP 4:2:0", &roses, &cranes, &s420),
        encoded("12 MP PNG", &cranes, &large_roses, &png),
        encoded("12 MP lossy WebP", &cranes, &large_roses, &|pixels| {
            webp(pixels, false)
        }),
        encoded("12 MP lossless WebP", &cranes, &large_roses, &|pixels| {
            webp(pixels, true)
        }),
    ])
}

fn rgb(file: &[u8]) -> RgbImage {
    image::load_from_memory(file).unwrap().into_rgb8()
}

/// Reduces a picture to about so many megapixels.
fn sized(pixels: &RgbImage, megapixels: f64) -> RgbImage {
    let (width, height) = pixels.dimensions();
    let scale = (megapixels * 1e6 / (f64::from(width) * f64::from(height))).sqrt();
    let side = |side: u32| (f64::from(side) * scale).round() as u32;
    imageops::thumbnail(pixels, side(width), side(height))
}

fn jpeg(pixels: &RgbImage, subsampling: Subsampling) -> Vec<u8> {
    let (width, height) = pixels.dimensions();
    Encoder::new(pixels, width as usize, height as usize, PixelFormat::Rgb)
        .quality(QUALITY)
        .subsampling(subsampling)
        .encode()
        .unwrap()
}

fn png(pixels: &RgbImage) -> Vec<u8> {
    let mut file = Vec::new();
    let (width, height) = pixels.dimensions();
    PngEncoder::new(&mut file)
        .write_image(pixels, width, height, ExtendedColorType::Rgb8)
        .unwrap();
    file
}

fn webp(pixels: &RgbImage, lossless: bool) -> Vec<u8> {
    let (width, height) = pixels.dimensions();
    if lossless {
        let mut file = Vec::new();
        WebPEncoder::new_lossless(&mut file)
            .encode(pixels, width, height, ExtendedColorType::Rgb8)
            .unwrap();
        return file;
    }
    webpx::EncoderConfig::new()
        .quality(f32::from(QUALITY))
        .encode_rgb(pixels, width, height, webpx::Unstoppable)
        .unwrap()
}
