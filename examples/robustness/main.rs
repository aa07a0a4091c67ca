//! The attack matrix: protects every photograph of some folders, attacks it in a hundred ways and
//! looks for the mark.
//!
//! ```text
//! script/cargo run --release --example robustness -- FOLDER... [--out DIR] [--attacks a,b,family,harsh | --core]
//!                                             [--limit N] [--max-side PIXELS] [--jobs N] [--pairs] [--quick] [--save DIR]
//! script/cargo run --release --example robustness -- FOLDER... --authentic [--cases a,b,group] [--as CONTAINER] [--strict]
//! ```
//!
//! It needs no server and no database; what it writes into DIR is described in
//! `examples/README.md`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "a laboratory stops at what it does not understand, prints what it finds and computes with pixels"
)]

mod attacks;
mod authentic;
mod collusion;
mod container;
mod edits;
mod growth;
mod jpeg_table;
mod matrix;
#[path = "../../tests/it/support/quality.rs"]
mod metrics;
mod options;
mod photograph;
mod pictures;
mod quality;
mod report;
mod tamper;

use std::process::ExitCode;

use clap::Parser;

use image::RgbImage;

use crate::{
    matrix::run,
    options::Options,
    photograph::{File, files},
    pictures::{contact_sheet, curves, tamper_maps},
    report::Findings,
};

fn main() -> ExitCode {
    let options = Options::parse();
    let files = files(&options);
    if files.is_empty() {
        eprintln!("no photographs there");
        return ExitCode::from(2);
    }
    std::fs::create_dir_all(&options.out).unwrap();
    if let Some(code) = other_measurement(&options, &files) {
        return code;
    }
    let matrix = run(&options, &files);
    let quality = if options.quick {
        Vec::new()
    } else {
        quality::measure(&files, options.max_side, options.jobs)
    };
    let edits = if options.quick {
        None
    } else {
        Some(tamper::measure(&options, &files))
    };
    let mut pictures = Vec::new();
    let mut draw = |name: &str, shows: &str, picture: Option<RgbImage>| {
        if let Some(picture) = picture {
            picture.save(options.out.join(name)).unwrap();
            pictures.push((name.to_owned(), shows.to_owned()));
        }
    };
    let title = format!("Detection of the mark, {} photographs", files.len());
    draw("curves.png", "detection curves", curves(&matrix, &title));
    let title = format!(
        "{}: protected, attacked, and the z that is left",
        files[0].name()
    );
    draw(
        "attacks.png",
        "contact sheet",
        contact_sheet(&matrix, &title),
    );
    let maps = edits.as_ref().and_then(tamper_maps);
    draw(
        "tamper.png",
        "tamper maps: white the edit, yellow what was found",
        maps,
    );
    let findings = Findings {
        options: &options,
        files: &files,
        matrix: &matrix,
        quality: &quality,
        edits: edits.as_ref(),
        pictures: &pictures,
    };
    std::fs::write(options.out.join("robustness.md"), findings.markdown()).unwrap();
    std::fs::write(options.out.join("robustness.csv"), findings.csv()).unwrap();
    let lines = quality::csv(&quality, &files);
    std::fs::write(options.out.join("quality.csv"), lines).unwrap();
    let detected = matrix.pairs.iter().filter(|pair| pair.detected()).count();
    println!(
        "{detected} of {} pairs detected; {}",
        matrix.pairs.len(),
        options.out.join("robustness.md").display()
    );
    ExitCode::SUCCESS
}

/// What is asked for instead of the matrix.
fn other_measurement(options: &Options, files: &[File]) -> Option<ExitCode> {
    let write = |name: &str, table: String| {
        println!("{table}");
        std::fs::write(options.out.join(name), table).unwrap();
    };
    if options.jpeg_table {
        write("jpeg.md", jpeg_table::table(options, files));
    } else if options.growth {
        write("growth.md", growth::table(options, files));
    } else if options.collusion {
        write("collusion.md", collusion::table(options, files));
    } else if options.authentic {
        if files.len() < 2 {
            eprintln!("forgeries need a second photograph");
            return Some(ExitCode::from(2));
        }
        authentic::run(options, files);
    } else {
        return None;
    }
    Some(ExitCode::SUCCESS)
}
