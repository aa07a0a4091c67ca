//! Every photograph under every attack, in parallel.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use lumatrace::watermark::{Detection, DetectionStatus, detect};
use rayon::prelude::*;

use crate::{
    attacks::{Attack, Attacked},
    options::Options,
    photograph::{File, Photograph},
};

/// What came of one attack on one photograph.
pub(crate) struct Pair {
    /// Index of the photograph.
    pub(crate) photo: usize,
    /// Index of the attack.
    pub(crate) attack: usize,
    /// Width and height of the attacked picture.
    pub(crate) size: (u32, u32),
    /// What was found.
    pub(crate) detection: Detection,
    /// Time of the attack.
    pub(crate) attacked_in: Duration,
    /// Time of the detection, without decoding.
    pub(crate) detected_in: Duration,
}

impl Pair {
    /// Tells whether the mark was detected.
    pub(crate) fn detected(&self) -> bool {
        self.detection.status == DetectionStatus::Detected
    }
}

/// Runs the matrix; prints pairs or moves the bar as they come.
pub(crate) fn run(options: &Options, files: &[File]) -> Vec<Pair> {
    let attacks = options.chosen();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.jobs)
        .build()
        .unwrap();
    let bar = progress((files.len() * attacks.len()) as u64, options.pairs);
    let mut pairs = Vec::new();
    for (photo, file) in files.iter().enumerate() {
        // One photograph at a time: its copies are what memory is needed for.
        let photograph = match Photograph::protect(&file.path, options.max_side) {
            Ok(photograph) => photograph,
            Err(message) => {
                eprintln!("{message}");
                bar.inc(attacks.len() as u64);
                continue;
            }
        };
        bar.set_message(photograph.name.clone());
        let attempt = |(at, attack): (usize, &Attack)| {
            let (pair, attacked) = attempt(&photograph, photo, attack, at);
            if let Some(folder) = &options.save {
                save(folder, &photograph.name, &attack.name, attacked);
            }
            if options.pairs {
                print(&photograph, attack, &pair);
            }
            bar.inc(1);
            pair
        };
        pairs.extend(pool.install(|| {
            let numbered = attacks.par_iter().enumerate().with_max_len(1);
            numbered.map(attempt).collect::<Vec<_>>()
        }));
    }
    bar.finish_and_clear();
    pairs
}

fn progress(pairs: u64, hidden: bool) -> ProgressBar {
    if hidden {
        return ProgressBar::hidden();
    }
    let style = "{elapsed_precise} {wide_bar} {pos}/{len} pairs, {eta} to go  {msg}";
    ProgressBar::new(pairs).with_style(ProgressStyle::with_template(style).unwrap())
}

fn attempt(photograph: &Photograph, photo: usize, attack: &Attack, at: usize) -> (Pair, Attacked) {
    let started = Instant::now();
    let attacked = attack.run(&photograph.shown);
    let attacked_in = started.elapsed();
    let received = attacked.photo();
    let started = Instant::now();
    let detection = detect(&received, &photograph.record, &photograph.key);
    let pair = Pair {
        photo,
        attack: at,
        size: received.upright_size(),
        detection,
        attacked_in,
        detected_in: started.elapsed(),
    };
    (pair, attacked)
}

/// Saves an attacked picture as PNG.
fn save(folder: &Path, photo: &str, attack: &str, attacked: Attacked) {
    let path = folder.join(format!("{photo}.{attack}.png"));
    attacked.into_pixels().save(path).unwrap();
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
        "{:28} {:24} z {z:6.2}  rho {rho:5.2}  {:9} {:4} ms  {way}",
        photograph.name,
        attack.name,
        format!("{:?}", pair.detection.status),
        pair.detected_in.as_millis()
    );
}
