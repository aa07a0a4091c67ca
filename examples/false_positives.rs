//! A million and more wrong keys: does the statistic of an absent mark behave as the proof says?
//!
//! ```text
//! script/cargo run --release --example false_positives -- [FOLDER...] [--trials N]
//! ```
//!
//! The hardest null hypothesis is the picture itself, attacked or not, tested with keys that did
//! not mark it. Without folders the pictures are made up. Exit code 1 if the mean is not within
//! 0.01 of 0, the deviation not within 0.98 to 1.01, or a z not between -5.6 and 5.6: reversed
//! marks are read as well. Negatives need no trials of their own: that a picture is one is told
//! without the signs, and its sums are then those of its positive.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a laboratory stops at what it does not understand, prints what it finds and computes with numbers"
)]

use std::{io::Cursor, path::PathBuf, process::ExitCode};

use clap::Parser;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, codecs::jpeg::JpegEncoder, imageops};
use indicatif::{ParallelProgressIterator, ProgressBar, ProgressStyle};
use lumatrace::{
    imaging::{Limits, Photo, decode},
    watermark::{NullTrials, WatermarkKey},
};
use rayon::prelude::*;

/// Tests wrong keys on photographs and attacked copies of them.
#[derive(Parser)]
struct Options {
    /// Folders of photographs; none: made-up pictures.
    folders: Vec<PathBuf>,
    /// Wrong keys in all.
    #[arg(long, default_value_t = 1_000_000)]
    trials: u64,
    /// Photographs of each folder.
    #[arg(long, default_value_t = 8)]
    limit: usize,
}

/// Long side that photographs are reduced to, in pixels; the statistic looks at a grid of 256.
const LONG_SIDE: u32 = 1024;

fn main() -> ExitCode {
    let options = Options::parse();
    let pictures = if options.folders.is_empty() {
        (1..=4).map(made_up).collect()
    } else {
        photographs(&options)
    };
    let trials: Vec<NullTrials> = pictures.par_iter().flat_map_iter(prepare).collect();
    println!(
        "{} pictures, each untouched and attacked in {} ways, {} wrong keys",
        pictures.len(),
        ATTACKS - 1,
        options.trials
    );
    let style = "{elapsed_precise} {wide_bar} {pos}/{len} keys, {eta} to go";
    let bar =
        ProgressBar::new(options.trials).with_style(ProgressStyle::with_template(style).unwrap());
    let mut scores: Vec<f64> = (0..options.trials)
        .into_par_iter()
        .progress_with(bar)
        .map(|number| {
            let mut photo = [0; 16];
            photo[..8].copy_from_slice(&number.to_le_bytes());
            let key = WatermarkKey::derive(&[17; 32], &photo);
            trials[number as usize % trials.len()].z(&key)
        })
        .collect();
    scores.sort_by(f64::total_cmp);
    if judge(&scores) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Prints the figures and tells whether they are as they must be.
fn judge(scores: &[f64]) -> bool {
    let count = scores.len() as f64;
    let mean = scores.iter().sum::<f64>() / count;
    let moment = |power: i32| scores.iter().map(|z| (z - mean).powi(power)).sum::<f64>() / count;
    let deviation = moment(2).sqrt();
    let kurtosis = moment(4) / moment(2).powi(2) - 3.0;
    let (least, largest) = (scores[0], scores[scores.len() - 1]);
    println!(
        "n {count}, mean {mean:+.5}, deviation {deviation:.4}, excess kurtosis {kurtosis:+.4}, least {least:.2}, largest {largest:.2}"
    );
    println!(
        "| z above | measured | normal | bound (Hoeffding; Bentkus and Dzindzalieta) |\n|---|---|---|---|"
    );
    for line in [2.0, 3.0, 4.0, 4.3, 5.0, 6.2] {
        let above = scores.len() - scores.partition_point(|z| *z <= line);
        println!(
            "| {line} | {:.2e} ({above}) | {:.2e} | {:.2e} |",
            above as f64 / count,
            upper_tail(line),
            (-line * line / 2.0).exp().min(3.18 * upper_tail(line))
        );
    }
    let right =
        mean.abs() < 0.01 && (0.98..=1.01).contains(&deviation) && largest < 5.6 && least > -5.6;
    println!(
        "{}",
        if right {
            "as it must be"
        } else {
            "NOT as it must be: |mean| < 0.01, deviation 0.98 to 1.01, all within 5.6"
        }
    );
    right
}

/// Upper tail of the normal distribution, by the continued fraction of Laplace; for z of 1 and
/// more.
fn upper_tail(z: f64) -> f64 {
    let fraction = (1..=60).rev().fold(z, |tail, k| z + f64::from(k) / tail);
    (-z * z / 2.0).exp() / (std::f64::consts::TAU.sqrt() * fraction)
}

/// Copies of a picture that [`prepare`] makes, itself among them.
const ATTACKS: usize = 6;

/// Prepares trials of a picture against itself and attacked copies of itself.
fn prepare(picture: &RgbImage) -> Vec<NullTrials> {
    let original = png(picture);
    let (width, height) = picture.dimensions();
    let half = imageops::thumbnail(picture, (width / 2).max(1), (height / 2).max(1));
    let bright = imageops::brighten(picture, 40);
    let copies: [Photo; ATTACKS] = [
        png(picture),
        jpeg(picture, 50),
        jpeg(picture, 10),
        jpeg(&half, 20),
        png(&imageops::blur(picture, 2.0)),
        png(&bright),
    ];
    copies
        .iter()
        .map(|copy| NullTrials::new(&original, copy))
        .collect()
}

fn png(picture: &RgbImage) -> Photo {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    decode(bytes.get_ref(), &Limits::default()).unwrap()
}

fn jpeg(picture: &RgbImage, quality: u8) -> Photo {
    let mut bytes = Vec::new();
    picture
        .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality))
        .unwrap();
    decode(&bytes, &Limits::default()).unwrap()
}

/// Reads photographs, reduced.
fn photographs(options: &Options) -> Vec<RgbImage> {
    let mut pictures = Vec::new();
    for folder in &options.folders {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let read = |path: &PathBuf| image::open(path).ok().map(DynamicImage::into_rgb8);
        let reduce = |picture: RgbImage| {
            let long = picture.width().max(picture.height()).max(LONG_SIDE);
            let side = |side: u32| (side * LONG_SIDE / long).max(1);
            imageops::thumbnail(&picture, side(picture.width()), side(picture.height()))
        };
        pictures.extend(
            paths
                .iter()
                .filter_map(read)
                .take(options.limit)
                .map(reduce),
        );
    }
    pictures
}

/// Makes up a scene: a sky, hills, and texture that grows towards the viewer.
fn made_up(seed: u32) -> RgbImage {
    let phase = f64::from(seed);
    RgbImage::from_fn(768, 512, |x, y| {
        let (u, v) = (f64::from(x) / 768.0, f64::from(y) / 512.0);
        let hill = 0.45 + 0.12 * (5.0 * u + phase).sin() + 0.05 * (17.0 * u * phase).cos();
        if v < hill {
            return Rgb([(110.0 + 90.0 * v) as u8, (150.0 + 70.0 * v) as u8, 230]);
        }
        // An integer hash of the place, for grain that is the same everywhere.
        let mut hash = x.wrapping_mul(0x9e37_79b9) ^ y.wrapping_mul(0x85eb_ca6b) ^ seed;
        hash = (hash ^ (hash >> 15)).wrapping_mul(0x2c1b_3c6d);
        let grain = f64::from((hash >> 13) % 256) / 255.0 - 0.5;
        let waves = (40.0 * u + 3.0 * phase).sin() * (60.0 * v * phase).cos();
        let tone = 100.0 + 40.0 * waves + 90.0 * grain * (v - hill);
        Rgb([tone as u8, (tone * 1.1) as u8, (tone * 0.7) as u8])
    })
}
