//! Every photograph under every attack, in parallel.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use image::{RgbImage, imageops::thumbnail};
use indicatif::{ProgressBar, ProgressStyle};
use lumatrace::watermark::{Detection, DetectionStatus, detect};
use rayon::prelude::*;

use crate::{
    attacks::{Attack, Attacked},
    options::Options,
    photograph::{File, Photograph},
};

/// Long side of the pictures on a contact sheet, in pixels.
pub(crate) const THUMBNAIL: u32 = 192;

/// What came of one attack on one photograph.
pub(crate) struct Pair {
    /// Index of the photograph's file.
    pub(crate) photo: usize,
    /// Index of the attack.
    pub(crate) attack: usize,
    /// Width and height of the attacked picture.
    pub(crate) size: (u32, u32),
    /// What was found.
    pub(crate) detection: Detection,
    /// Time of the detection, without decoding, in milliseconds.
    pub(crate) milliseconds: f64,
    /// The attacked picture, small; of the first photograph only.
    pub(crate) thumbnail: Option<RgbImage>,
}

impl Pair {
    /// Tells whether the mark was detected.
    pub(crate) fn detected(&self) -> bool {
        self.detection.status == DetectionStatus::Detected
    }
}

/// All pairs, and what they are pairs of.
pub(crate) struct Matrix {
    /// The attacks.
    pub(crate) attacks: Vec<Attack>,
    /// The pairs, by photograph and attack.
    pub(crate) pairs: Vec<Pair>,
    /// Which files were reduced before they were protected.
    pub(crate) reduced: Vec<usize>,
    /// Files that could not be protected, and why.
    pub(crate) failed: Vec<String>,
}

/// Runs the matrix; prints pairs or moves the bar as they come.
pub(crate) fn run(options: &Options, files: &[File]) -> Matrix {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.jobs)
        .build()
        .unwrap();
    let mut matrix = Matrix {
        attacks: options.chosen(),
        pairs: Vec::new(),
        reduced: Vec::new(),
        failed: Vec::new(),
    };
    let attacks = &matrix.attacks;
    let bar = progress((files.len() * attacks.len()) as u64, options.pairs);
    for (photo, file) in files.iter().enumerate() {
        // One photograph at a time: its copies are what memory is needed for.
        let photograph = match Photograph::protect(file, options.max_side) {
            Ok(photograph) => photograph,
            Err(message) => {
                bar.println(&message);
                matrix.failed.push(message);
                bar.inc(attacks.len() as u64);
                continue;
            }
        };
        if photograph.reduced {
            matrix.reduced.push(photo);
        }
        bar.set_message(photograph.name.clone());
        let attempt = |(at, attack): (usize, &Attack)| {
            let (mut pair, attacked) = attempt(&photograph, photo, attack, at);
            if options.pairs {
                print(&photograph, attack, &pair);
            }
            if photo == 0 || options.save.is_some() {
                let picture = attacked.into_pixels();
                if let Some(folder) = &options.save {
                    save(folder, &photograph.name, &attack.name, &picture);
                }
                pair.thumbnail = Some(small(&picture));
            }
            bar.inc(1);
            pair
        };
        matrix.pairs.extend(pool.install(|| {
            let numbered = attacks.par_iter().enumerate().with_max_len(1);
            numbered.map(attempt).collect::<Vec<_>>()
        }));
    }
    bar.finish_and_clear();
    matrix
}

/// A bar of trials.
pub(crate) fn progress(pairs: u64, hidden: bool) -> ProgressBar {
    if hidden {
        return ProgressBar::hidden();
    }
    let style = "{elapsed_precise} {wide_bar} {pos}/{len} pairs, {eta} to go  {msg}";
    ProgressBar::new(pairs).with_style(ProgressStyle::with_template(style).unwrap())
}

fn attempt(photograph: &Photograph, photo: usize, attack: &Attack, at: usize) -> (Pair, Attacked) {
    let attacked = attack.run(&photograph.shown);
    let received = attacked.photo();
    let started = Instant::now();
    let detection = detect(&received, &photograph.record, &photograph.key);
    let pair = Pair {
        photo,
        attack: at,
        size: received.upright_size(),
        detection,
        milliseconds: milliseconds(started.elapsed()),
        thumbnail: None,
    };
    (pair, attacked)
}

fn milliseconds(time: Duration) -> f64 {
    1e3 * time.as_secs_f64()
}

fn small(picture: &RgbImage) -> RgbImage {
    let factor = f64::from(THUMBNAIL) / f64::from(picture.width().max(picture.height()));
    let side = |side: u32| ((f64::from(side) * factor) as u32).max(1);
    thumbnail(picture, side(picture.width()), side(picture.height()))
}

/// Saves an attacked picture as PNG.
pub(crate) fn save(folder: &Path, photo: &str, attack: &str, picture: &RgbImage) {
    std::fs::create_dir_all(folder).unwrap();
    let path = folder.join(format!("{photo}.{attack}.png"));
    picture.save(path).unwrap();
}

fn print(photograph: &Photograph, attack: &Attack, pair: &Pair) {
    let Detection {
        z, rho, transform, ..
    } = &pair.detection;
    let way = transform.as_ref().map_or(String::new(), |way| {
        let flipped = if way.flipped { " flipped" } else { "" };
        format!(
            "{:.3} x {:.3} turned {:.1}{flipped} kept {:.2}",
            way.scale_x, way.scale_y, way.rotation_degrees, way.crop_kept
        )
    });
    println!(
        "{:28} {:24} z {z:6.2}  rho {rho:5.2}  {:9} {:4.0} ms  {way}",
        photograph.name,
        attack.name,
        format!("{:?}", pair.detection.status),
        pair.milliseconds
    );
}
