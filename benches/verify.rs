//! CPU time of `verify` and `identify`, next to plainly decoding the same file in the same run.
//!
//! `script/cargo bench --bench verify` takes the JPEGs with 12 megapixels of
//! `$LUMATRACE_PHOTOS/large` (default `../shared/photos`), or the files named on the command line,
//! each as it is and reduced to 2 megapixels. A row is one received file: the protected photo in
//! several states, and the next photo of the list, which has no mark. The times are medians;
//! decoding and detection take turns, so that a noisy machine disturbs them alike.
//!
//! ```text
//! verify     decode, then look for one photo's mark
//! look       decode, then the words and fingerprints that an index is asked for
//! candidate  the mark of one wrong candidate of `identify`, after the picture was read once
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a measurement stops at what it does not understand, prints what it finds, and has sides of pictures for numbers"
)]

use std::{
    hint::black_box,
    path::{Path, PathBuf},
    time::Instant,
};

use image::{RgbImage, codecs::jpeg::JpegEncoder, imageops};
use imageproc::geometric_transformations::{
    Border, Interpolation, Projection, rotate_about_center_no_crop, warp_into,
};
use libjpeg_turbo_rs::{PixelFormat, decompress_to};
use lumatrace::{
    imaging::{Limits, decode},
    watermark::{Detection, ReceivedImage, WatermarkKey, detect, embed},
};

/// Rounds of each measurement.
const ROUNDS: usize = 7;
/// Pixels of the small variant of each photo.
const SMALL: f64 = 2e6;

fn main() {
    let arguments: Vec<PathBuf> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .map(PathBuf::from)
        .collect();
    let files = if arguments.is_empty() {
        photographs()
    } else {
        arguments
    };
    if files.len() < 2 {
        eprintln!("SKIPPED: fewer than two photographs; set LUMATRACE_PHOTOS or name JPEG files");
        return;
    }
    println!(
        "| photo | received | MP | z | decode ms | verify ms | verify / decode | verify - 0.8 decode, ms | look - decode, ms \
         | candidate ms |"
    );
    println!("|{}", "---|".repeat(10));
    let key = WatermarkKey::derive(&[7; 32], &[9; 16]);
    for (index, file) in files.iter().enumerate() {
        let next = &files[(index + 1) % files.len()];
        let (photo, other) = (pixels(file), pixels(next));
        measure(&name(file), &photo, &other, &key);
        measure(&name(file), &reduced(&photo), &reduced(&other), &key);
    }
}

/// The 12 megapixel JPEGs of the large folder.
fn photographs() -> Vec<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a bench has no configuration of its own"
    )]
    let root = std::env::var("LUMATRACE_PHOTOS").unwrap_or_else(|_| "../shared/photos".to_owned());
    let Ok(folder) = std::fs::read_dir(Path::new(&root).join("large")) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = folder
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = name(path);
            ["12mp.jpg", "12.5mp.jpg"]
                .iter()
                .any(|end| name.ends_with(end))
        })
        .collect();
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn pixels(path: &Path) -> RgbImage {
    rgb(&std::fs::read(path).unwrap())
}

fn rgb(file: &[u8]) -> RgbImage {
    image::load_from_memory(file).unwrap().into_rgb8()
}

fn reduced(photo: &RgbImage) -> RgbImage {
    let (width, height) = photo.dimensions();
    let scale = (SMALL / (f64::from(width) * f64::from(height))).sqrt();
    let side = |side: u32| (f64::from(side) * scale).round() as u32;
    imageops::thumbnail(photo, side(width), side(height))
}

fn jpeg(photo: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 90)
        .encode_image(photo)
        .unwrap();
    bytes
}

/// The received files: a name, the bytes, and whether they show the photo.
fn received(protected: &[u8], other: &RgbImage) -> Vec<(&'static str, Vec<u8>)> {
    let sent = rgb(protected);
    let (width, height) = sent.dimensions();
    let (part_width, part_height) = (width / 10 * 7, height / 10 * 7);
    let part = imageops::crop_imm(&sent, width / 5, height / 10, part_width, part_height);
    let white = Border::Constant(image::Rgb([255; 3]));
    let turned = rotate_about_center_no_crop(&sent, 0.12, Interpolation::Bilinear, white);
    let (w, h) = (width as f32, height as f32);
    let view = Projection::from_control_points(
        [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)],
        [
            (0.08 * w, 0.05 * h),
            (0.95 * w, 0.0),
            (w, 0.97 * h),
            (0.0, 0.9 * h),
        ],
    )
    .unwrap();
    let mut viewed = RgbImage::new(width, height);
    warp_into(&sent, view, Interpolation::Bilinear, white, &mut viewed);
    vec![
        ("as sent", protected.to_vec()),
        ("saved again", jpeg(&sent)),
        ("half of it", jpeg(&part.to_image())),
        ("turned by 7 degrees", jpeg(&turned)),
        ("seen askew", jpeg(&viewed)),
        ("another photo", jpeg(other)),
    ]
}

fn measure(name: &str, photo: &RgbImage, other: &RgbImage, key: &WatermarkKey) {
    let open = |file: &[u8]| decode(file, &Limits::default()).unwrap();
    let embedded = embed(open(&jpeg(photo)), key).unwrap();
    let record = embedded.record;
    let wrong = embed(open(&jpeg(other)), key).unwrap().record;
    for (state, file) in received(&embedded.bytes, other) {
        // The wrong candidate is the record of the photo that is not shown.
        let candidate = if state == "another photo" {
            &record
        } else {
            &wrong
        };
        let decoding = || drop(black_box(decompress_to(&file, PixelFormat::Rgb).unwrap()));
        let verifying = || detect(&open(&file), &record, key);
        let looking = || drop(black_box(ReceivedImage::new(&open(&file)).index_query()));
        let opened = open(&file);
        let seen = ReceivedImage::new(&opened);
        seen.detect(candidate, key);
        let [mut decode_ms, mut verify_ms, mut look_ms, mut candidate_ms] =
            [const { Vec::new() }; 4];
        for _ in 0..ROUNDS {
            decode_ms.push(time(decoding));
            verify_ms.push(time(|| drop(black_box(verifying()))));
            look_ms.push(time(looking));
            candidate_ms.push(time(|| drop(black_box(seen.detect(candidate, key)))));
        }
        let [decode, verify, look, candidate] =
            [decode_ms, verify_ms, look_ms, candidate_ms].map(median);
        let Detection { z, .. } = verifying();
        let (width, height) = rgb(&file).dimensions();
        println!(
            "| {name} | {state} | {:.1} | {z:.1} | {decode:.0} | {verify:.0} | {:.2} | {:+.0} | {:+.0} | {candidate:.1} |",
            f64::from(width) * f64::from(height) / 1e6,
            verify / decode,
            verify - 0.8 * decode,
            look - decode,
        );
    }
}

/// Returns the time of a call in milliseconds.
fn time(run: impl FnOnce()) -> f64 {
    let started = Instant::now();
    run();
    started.elapsed().as_secs_f64() * 1e3
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
