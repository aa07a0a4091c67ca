//! Colluders: one picture protected under many ids, the copies combined, and what is left of each
//! id's mark.
//!
//! | Column | Meaning |
//! |---|---|
//! | z | of the ids whose copies went in, mean |
//! | detected | of all of them |
//! | PSNR | of the combined picture against the original, all channels, mean |
//! | JPEG 75 | the same of the combined picture saved as JPEG 75, 4:2:0 |
//!
//! The chips are combined as in the literature on fingerprinting: average, minority,
//! minimum-maximum (Wu, Trappe, Wang and Liu, "Collusion-resistant fingerprinting for multimedia",
//! 2004).

mod attacks;
mod chips;

use std::fmt::Write;

use image::RgbImage;
use indicatif::ProgressBar;
use lumatrace::{
    imaging::{Photo, decode},
    watermark::{DetectionStatus, Record, WatermarkKey, detect, embed},
};
use rayon::prelude::*;

use self::attacks::Collusion;
use crate::{
    attacks::{NO_LIMITS, jpeg, long_edge, photo_of, png},
    metrics::psnr,
    options::Options,
    photograph::{File, key, shown},
};

/// Numbers of copies that are combined.
const COPIES: [usize; 8] = [1, 2, 3, 4, 6, 8, 12, 16];
/// Quality of the JPEG that the combined picture is saved as.
const QUALITY: u8 = 75;

/// A copy of the picture, under an id of its own.
struct Copy {
    picture: RgbImage,
    record: Record,
    key: WatermarkKey,
}

/// What is left of the marks in a combined picture.
struct Outcome {
    collusion: usize,
    copies: usize,
    /// z of every id, as combined and after JPEG.
    z: Vec<(f64, f64)>,
    /// How many were detected, as combined and after JPEG.
    detected: (usize, usize),
    /// PSNR against the original, in dB, as combined and after JPEG.
    psnr: (f64, f64),
}

/// Measures and returns the table.
pub(crate) fn table(options: &Options, files: &[File]) -> String {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.jobs)
        .build()
        .unwrap();
    let cases: Vec<(usize, usize)> = (0..Collusion::ALL.len())
        .flat_map(|collusion| COPIES.map(|copies| (collusion, copies)))
        .collect();
    let bar = ProgressBar::new((files.len() * cases.len()) as u64);
    let mut outcomes = Vec::new();
    for file in files {
        let original = original(file, options.max_side);
        let ids = 0..COPIES[COPIES.len() - 1];
        let copies: Vec<Copy> = pool.install(|| {
            let protect = |id| protect(&original, &format!("{}, copy {id}", file.name()));
            ids.into_par_iter().map(protect).collect()
        });
        outcomes.extend(pool.install(|| {
            let run = |&(collusion, count): &(usize, usize)| {
                let outcome = measure(&original, collusion, &copies[..count]);
                bar.inc(1);
                outcome
            };
            cases.par_iter().map(run).collect::<Vec<_>>()
        }));
    }
    bar.finish_and_clear();
    write_table(&cases, &outcomes)
}

/// The picture of a file as a viewer shows it, reduced where it is larger.
fn original(file: &File, max_side: Option<u32>) -> RgbImage {
    let bytes = std::fs::read(&file.path).unwrap();
    let picture = shown(&bytes, &decode(&bytes, &NO_LIMITS).unwrap());
    match max_side {
        Some(side) if picture.width().max(picture.height()) > side => long_edge(&picture, side),
        _ => picture,
    }
}

/// Protects a picture, as PNG, for the key of a name.
fn protect(original: &RgbImage, name: &str) -> Copy {
    let key = key(name);
    let embedded = embed(photo_of(original.clone()), &key).unwrap();
    let photo = decode(&embedded.bytes, &NO_LIMITS).unwrap();
    Copy {
        picture: shown(&embedded.bytes, &photo),
        record: embedded.record,
        key,
    }
}

/// Combines copies and reads every mark.
fn measure(original: &RgbImage, collusion: usize, copies: &[Copy]) -> Outcome {
    let pictures: Vec<RgbImage> = copies.iter().map(|copy| copy.picture.clone()).collect();
    let combined = Collusion::ALL[collusion].combine(&pictures);
    let saved = jpeg(&combined, QUALITY);
    let saved_photo = decode(&saved, &NO_LIMITS).unwrap();
    let psnr = (
        psnr(original, &combined),
        psnr(original, &shown(&saved, &saved_photo)),
    );
    let combined = decode(&png(&combined), &NO_LIMITS).unwrap();
    let mut outcome = Outcome {
        collusion,
        copies: copies.len(),
        z: Vec::new(),
        detected: (0, 0),
        psnr,
    };
    for copy in copies {
        let read = |photo: &Photo| {
            let found = detect(photo, &copy.record, &copy.key);
            (
                found.z,
                usize::from(found.status == DetectionStatus::Detected),
            )
        };
        let (as_combined, after_jpeg) = (read(&combined), read(&saved_photo));
        outcome.z.push((as_combined.0, after_jpeg.0));
        outcome.detected.0 += as_combined.1;
        outcome.detected.1 += after_jpeg.1;
    }
    outcome
}

fn write_table(cases: &[(usize, usize)], outcomes: &[Outcome]) -> String {
    let mut text = String::from(
        "| combined | copies | z | detected | PSNR | JPEG 75: z | detected | PSNR |\n|---|---|---|---|---|---|---|---|\n",
    );
    for &(collusion, copies) in cases {
        let rows: Vec<&Outcome> = outcomes
            .iter()
            .filter(|outcome| (outcome.collusion, outcome.copies) == (collusion, copies))
            .collect();
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
        let of_ids = |value: fn(&(f64, f64)) -> f64| {
            mean(
                rows.iter()
                    .flat_map(|row| row.z.iter().map(value))
                    .collect(),
            )
        };
        let of_pictures =
            |value: fn(&Outcome) -> f64| mean(rows.iter().map(|row| value(row)).collect());
        let detected =
            |value: fn(&Outcome) -> usize| rows.iter().map(|row| value(row)).sum::<usize>();
        let ids = copies * rows.len();
        writeln!(
            text,
            "| {} | {copies} | {:.1} | {} of {ids} | {:.1} dB | {:.1} | {} of {ids} | {:.1} dB |",
            Collusion::ALL[collusion].name(),
            of_ids(|z| z.0),
            detected(|row| row.detected.0),
            of_pictures(|row| row.psnr.0),
            of_ids(|z| z.1),
            detected(|row| row.detected.1),
            of_pictures(|row| row.psnr.1),
        )
        .unwrap();
    }
    text
}
