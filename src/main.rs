//! The program `lumatrace`: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    lumatrace::cli::run()
}
