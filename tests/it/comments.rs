//! How comments are set: prose fits in as many columns as code does.

use std::{fs, path::Path};

use crate::layering::sources;

/// `max_width` of rustfmt, which leaves comments alone.
const COLUMNS: usize = 100;

/// The numbers of the lines whose comment is prose and too wide. Formulas, drawings and tables, in
/// fences or between bars, may be wider.
fn wide_lines(source: &str) -> Vec<usize> {
    let mut fenced = false;
    let mut wide = Vec::new();
    for (index, line) in source.lines().enumerate() {
        let Some(comment) = line.trim_start().strip_prefix("//") else {
            fenced = false;
            continue;
        };
        let text = comment.trim_start_matches(['/', '!']).trim_start();
        if text.starts_with("```") {
            fenced = !fenced;
        }
        if !fenced && !text.starts_with('|') && line.chars().count() > COLUMNS {
            wide.push(index + 1);
        }
    }
    wide
}

#[test]
fn prose_in_comments_fits_in_the_columns_of_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut walked = 0;
    for folder in ["src", "tests", "benches", "examples"] {
        for file in sources(&root.join(folder)) {
            let wide = wide_lines(&fs::read_to_string(&file).unwrap());
            assert!(wide.is_empty(), "{}: lines {wide:?}", file.display());
            walked += 1;
        }
    }
    println!("{walked} files");
    assert!(walked > 300);
}

#[test]
fn wide_prose_is_seen_and_wide_formulas_are_let_be() {
    let (wide, narrow) = ("x ".repeat(50), "x ".repeat(40));
    let source = format!(
        "/// {wide}\n//! ```text\n//! {wide}\n//! ```\n// {wide}\n// {narrow}\n// | {wide}\n"
    );
    assert_eq!(wide_lines(&source), [1, 5]);
}
