//! Whether "authentic" can be relied on: forgeries that carry the mark, and handling that changes
//! no content.
//!
//! | Group | What is sent | Right |
//! |---|---|---|
//! | transplant | the mark on other photographs | not authentic |
//! | exposure, burst, aware | two pictures in one; the next frame; a forger who knows the measure | not authentic |
//! | replaced, sky, box, small, writing, overlay | a part is something else | altered, a region on it |
//! | light, tones, negative, catalogue, screenshot | no change of content | authentic |
//! | covered | cut and partly covered in the open | detected |

mod aware;
mod burst;
mod calibration;
mod case;
mod clahe;
mod compose;
mod covered;
mod existing;
mod exposure;
mod field;
mod light;
mod mask;
mod negative;
mod paint;
mod replaced;
mod report;
mod said;
mod scene;
mod sky;
mod small;
mod tone;
mod transplant;
mod trial;

use image::RgbImage;
use lumatrace::{imaging::decode, watermark::RecordPrivacy};
use rayon::prelude::*;

use self::{case::Case, scene::Scene, trial::Trial};
use crate::{
    attacks::NO_LIMITS,
    container::Container,
    matrix::{progress, save},
    options::Options,
    photograph::{File, Photograph, read, shown},
};

/// Most other photographs that a case has.
const OTHERS: usize = 3;

/// Runs the cases on every photograph, writes the report and prints its summary.
pub(crate) fn run(options: &Options, files: &[File]) {
    let others = OTHERS.min(files.len() - 1);
    let mut cases = cases(others);
    cases.retain(|case| options.wants(case.counted_as(), case.group));
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.jobs)
        .build()
        .unwrap();
    let bar = progress((files.len() * cases.len()) as u64, false);
    let mut trials: Vec<Trial> = Vec::new();
    for (at, file) in files.iter().enumerate() {
        // The pictures of one photograph at a time are what memory is needed for.
        let next = |by: usize| &files[(at + by) % files.len()];
        let prepared = prepare(options, file, next, others);
        let (photograph, scene) = match prepared {
            Ok(prepared) => prepared,
            Err(message) => {
                bar.println(message);
                bar.inc(cases.len() as u64);
                continue;
            }
        };
        bar.set_message(photograph.name.clone());
        let identity = (&photograph.record, &photograph.key);
        let attempt = |case: &Case| {
            let sent = case.make(&scene, &photograph.name);
            let trial = Trial::run(case, &sent, &photograph.name, identity);
            if let Some(folder) = &options.save {
                let name = format!("{}.{}", case.group, case.name.replace('/', "_"));
                save(
                    folder,
                    &photograph.name,
                    &name,
                    &sent.attacked.into_pixels(),
                );
            }
            bar.inc(1);
            trial
        };
        trials.extend(pool.install(|| {
            let cases = cases.par_iter().with_max_len(1);
            cases.map(attempt).collect::<Vec<_>>()
        }));
        // After each photograph, so that a run that is ended leaves what it has.
        let head = head(options, at + 1, files.len());
        let path = |name: &str| options.out.join(name);
        std::fs::write(path("authentic.csv"), report::csv(&trials)).unwrap();
        let tables = report::markdown(&trials, &cases, &head);
        std::fs::write(path("authentic.md"), tables).unwrap();
    }
    if let Some(plot) = calibration::plot(&trials) {
        plot.save(options.out.join("calibration.png")).unwrap();
    }
    bar.finish_and_clear();
    println!("{}", report::summary(&trials, &cases));
}

/// All cases, for a number of other photographs.
fn cases(others: usize) -> Vec<Case> {
    let mut cases = transplant::cases(others);
    cases.extend(replaced::cases());
    cases.extend(sky::cases());
    cases.extend(exposure::cases(others));
    cases.extend(paint::cases());
    cases.extend(small::cases());
    cases.extend(light::cases());
    cases.extend(tone::cases());
    cases.extend(negative::cases());
    cases.extend(existing::cases());
    cases.extend(covered::cases());
    cases.extend(burst::cases());
    cases.extend(aware::cases(others));
    cases
}

/// Protects a photograph and gathers the others.
fn prepare<'a>(
    options: &Options,
    file: &File,
    next: impl Fn(usize) -> &'a File,
    others: usize,
) -> Result<(Photograph, Scene), String> {
    let container = options.container;
    let photograph = protect(options, file, container)?;
    let neighbour = protect(options, next(1), container)?;
    let others: Result<Vec<RgbImage>, String> = (1..=others)
        .map(|by| {
            let source = read(&next(by).path, options.max_side, Container::AsItIs)?;
            picture(&source.bytes)
        })
        .collect();
    let original = picture(&photograph.source)?;
    let scene = Scene::new(
        photograph.shown.clone(),
        original,
        &neighbour.shown,
        others?,
    );
    Ok((photograph, scene))
}

fn protect(options: &Options, file: &File, container: Container) -> Result<Photograph, String> {
    let privacy = if options.strict {
        RecordPrivacy::Strict
    } else {
        RecordPrivacy::Full
    };
    let source = read(&file.path, options.max_side, container)?;
    Photograph::protect_bytes(file.name(), source, privacy)
}

/// Decodes a file to what a viewer shows.
fn picture(bytes: &[u8]) -> Result<RgbImage, String> {
    let photo = decode(bytes, &NO_LIMITS).map_err(|error| error.to_string())?;
    Ok(shown(bytes, &photo))
}

fn head(options: &Options, done: usize, of: usize) -> String {
    format!(
        "`script/cargo run --release --example robustness -- --authentic`, version {}: {done} of {of} photographs, longest side {}, {}, \
         {} record.",
        env!("CARGO_PKG_VERSION"),
        options
            .max_side
            .map_or("as it is".to_owned(), |side| format!("at most {side}")),
        options.container.name(),
        if options.strict { "strict" } else { "full" }
    )
}
