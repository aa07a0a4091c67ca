//! What protecting costs in quality: each source in each output format, against the file that
//! protect returns.
//!
//! | Metric | Scale |
//! |---|---|
//! | PSNR | dB over all channels; 50 is three changed levels in a thousand |
//! | SSIM | luma, 1 is equal |
//! | SSIMULACRA2 | 90 is visually lossless, 100 is equal |
//! | Butteraugli | largest distance anywhere, at 80 nits; 1 is about the threshold of seeing |
//!
//! A picture with a long side above [`SCREEN`] pixels is compared at that size by the last two, as
//! a screen shows it.

use std::fmt::Write;

use butteraugli::{ButteraugliParams, ImgRef, RGB8, butteraugli};
use image::RgbImage;
use lumatrace::watermark::RecordPrivacy;
use rayon::prelude::*;

use crate::{
    attacks::{NO_LIMITS, long_edge},
    container::Container,
    metrics::{psnr, ssim, ssimulacra2},
    photograph::{File, Photograph, read, shown},
};

/// Long side of a screen, in pixels.
const SCREEN: u32 = 1600;

/// The quality of one protected file.
pub(crate) struct Quality {
    /// Index of the photograph.
    pub(crate) photo: usize,
    /// Its container.
    pub(crate) container: Container,
    /// PSNR of all channels, in dB.
    pub(crate) psnr: f64,
    /// The PSNR that protecting reported, in dB.
    pub(crate) told_psnr: f64,
    /// Structural similarity of luma.
    pub(crate) ssim: f64,
    /// SSIMULACRA2.
    pub(crate) ssimulacra2: f64,
    /// Largest Butteraugli distance.
    pub(crate) butteraugli: f64,
    /// Bytes of the file before and after.
    pub(crate) bytes: (usize, usize),
    /// z of the mark as sent.
    pub(crate) z_sent: f64,
}

/// Protects the files in all containers and compares. The JPEG rows of a JPEG source are made from
/// its decoded pixels.
pub(crate) fn measure(files: &[File], max_side: Option<u32>, jobs: usize) -> Vec<Quality> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(jobs)
        .build()
        .unwrap();
    let cases: Vec<(usize, Container)> = (0..files.len())
        .flat_map(|photo| Container::ALL.map(|container| (photo, container)))
        .collect();
    let measure = |&(photo, container): &(usize, Container)| {
        let file = &files[photo];
        let source = read(&file.path, max_side, container).ok()?;
        let photograph =
            Photograph::protect_bytes(file.name(), source, RecordPrivacy::Full).ok()?;
        Some(compare(photo, container, &photograph))
    };
    let mut rows: Vec<Quality> = pool.install(|| cases.par_iter().filter_map(measure).collect());
    rows.sort_by_key(|row| (row.container, row.photo));
    rows
}

/// Compares a protected file with its source.
fn compare(photo: usize, container: Container, photograph: &Photograph) -> Quality {
    let source = lumatrace::imaging::decode(&photograph.source, &NO_LIMITS).unwrap();
    let before = shown(&photograph.source, &source);
    drop(source);
    let after = &photograph.shown;
    let (psnr, ssim) = (psnr(&before, after), ssim(&before, after));
    let (ssimulacra2, butteraugli) = seen_distance(&before, after);
    Quality {
        photo,
        container,
        psnr,
        told_psnr: photograph.report.psnr_db,
        ssim,
        ssimulacra2,
        butteraugli,
        bytes: (photograph.source.len(), photograph.protected.len()),
        z_sent: photograph.report.z_sent,
    }
}

/// SSIMULACRA2 and the largest Butteraugli distance, at the size of a screen.
pub(crate) fn seen_distance(one: &RgbImage, other: &RgbImage) -> (f64, f64) {
    let (mut one, mut other) = (one.clone(), other.clone());
    if one.width().max(one.height()) > SCREEN {
        one = long_edge(&one, SCREEN);
        other = long_edge(&other, SCREEN);
    }
    (ssimulacra2(&one, &other), largest_distance(&one, &other))
}

/// The largest Butteraugli distance of two pictures, with the parameters of libjxl's own tool.
fn largest_distance(one: &RgbImage, other: &RgbImage) -> f64 {
    let pixels = |picture: &RgbImage| -> Vec<RGB8> {
        picture
            .pixels()
            .map(|p| RGB8::new(p[0], p[1], p[2]))
            .collect()
    };
    let size = (one.width() as usize, one.height() as usize);
    let (one, other) = (pixels(one), pixels(other));
    let view = |pixels| ImgRef::new(pixels, size.0, size.1);
    butteraugli(view(&one), view(&other), &ButteraugliParams::default())
        .unwrap()
        .score
}

/// Writes a line for every protected file.
pub(crate) fn csv(rows: &[Quality], files: &[File]) -> String {
    let mut text = String::from(
        "folder,photo,output,psnr,told_psnr,ssim,ssimulacra2,butteraugli,bytes_before,bytes_after,z_sent\n",
    );
    for row in rows {
        let (file, container) = (&files[row.photo], row.container.name());
        writeln!(
            text,
            "{},{},{container},{:.3},{:.3},{:.5},{:.3},{:.4},{},{},{:.2}",
            file.folder,
            file.name(),
            row.psnr,
            row.told_psnr,
            row.ssim,
            row.ssimulacra2,
            row.butteraugli,
            row.bytes.0,
            row.bytes.1,
            row.z_sent
        )
        .unwrap();
    }
    text
}

/// Writes the quality table as Markdown: a row a container and folder, then every photograph's
/// worst.
pub(crate) fn table(rows: &[Quality], files: &[File]) -> String {
    let mut text = String::from(
        "| output | folder | files | PSNR mean / min | SSIM mean / min | SSIMULACRA2 mean / min | Butteraugli mean / max \
         | bytes mean / max | z sent mean / min |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for group in rows.chunk_by(|a, b| {
        a.container == b.container && files[a.photo].folder == files[b.photo].folder
    }) {
        let column = |value: fn(&Quality) -> f64| {
            let values = group.iter().map(value);
            let mean = values.clone().sum::<f64>() / group.len() as f64;
            let least = values.clone().fold(f64::MAX, f64::min);
            (mean, least, values.fold(f64::MIN, f64::max))
        };
        let growth = |row: &Quality| 100.0 * (row.bytes.1 as f64 / row.bytes.0 as f64 - 1.0);
        let (psnr, ssim) = (column(|row| row.psnr), column(|row| row.ssim));
        let (ss2, distance) = (column(|row| row.ssimulacra2), column(|row| row.butteraugli));
        let (bytes, z) = (column(growth), column(|row| row.z_sent));
        writeln!(
            text,
            "| {} | {} | {} | {:.2} / {:.2} | {:.4} / {:.4} | {:.2} / {:.2} | {:.2} / {:.2} | {:+.1} % / {:+.1} % | {:.1} / {:.1} |",
            group[0].container.name(),
            files[group[0].photo].folder,
            group.len(),
            psnr.0, psnr.1, ssim.0, ssim.1, ss2.0, ss2.1, distance.0, distance.2, bytes.0, bytes.2, z.0, z.1,
        )
        .unwrap();
    }
    text
}
