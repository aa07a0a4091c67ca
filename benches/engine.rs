//! CPU time and memory of `protect` and `verify`, next to plainly decoding and encoding the same
//! file in the same run.
//!
//! `script/cargo bench` takes the JPEGs of `$LUMATRACE_PHOTOS/large` (default `../shared/photos`)
//! with 12 and 16 megapixels, or the files named on the command line. Each round runs all four, so
//! that a noisy machine disturbs them alike; the table has the medians and their ratios. Peak
//! memory is measured in a process of its own for each.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement stops at what it does not understand and prints what it finds"
)]

use std::{
    hint::black_box,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use libjpeg_turbo_rs::{
    Encoder, PixelFormat, Subsampling, decompress_to, read_coefficients, write_coefficients,
};
use lumatrace::{
    imaging::{Limits, decode},
    watermark::{Record, WatermarkKey, detect, embed},
};
use sha2::{Digest, Sha256};

/// Rounds of each measurement.
const ROUNDS: usize = 9;

/// The tasks that are measured for each file.
const TASKS: [&str; 4] = ["decode", "decode + encode", "protect", "verify"];

/// A file and the inputs of its tasks.
struct Case {
    source: Vec<u8>,
    protected: Vec<u8>,
    record: Record,
    key: WatermarkKey,
    subsampling: Subsampling,
    tables: Vec<[u16; 64]>,
    fitted: bool,
    progressive: bool,
}

impl Case {
    fn new(path: &Path) -> Self {
        let source = std::fs::read(path).unwrap();
        let key = WatermarkKey::derive(&[7; 32], &[9; 16]);
        let embedded = embed(decode(&source, &Limits::default()).unwrap(), &key).unwrap();
        let coefficients = read_coefficients(&source).unwrap();
        let luma = &coefficients.components[0];
        let subsampling = match (luma.h_sampling, luma.v_sampling) {
            (2, 2) => Subsampling::S420,
            (2, 1) => Subsampling::S422,
            _ => Subsampling::S444,
        };
        Self {
            fitted: huffman_bytes(&embedded.bytes)
                < huffman_bytes(&write_coefficients(&coefficients).unwrap()),
            progressive: libjpeg_turbo_rs::probe(&source).unwrap().progressive,
            source,
            protected: embedded.bytes,
            record: embedded.record,
            key,
            subsampling,
            tables: coefficients.quant_tables,
        }
    }

    fn run(&self, task: &str) {
        match task {
            "decode" => drop(black_box(
                decompress_to(&self.source, PixelFormat::Rgb).unwrap(),
            )),
            "decode + encode" => drop(black_box(self.plain())),
            "protect" => {
                // As in the service: hash the source, do the work, hash the result.
                black_box(Sha256::digest(&self.source));
                let photo = decode(&self.source, &Limits::default()).unwrap();
                let embedded = embed(photo, &self.key).unwrap();
                black_box(Sha256::digest(&embedded.bytes));
            }
            _ => {
                black_box(Sha256::digest(&self.protected));
                let photo = decode(&self.protected, &Limits::default()).unwrap();
                black_box(detect(&photo, &self.record, &self.key));
            }
        }
    }

    /// Returns the file that a program without a watermark would hand on: all pixels, the source's
    /// tables and sampling, and the entropy coding that the protected file has.
    fn plain(&self) -> Vec<u8> {
        let image = decompress_to(&self.source, PixelFormat::Rgb).unwrap();
        let mut encoder = Encoder::new(&image.data, image.width, image.height, PixelFormat::Rgb)
            .subsampling(self.subsampling)
            .optimize_huffman(self.fitted)
            .progressive(self.progressive);
        for (index, table) in self.tables.iter().enumerate() {
            encoder = encoder.quant_table(index, *table);
        }
        encoder.encode().unwrap()
    }
}

/// Bytes of Huffman tables in the headers of a JPEG.
fn huffman_bytes(jpeg: &[u8]) -> usize {
    let tables = jpeg.windows(4).filter(|bytes| bytes[..2] == [0xff, 0xc4]);
    tables
        .map(|bytes| usize::from(u16::from_be_bytes([bytes[2], bytes[3]])))
        .sum()
}

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    if let [flag, task, path] = arguments.as_slice()
        && flag == "--peak"
    {
        print_peak(task, Path::new(path));
        return;
    }
    let files = if arguments.is_empty() {
        photographs()
    } else {
        arguments.iter().map(PathBuf::from).collect()
    };
    if files.is_empty() {
        eprintln!("SKIPPED: no photographs; set LUMATRACE_PHOTOS or name JPEG files");
        return;
    }
    println!(
        "| file | {} | protect / plain | verify / decode | verify - decode | peak MiB: {} |",
        TASKS.map(|task| format!("{task} ms")).join(" | "),
        TASKS.join(", ")
    );
    println!("|{}", "---|".repeat(TASKS.len() + 5));
    for file in files {
        measure(&file);
    }
}

/// The 12 and 16 megapixel JPEGs of the large folder.
fn photographs() -> Vec<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a bench has no configuration of its own"
    )]
    let root = std::env::var("LUMATRACE_PHOTOS").unwrap_or_else(|_| "../shared/photos".to_owned());
    let Ok(folder) = std::fs::read_dir(Path::new(&root).join("large")) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = folder
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            path.extension().is_some_and(|kind| kind == "jpg")
                && ["12mp", "12.5mp", "16mp"]
                    .iter()
                    .any(|size| name.contains(size))
        })
        .collect();
    files.sort();
    files
}

fn measure(file: &Path) {
    let case = Case::new(file);
    let mut times = [const { Vec::new() }; TASKS.len()];
    for _ in 0..ROUNDS {
        for (task, times) in TASKS.iter().zip(&mut times) {
            let started = Instant::now();
            case.run(task);
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
    }
    let medians = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    });
    let [decode, plain, protect, verify] = medians;
    let peaks = TASKS.map(|task| {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--peak", task])
            .arg(file)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    });
    println!(
        "| {} | {} | {:.2} | {:.2} | {:+.0} ms | {} |",
        file.file_name().unwrap().to_string_lossy(),
        medians.map(|median| format!("{median:.0}")).join(" | "),
        protect / plain,
        verify / decode,
        verify - decode,
        peaks.join(", ")
    );
}

/// Runs one task in this process alone and prints the largest growth of the process in MiB.
fn print_peak(task: &str, path: &Path) {
    // The inputs of the task are made elsewhere, so that they do not count.
    let case = Case::new(path);
    std::fs::write("/proc/self/clear_refs", "5").ok();
    let before = status_kib("VmRSS");
    case.run(task);
    println!("{}", (status_kib("VmHWM") - before) / 1024);
}

/// A line of `/proc/self/status`, in KiB; 0 where there is none.
fn status_kib(name: &str) -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}
