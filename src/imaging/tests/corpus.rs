//! The laboratory's odd and hostile files: accepted or refused as their indexes say, and never
//! slow.
//!
//! The files are not in the repository. `LUMATRACE_PHOTOS` names their folder; without it
//! `../shared/photos` beside the crate is tried. `LUMATRACE_IMAGING_TABLE` names a file for the
//! findings.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::super::{
    ImagingError, Limits, Photo, Pixels, decode, encode, is_lossless, pixel_digest,
};
use super::samples::psnr;

/// Longest time that a file may take, decoded, encoded and decoded again, even in a debug build.
const SLOWEST: Duration = Duration::from_secs(10);
/// Least PSNR that a lossy WebP must keep.
const LEAST_PSNR_DB: f64 = 35.0;

#[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
fn setting(name: &str) -> Option<PathBuf> {
    std::env::var(name).ok().map(PathBuf::from)
}

/// Returns the folder of a set of photographs; if it is missing, reports so past the harness that
/// captures output.
fn photos(set: &str) -> Option<PathBuf> {
    let root = setting("LUMATRACE_PHOTOS")
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/photos"));
    let folder = root.join(set);
    if folder.is_dir() {
        return Some(folder);
    }
    let skipped = format!(
        "SKIPPED: no folder {}; set LUMATRACE_PHOTOS\n",
        folder.display()
    );
    std::io::stderr().write_all(skipped.as_bytes()).unwrap();
    None
}

/// Returns name and expectation of each file of an index.
fn index(path: &Path, column: usize) -> Vec<(String, String)> {
    let text = fs::read_to_string(path).unwrap();
    let rows = text.lines().skip(1).map(|line| line.split('\t').collect());
    rows.map(|row: Vec<&str>| (row[0].to_owned(), row[column].to_owned()))
        .collect()
}

/// Returns the answer of a test service, in the indexes' words.
fn answer(result: &Result<Photo, ImagingError>) -> &'static str {
    match result {
        Ok(_) => "200",
        Err(ImagingError::TooManyBytes { .. } | ImagingError::TooManyPixels { .. }) => "413",
        Err(ImagingError::UnsupportedFormat { .. } | ImagingError::Foreign { .. }) => {
            "400 unsupported"
        }
        Err(_) => "400 invalid",
    }
}

/// Random bytes that hit the size or the signature: refused, though for another reason than the
/// index gives.
const REFUSED_OTHERWISE: [&str; 2] = ["fuzz_head_10.jpg", "flip_7_256bits.webp"];

fn is_expected(expected: &str, answer: &str) -> bool {
    expected.contains(answer) || answer.starts_with("400") && expected.ends_with("or 400")
}

fn check_round_trip(name: &str, photo: &Photo) {
    let file = encode(photo).unwrap_or_else(|error| panic!("{name}: {error}"));
    let again = decode(
        &file,
        &Limits {
            max_bytes: usize::MAX,
            ..Limits::default()
        },
    )
    .unwrap_or_else(|error| panic!("{name}: its copy: {error}"));
    assert_eq!(again.format, photo.format, "{name}");
    assert_eq!(again.orientation, photo.orientation, "{name}");
    assert_eq!(
        again.metadata.segments(),
        photo.metadata.segments(),
        "{name}"
    );
    if is_lossless(photo) {
        assert_eq!(
            pixel_digest(&again.pixels),
            pixel_digest(&photo.pixels),
            "{name}"
        );
    } else {
        let (Pixels::Raster(a), Pixels::Raster(b)) = (&photo.pixels, &again.pixels) else {
            panic!("{name}: not a raster");
        };
        assert!(psnr(a, b) > LEAST_PSNR_DB, "{name}: {} dB", psnr(a, b));
    }
}

#[test]
fn odd_and_hostile_files_are_answered_as_their_indexes_say() {
    let mut table = String::from("file\tanswer\texpected\tms\treason\n");
    let mut differences = Vec::new();
    let mut files = 0;
    for (folder, file, column) in [("odd", "INDEX.tsv", 3), ("hostile", "EXPECT.tsv", 3)] {
        let Some(photos) = photos(folder) else { return };
        for (name, expected) in index(&photos.join(file), column) {
            let Ok(bytes) = fs::read(photos.join(&name)) else {
                continue; // listed as "generate"
            };
            files += 1;
            let start = Instant::now();
            let result = decode(&bytes, &Limits::default());
            let decode_ms = start.elapsed().as_millis();
            if let Ok(photo) = &result {
                check_round_trip(&name, photo);
            }
            assert!(
                start.elapsed() < SLOWEST,
                "{name} took {:?}",
                start.elapsed()
            );
            let answer = answer(&result);
            let reason = result
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            let row = format!("{folder}/{name}\t{answer}\t{expected}\t{decode_ms}\t{reason}");
            writeln!(table, "{row}").unwrap();
            let is_known = REFUSED_OTHERWISE.contains(&name.as_str()) && answer != "200";
            if !is_expected(&expected, answer) && !is_known {
                differences.push(row);
            }
        }
    }
    println!("{files} files were answered");
    assert!(files > 400, "{files}");
    if let Some(path) = setting("LUMATRACE_IMAGING_TABLE") {
        fs::write(path, table).unwrap();
    }
    assert!(
        differences.is_empty(),
        "not as expected:\n{}",
        differences.join("\n")
    );
}

#[test]
fn camera_files_come_back_as_they_were() {
    let Some(large) = photos("large") else { return };
    let mut files = 0;
    let limits = Limits {
        max_pixels: 17_000_000,
        ..Limits::default()
    };
    for entry in fs::read_dir(large).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension == "md") {
            continue;
        }
        files += 1;
        let name = path.display().to_string();
        let photo = decode(&fs::read(&path).unwrap(), &limits)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let file = encode(&photo).unwrap();
        let again = decode(&file, &limits).unwrap();
        assert_eq!(
            pixel_digest(&again.pixels),
            pixel_digest(&photo.pixels),
            "{name}"
        );
        assert_eq!(
            again.metadata.segments(),
            photo.metadata.segments(),
            "{name}"
        );
        assert_eq!(again.orientation, photo.orientation, "{name}");
    }
    println!("{files} files came back");
    assert!(files >= 10, "{files}");
}
