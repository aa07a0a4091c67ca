//! What becomes of JPEG files: sources of five qualities and up to four sizes, several keys each.
//!
//! | Column | Meaning |
//! |---|---|
//! | z | of the returned file |
//! | 1024 q50 | of a copy with a long side of 1024 pixels (or its own, if smaller) at quality 50 |
//! | same table | of the file decoded and saved again with its own quantiser tables |
//! | other decoder | of the pixels that a second decoder (zune-jpeg) reads |
//! | SSIMULACRA2, Butteraugli | of the returned file against the decoded source, at a long side of at most 1600 pixels |
//! | bytes | of the returned file against the source |

use std::fmt::Write;

use image::RgbImage;
use indicatif::ProgressBar;
use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling, read_coefficients};
use lumatrace::{
    imaging::decode,
    watermark::{ProtectionLevel, WatermarkKey, detect, embed},
};
use rayon::prelude::*;

use crate::{
    attacks::{NO_LIMITS, jpeg, long_edge, photo_of, resize_to, unpack},
    options::Options,
    photograph::{File, shown},
    quality::seen_distance,
};

/// Qualities of the sources.
const QUALITIES: [u8; 5] = [50, 60, 75, 85, 95];
/// Sizes that a larger photograph is reduced to, in pixels.
const SIZES: [f64; 2] = [2e6, 0.4e6];
/// Keys of each source.
const KEYS: u8 = 3;

/// A source and its group in the table.
struct Source {
    file: usize,
    /// `0.4 MP` and so on.
    size: &'static str,
    pixels: Option<f64>,
    quality: u8,
}

/// What came of a source and a key.
struct Outcome {
    source: usize,
    z: f64,
    small: f64,
    resaved: f64,
    other: f64,
    ssimulacra2: f64,
    butteraugli: f64,
    bytes: (usize, usize),
    turns: u32,
    full: bool,
}

/// Measures and returns the table.
pub(crate) fn table(options: &Options, files: &[File]) -> String {
    let sources = sources(files);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.jobs)
        .build()
        .unwrap();
    let bar = ProgressBar::new(sources.len() as u64);
    let measured = |(at, source): (usize, &Source)| {
        let picture = picture(&files[source.file], source.pixels);
        let bytes = jpeg(&picture, source.quality);
        let outcomes: Vec<Outcome> = (0..KEYS).map(|key| measure(at, &bytes, key)).collect();
        bar.inc(1);
        outcomes
    };
    let outcomes: Vec<Outcome> = pool.install(|| {
        let numbered = sources.par_iter().enumerate().with_max_len(1);
        numbered.flat_map_iter(measured).collect()
    });
    bar.finish_and_clear();
    write_table(&sources, &outcomes, files)
}

/// All sources, grouped by size and quality.
fn sources(files: &[File]) -> Vec<Source> {
    let mut sources = Vec::new();
    for (file, found) in files.iter().enumerate() {
        let (width, height) = image::image_dimensions(&found.path).unwrap();
        let native = f64::from(width) * f64::from(height);
        let label = match native {
            n if n < 1e6 => "below 1 MP",
            n if n < 5e6 => "1 to 5 MP",
            _ => "above 5 MP",
        };
        let mut sizes = vec![(label, None)];
        if native > 5e6 {
            sizes.extend(["2 MP", "0.4 MP"].into_iter().zip(SIZES.map(Some)));
        }
        for (size, pixels) in sizes {
            sources.extend(QUALITIES.map(|quality| Source {
                file,
                size,
                pixels,
                quality,
            }));
        }
    }
    sources.sort_by_key(|source| (source.size, source.quality, source.file));
    sources
}

/// Reads a photograph as a viewer shows it, reduced to some pixels.
fn picture(file: &File, pixels: Option<f64>) -> RgbImage {
    let bytes = std::fs::read(&file.path).unwrap();
    let picture = shown(&bytes, &decode(&bytes, &NO_LIMITS).unwrap());
    let (width, height) = picture.dimensions();
    let Some(pixels) = pixels else {
        return picture;
    };
    let factor = (pixels / f64::from(width) / f64::from(height)).sqrt();
    let side = |side: u32| (f64::from(side) * factor).round() as u32;
    resize_to(&picture, side(width), side(height))
}

fn measure(at: usize, source: &[u8], number: u8) -> Outcome {
    let key = WatermarkKey::derive(&[number + 1; 32], &[29; 16]);
    let embedded = embed(decode(source, &NO_LIMITS).unwrap(), &key).unwrap();
    let z = |photo| detect(&photo, &embedded.record, &key).z;
    let sent = unpack(&embedded.bytes);
    let small = if sent.width().max(sent.height()) > 1024 {
        jpeg(&long_edge(&sent, 1024), 50)
    } else {
        jpeg(&sent, 50)
    };
    let other = image::load_from_memory(&embedded.bytes)
        .unwrap()
        .into_rgb8();
    let (ssimulacra2, butteraugli) = seen_distance(&unpack(source), &sent);
    Outcome {
        source: at,
        z: z(decode(&embedded.bytes, &NO_LIMITS).unwrap()),
        small: z(decode(&small, &NO_LIMITS).unwrap()),
        resaved: z(decode(&resave(&embedded.bytes, &sent), &NO_LIMITS).unwrap()),
        other: z(photo_of(other)),
        ssimulacra2,
        butteraugli,
        bytes: (source.len(), embedded.bytes.len()),
        turns: embedded.report.iterations,
        full: embedded.report.level == ProtectionLevel::Full,
    }
}

/// Saves the pixels of a JPEG again with its own tables.
fn resave(file: &[u8], pixels: &RgbImage) -> Vec<u8> {
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let mut encoder = Encoder::new(pixels.as_raw(), width, height, PixelFormat::Rgb)
        .subsampling(Subsampling::S420);
    let tables = read_coefficients(file).unwrap().quant_tables;
    for (index, table) in tables.iter().enumerate() {
        encoder = encoder.quant_table(index, *table);
    }
    encoder.encode().unwrap()
}

/// What is looked for, and how it is measured.
type Extreme = (&'static str, fn(&Outcome) -> f64);

fn write_table(sources: &[Source], outcomes: &[Outcome], files: &[File]) -> String {
    let mut text = String::from(
        "| source | files x keys | z mean / min | 1024 q50 | same table | other decoder | SSIMULACRA2 mean / min | Butteraugli mean | bytes mean / max \
         | turns max | full |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    let group = |outcome: &Outcome| {
        let source = &sources[outcome.source];
        (source.size, source.quality)
    };
    for outcomes in outcomes.chunk_by(|a, b| group(a) == group(b)) {
        let column = |value: &dyn Fn(&Outcome) -> f64| {
            let values: Vec<f64> = outcomes.iter().map(value).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let extreme = |of: fn(f64, f64) -> f64, start| values.iter().copied().fold(start, of);
            (
                mean,
                extreme(f64::min, f64::MAX),
                extreme(f64::max, f64::MIN),
            )
        };
        let pair = |value: &dyn Fn(&Outcome) -> f64| {
            let (mean, least, _) = column(value);
            format!("{mean:.1} / {least:.1}")
        };
        let growth = column(&|o| 100.0 * (o.bytes.1 as f64 / o.bytes.0 as f64 - 1.0));
        let (size, quality) = group(&outcomes[0]);
        writeln!(
            text,
            "| {size} q{quality} | {} x {KEYS} | {} | {} | {} | {} | {} | {:.2} | {:+.1} % / {:+.1} % | {} | {}/{} |",
            outcomes.len() / usize::from(KEYS),
            pair(&|o| o.z),
            pair(&|o| o.small),
            pair(&|o| o.resaved),
            pair(&|o| o.other),
            pair(&|o| o.ssimulacra2),
            column(&|o| o.butteraugli).0,
            growth.0,
            growth.2,
            outcomes.iter().map(|o| o.turns).max().unwrap_or(0),
            outcomes.iter().filter(|o| o.full).count(),
            outcomes.len(),
        )
        .unwrap();
    }
    text.push_str("\nThe weakest, the least beautiful and the most grown:\n\n");
    let extremes: [Extreme; 4] = [
        ("z", |o| o.z),
        ("z, 1024 q50", |o| o.small),
        ("SSIMULACRA2", |o| o.ssimulacra2),
        ("bytes, negated", |o| o.bytes.0 as f64 - o.bytes.1 as f64),
    ];
    for (what, value) in extremes {
        let least = outcomes.iter().min_by(|a, b| value(a).total_cmp(&value(b)));
        if let Some(least) = least {
            let source = &sources[least.source];
            writeln!(
                text,
                "* {what}: {:.1}, {} {} q{}, {} bytes before",
                value(least),
                files[source.file].name(),
                source.size,
                source.quality,
                least.bytes.0
            )
            .unwrap();
        }
    }
    text
}
