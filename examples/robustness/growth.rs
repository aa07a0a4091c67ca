//! How much larger a protected file is than what came: sources of many kinds, made from the
//! photographs.
//!
//! | Column | Meaning |
//! |---|---|
//! | size | bits of the source for each pixel |
//! | growth | bytes of the returned file over those of the source |
//! | z, z small | of the returned file, and of its copy of 1024 pixels at JPEG 50, as `embed` reads them back |
//! | PSNR | of the returned file against the source |
//! | SSIMULACRA2 | the same, as eyes see it; not with `--quick` |
//! | full | how many have the level `FULL` |
//!
//! Each is median / worst. Pages of one bit are made from pictures that are mostly white; dark
//! pictures are those whose mean luma is below 64.

use std::{fmt::Write as _, io::Cursor};

use image::{DynamicImage, ImageBuffer, ImageFormat, RgbImage, imageops::grayscale};
use indicatif::ProgressBar;
use lumatrace::{
    imaging::decode,
    watermark::{ProtectionLevel, embed},
};
use png::{BitDepth, ColorType, Compression, Encoder, Filter};
use rayon::prelude::*;

use crate::{
    attacks::{NO_LIMITS, jpeg, long_edge, unpack, webp, webp_lossless},
    metrics::ssimulacra2,
    options::Options,
    photograph::{File, key, shown},
};

/// How a source is made of a picture; nothing if the picture is not of its kind.
type Make = fn(&RgbImage) -> Option<Vec<u8>>;

/// Kinds of sources.
const KINDS: [(&str, Make); 22] = [
    ("JPEG 50", |p| Some(jpeg(p, 50))),
    ("JPEG 75", |p| Some(jpeg(p, 75))),
    ("JPEG 90", |p| Some(jpeg(p, 90))),
    ("WebP 20", |p| Some(webp(p, 20.0))),
    ("WebP 30", |p| Some(webp(p, 30.0))),
    ("WebP 50", |p| Some(webp(p, 50.0))),
    ("WebP 75", |p| Some(webp(p, 75.0))),
    ("WebP 80", |p| Some(webp(p, 80.0))),
    ("WebP 90", |p| Some(webp(p, 90.0))),
    ("WebP 95", |p| Some(webp(p, 95.0))),
    ("WebP lossless", |p| Some(webp_lossless(p))),
    ("PNG 1 bit, page", |p| is_page(p).then(|| one_bit(p))),
    ("PNG 4 bits, page", |p| is_page(p).then(|| four_bits(p))),
    ("PNG grey 8, page", |p| is_page(p).then(|| grey(p))),
    ("PNG 4 bits", |p| (!is_page(p)).then(|| four_bits(p))),
    ("PNG 16 colours", |p| Some(indexed(p, 16, false))),
    ("PNG 256 colours", |p| Some(indexed(p, 256, false))),
    ("PNG 256 colours, dithered", |p| Some(indexed(p, 256, true))),
    ("PNG grey 8", |p| (!is_page(p)).then(|| grey(p))),
    ("PNG RGB 8", |p| (!is_dark(p)).then(|| rgb(p))),
    ("PNG RGB 8, dark", |p| is_dark(p).then(|| rgb(p))),
    ("PNG RGB 16", |p| Some(sixteen(p))),
];

/// What came of a source.
struct Outcome {
    kind: usize,
    bits: f64,
    growth: f64,
    z_sent: f64,
    z_small: f64,
    psnr_db: f64,
    ssimulacra2: f64,
    full: bool,
}

/// Measures and returns the table.
pub(crate) fn table(options: &Options, files: &[File]) -> String {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.jobs)
        .build()
        .unwrap();
    let bar = ProgressBar::new(files.len() as u64);
    let measured = |file: &File| {
        let bytes = std::fs::read(&file.path).unwrap();
        let mut picture = shown(&bytes, &decode(&bytes, &NO_LIMITS).unwrap());
        let largest = options.max_side.unwrap_or(u32::MAX);
        if picture.width().max(picture.height()) > largest {
            picture = long_edge(&picture, largest);
        }
        let outcomes: Vec<Outcome> = (0..KINDS.len())
            .filter_map(|kind| measure(kind, &picture, &file.name(), options.quick))
            .collect();
        bar.inc(1);
        outcomes
    };
    let mut outcomes: Vec<Outcome> = pool.install(|| {
        let files = files.par_iter().with_max_len(1);
        files.flat_map_iter(measured).collect()
    });
    bar.finish_and_clear();
    outcomes.sort_by_key(|outcome| outcome.kind);
    write_table(&outcomes)
}

fn measure(kind: usize, picture: &RgbImage, name: &str, quick: bool) -> Option<Outcome> {
    let source = KINDS[kind].1(picture)?;
    let photo = decode(&source, &NO_LIMITS).unwrap();
    let pixels = f64::from(photo.width()) * f64::from(photo.height());
    let embedded = embed(photo, &key(name)).unwrap();
    Some(Outcome {
        kind,
        bits: 8.0 * source.len() as f64 / pixels,
        growth: embedded.bytes.len() as f64 / source.len() as f64,
        z_sent: embedded.report.z_sent,
        z_small: embedded.report.z_small,
        psnr_db: embedded.report.psnr_db,
        ssimulacra2: if quick {
            f64::NAN
        } else {
            ssimulacra2(&unpack(&source), &unpack(&embedded.bytes))
        },
        full: embedded.report.level == ProtectionLevel::Full,
    })
}

fn write_table(outcomes: &[Outcome]) -> String {
    let mut text = String::from(
        "| source | files | bits a pixel | growth | z | z small | PSNR, dB | SSIMULACRA2 | full |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for of_kind in outcomes.chunk_by(|a, b| a.kind == b.kind) {
        let sorted = |value: &dyn Fn(&Outcome) -> f64| {
            let mut values: Vec<f64> = of_kind.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let median = |values: &[f64]| values[values.len() / 2];
        let least = |value: &dyn Fn(&Outcome) -> f64| {
            let values = sorted(value);
            if values[0].is_nan() {
                return "-".to_owned();
            }
            format!("{:.1} / {:.1}", median(&values), values[0])
        };
        let growth = sorted(&|o| o.growth);
        writeln!(
            text,
            "| {} | {} | {:.2} | {:.2} / {:.2} | {} | {} | {} | {} | {} |",
            KINDS[of_kind[0].kind].0,
            of_kind.len(),
            median(&sorted(&|o| o.bits)),
            median(&growth),
            growth[growth.len() - 1],
            least(&|o| o.z_sent),
            least(&|o| o.z_small),
            least(&|o| o.psnr_db),
            least(&|o| o.ssimulacra2),
            of_kind.iter().filter(|o| o.full).count(),
        )
        .unwrap();
    }
    text
}

/// Tells whether half of a picture is light, as paper is.
fn is_page(picture: &RgbImage) -> bool {
    let grey = grayscale(picture);
    let light = grey.pixels().filter(|p| p[0] >= 192).count();
    2 * light >= grey.len()
}

fn is_dark(picture: &RgbImage) -> bool {
    let grey = grayscale(picture);
    let sum: u64 = grey.pixels().map(|p| u64::from(p[0])).sum();
    sum < 64 * grey.len() as u64
}

/// Text and paper, told apart in the middle.
fn one_bit(picture: &RgbImage) -> Vec<u8> {
    let levels = grayscale(picture).into_raw();
    let bits: Vec<u8> = levels.into_iter().map(|level| level / 128).collect();
    packed(picture, ColorType::Grayscale, 1, &bits, None)
}

fn four_bits(picture: &RgbImage) -> Vec<u8> {
    let levels = grayscale(picture).into_raw();
    let bits: Vec<u8> = levels.into_iter().map(|level| level / 16).collect();
    packed(picture, ColorType::Grayscale, 4, &bits, None)
}

fn grey(picture: &RgbImage) -> Vec<u8> {
    let levels = grayscale(picture).into_raw();
    packed(picture, ColorType::Grayscale, 8, &levels, None)
}

fn rgb(picture: &RgbImage) -> Vec<u8> {
    packed(picture, ColorType::Rgb, 8, picture.as_raw(), None)
}

/// A picture of 16 bits whose lower ones are not those of the upper.
fn sixteen(picture: &RgbImage) -> Vec<u8> {
    let words = picture.as_raw().iter().zip(0_u32..);
    let words = words
        .map(|(&level, at)| u16::from(level) << 8 | (at.wrapping_mul(2_654_435_761) >> 24) as u16);
    let (width, height) = picture.dimensions();
    let deep = ImageBuffer::from_raw(width, height, words.collect()).unwrap();
    let mut file = Cursor::new(Vec::new());
    DynamicImage::ImageRgb16(deep)
        .write_to(&mut file, ImageFormat::Png)
        .unwrap();
    file.into_inner()
}

/// A picture of some colours, chosen by median cut; dithered by Floyd and Steinberg or each pixel
/// by itself.
fn indexed(picture: &RgbImage, colours: usize, dither: bool) -> Vec<u8> {
    let palette = median_cut(picture, colours);
    let width = picture.width() as usize;
    let mut indices = Vec::with_capacity(picture.as_raw().len() / 3);
    let mut errors = vec![[0.0_f32; 3]; 2 * (width + 2)];
    for row in picture.rows() {
        errors.copy_within(width + 2.., 0);
        errors[width + 2..].fill([0.0; 3]);
        for (x, pixel) in row.enumerate() {
            let wanted: [f32; 3] = std::array::from_fn(|i| f32::from(pixel[i]) + errors[x + 1][i]);
            let distance = |colour: &[u8; 3]| -> f32 {
                (0..3)
                    .map(|i| (f32::from(colour[i]) - wanted[i]).powi(2))
                    .sum()
            };
            let nearest = (0..palette.len())
                .min_by(|&a, &b| distance(&palette[a]).total_cmp(&distance(&palette[b])));
            let nearest = nearest.unwrap();
            indices.push(nearest as u8);
            if dither {
                for i in 0..3 {
                    let error = wanted[i] - f32::from(palette[nearest][i]);
                    errors[x + 2][i] += error * 7.0 / 16.0;
                    errors[width + 2 + x][i] += error * 3.0 / 16.0;
                    errors[width + 3 + x][i] += error * 5.0 / 16.0;
                    errors[width + 4 + x][i] += error / 16.0;
                }
            }
        }
    }
    let depth = if colours > 16 { 8 } else { 4 };
    packed(
        picture,
        ColorType::Indexed,
        depth,
        &indices,
        Some(palette.concat()),
    )
}

/// The means of the boxes that a picture's pixels are cut into, the one with the widest side first
/// (Heckbert 1982).
fn median_cut(picture: &RgbImage, colours: usize) -> Vec<[u8; 3]> {
    let pixels: Vec<[u8; 3]> = picture.pixels().map(|p| p.0).collect();
    let mut boxes = vec![pixels];
    let widest = |pixels: &[[u8; 3]]| {
        let side = |i: usize| {
            let values = || pixels.iter().map(|p| p[i]);
            values().max().unwrap_or(0) - values().min().unwrap_or(0)
        };
        (0..3).map(|i| (side(i), i)).max().unwrap()
    };
    while boxes.len() < colours {
        let at = (0..boxes.len())
            .max_by_key(|&at| widest(&boxes[at]).0)
            .unwrap();
        let (side, axis) = widest(&boxes[at]);
        if side == 0 {
            break;
        }
        let mut pixels = boxes.swap_remove(at);
        pixels.sort_unstable_by_key(|p| p[axis]);
        // Equal values stay together.
        let middle = pixels[pixels.len() / 2][axis].max(pixels[0][axis] + 1);
        let cut = pixels.partition_point(|p| p[axis] < middle);
        let above = pixels.split_off(cut);
        boxes.extend([pixels, above]);
    }
    let mean = |pixels: &Vec<[u8; 3]>| {
        std::array::from_fn(|i| {
            let sum: u64 = pixels.iter().map(|p| u64::from(p[i])).sum();
            (sum / pixels.len() as u64) as u8
        })
    };
    boxes.iter().map(mean).collect()
}

/// Writes samples of a depth as other programs do when they are asked for small files.
fn packed(
    picture: &RgbImage,
    colour: ColorType,
    depth: u8,
    samples: &[u8],
    palette: Option<Vec<u8>>,
) -> Vec<u8> {
    let per_byte = usize::from(8 / depth);
    let row = samples.len() / picture.height() as usize;
    let rows = samples
        .chunks_exact(row)
        .flat_map(|row| row.chunks(per_byte));
    let bytes = rows.map(|samples| {
        let bits = samples
            .iter()
            .fold(0_u32, |bits, &sample| bits << depth | u32::from(sample));
        (bits << (usize::from(depth) * (per_byte - samples.len()))) as u8
    });
    let bytes: Vec<u8> = bytes.collect();
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, picture.width(), picture.height());
    encoder.set_color(colour);
    encoder.set_depth(match depth {
        1 => BitDepth::One,
        4 => BitDepth::Four,
        _ => BitDepth::Eight,
    });
    encoder.set_compression(Compression::High);
    encoder.set_filter(if depth == 8 && palette.is_none() {
        Filter::Adaptive
    } else {
        Filter::NoFilter
    });
    if let Some(palette) = palette {
        encoder.set_palette(palette);
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&bytes).unwrap();
    writer.finish().unwrap();
    file
}
