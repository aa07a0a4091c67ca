//! The attack matrix: protects every photograph of some folders, attacks it in a hundred ways and looks for the mark.
//!
//! ```text
//! cargo run --release --example robustness -- FOLDER... [--out DIR] [--attacks a,b,family,harsh | --core | --all]
//!                                             [--limit N] [--max-side PIXELS] [--jobs N] [--pairs] [--no-quality]
//! ```
//!
//! It needs no server and no database; what it writes into DIR is described in `examples/README.md`.

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
mod matrix;
mod options;
mod photograph;
mod quality;
#[path = "../../tests/it/support/quality.rs"]
mod metrics;

use std::process::ExitCode;

use clap::Parser;

use crate::{matrix::run, options::Options, photograph::files};

fn main() -> ExitCode {
    let options = Options::parse();
    let files = files(&options);
    if files.is_empty() {
        eprintln!("no photographs there");
        return ExitCode::from(2);
    }
    let _ = run(&options, &files);
    ExitCode::SUCCESS
}
