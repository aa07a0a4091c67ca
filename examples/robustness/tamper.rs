//! The tamper map on edited pictures: how many edits are found, by size and by what happened
//! afterwards.

use std::fmt::Write;

use image::RgbImage;
use indicatif::ProgressBar;
use lumatrace::watermark::{Region, TamperFinding, Tampering, detect};
use rayon::prelude::*;

use crate::{
    edits::{AFTERWARDS, Area, Edit, afterwards},
    options::Options,
    photograph::{File, Photograph},
};

/// Shares of the picture that are edited.
const SHARES: [f64; 4] = [0.005, 0.01, 0.02, 0.05];
/// Index of the share that is drawn.
const DRAWN: usize = 2;

/// An edit of the first photograph, to be drawn.
pub(crate) struct Example {
    /// Its name.
    pub(crate) name: &'static str,
    /// The edited picture.
    pub(crate) picture: RgbImage,
    /// Where it was edited.
    pub(crate) area: Area,
    /// What was found.
    pub(crate) tampering: Option<Tampering>,
}

/// What was measured: how often each edit was found, and examples.
#[derive(Default)]
pub(crate) struct Edits {
    /// Detections of (edit, share, afterwards): found, of.
    counts: Vec<[[(usize, usize); AFTERWARDS.len()]; SHARES.len()]>,
    /// One of each edit.
    pub(crate) examples: Vec<Example>,
}

/// Edits every photograph; parts of the one before are spliced in.
pub(crate) fn measure(options: &Options, files: &[File]) -> Edits {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.jobs)
        .build()
        .unwrap();
    let mut edits = Edits {
        counts: vec![Default::default(); Edit::ALL.len()],
        examples: Vec::new(),
    };
    let bar = ProgressBar::new(files.len() as u64);
    let mut other: Option<RgbImage> = None;
    for (number, file) in files.iter().chain(&files[..1]).enumerate() {
        // Once round, so that the first has one before it, too.
        let Ok(photograph) = Photograph::protect(file, options.max_side) else {
            continue;
        };
        if let Some(other) = &other {
            let cases: Vec<(usize, usize)> = (0..Edit::ALL.len())
                .flat_map(|edit| (0..SHARES.len()).map(move |share| (edit, share)))
                .collect();
            let drawn = number == 1;
            let outcomes: Vec<_> = pool.install(|| {
                let run = |&(edit, share): &(usize, usize)| {
                    let wanted = drawn && share == DRAWN;
                    try_edit(&photograph, other, Edit::ALL[edit], SHARES[share], wanted)
                };
                cases.par_iter().map(run).collect()
            });
            for ((edit, share), (found, example)) in cases.into_iter().zip(outcomes) {
                for (count, found) in edits.counts[edit][share].iter_mut().zip(found) {
                    count.0 += usize::from(found);
                    count.1 += 1;
                }
                edits.examples.extend(example);
            }
            bar.inc(1);
        }
        other = Some(photograph.shown);
    }
    bar.finish_and_clear();
    edits
}

/// Makes one edit and looks for it after each of [`AFTERWARDS`].
fn try_edit(
    photograph: &Photograph,
    other: &RgbImage,
    edit: Edit,
    share: f64,
    wanted: bool,
) -> ([bool; AFTERWARDS.len()], Option<Example>) {
    let area = edit.area(share);
    let edited = edit.make(&photograph.shown, &area, other);
    let mut found = [false; AFTERWARDS.len()];
    let mut example = None;
    for (index, found) in found.iter_mut().enumerate() {
        let received = afterwards(index, edited.clone()).photo();
        let tampering = detect(&received, &photograph.record, &photograph.key).tampering;
        *found = tampering.as_ref().is_some_and(|tampering| {
            tampering.finding == TamperFinding::Altered
                && tampering
                    .regions
                    .iter()
                    .any(|region| area_of(region).meets(&area))
        });
        if wanted && index == 0 {
            example = Some(Example {
                name: edit.name(),
                picture: edited.clone(),
                area,
                tampering,
            });
        }
    }
    (found, example)
}

/// The rectangle of a region.
pub(crate) fn area_of(region: &Region) -> Area {
    Area {
        x: region.x,
        y: region.y,
        width: region.width,
        height: region.height,
    }
}

impl Edits {
    /// Writes the table: an edit a row, a size a column.
    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "Found where they were made, per cent of the photographs, after {}.\n\n| edit |",
            AFTERWARDS.join(" / ")
        );
        for share in SHARES {
            write!(text, " {} % of the area |", 100.0 * share).unwrap();
        }
        writeln!(text, "\n|---|{}", "---|".repeat(SHARES.len())).unwrap();
        for (edit, shares) in Edit::ALL.iter().zip(&self.counts) {
            write!(text, "| {} |", edit.name()).unwrap();
            for counts in shares {
                let percent = counts
                    .map(|(found, of)| format!("{:.0}", 100.0 * found as f64 / of.max(1) as f64));
                write!(text, " {} |", percent.join(" / ")).unwrap();
            }
            text.push('\n');
        }
        text
    }
}
