//! CPU time of signing and of judging content credentials, next to plainly decoding and encoding
//! the same file in the same run.
//!
//! `script/cargo bench --bench credentials` takes a JPEG of `$LUMATRACE_PHOTOS/large` (default
//! `../shared/photos`) with 12 megapixels, or those named on the command line, each as it is, as a
//! PNG and as a lossy WebP. The times are least of nine rounds, in CPU time of the process; all
//! tasks take turns.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a measurement has no configuration, takes the time from the air, stops at what it \
              does not understand and prints what it finds"
)]

use std::{
    hint::black_box,
    io::Cursor,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use image::{DynamicImage, ImageFormat};
use libjpeg_turbo_rs::{PixelFormat, Subsampling, compress, decompress_to};
use lumatrace::{
    credentials::{
        Anchors, Judge, ManifestSigner, Statement,
        authority::Authority,
        signing::{Algorithm, SigningIdentity},
    },
    domain::{ContentHash, PhotoId, Registration, verdict::C2paStatus},
    imaging::{Format, MetadataPolicy},
};
use rustix::time::{ClockId, clock_gettime};
use time::OffsetDateTime;
use uuid::Uuid;

/// Rounds of each measurement.
const ROUNDS: usize = 9;

/// CPU time of the process in milliseconds: the judge works on a thread of its own.
fn cpu_ms() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let nanoseconds = time.tv_sec * 1_000_000_000 + time.tv_nsec;
    f64::from(u32::try_from(nanoseconds / 1_000).unwrap()) / 1e3
}

/// The signers, and a judge that trusts them.
struct House {
    signers: Vec<(Algorithm, ManifestSigner)>,
    judge: Judge,
}

impl House {
    fn new() -> Self {
        let now = OffsetDateTime::now_utc();
        let authority = Authority::make(now, "Bench", Algorithm::Ps256).unwrap();
        let anchors = Anchors {
            manifest: vec![authority.root_pem()],
            tsa: Vec::new(),
        };
        let signer = |algorithm| {
            let (chain, key) = authority.issue_leaf(algorithm, now).unwrap();
            let identity = SigningIdentity::new(chain, &key).unwrap();
            (
                algorithm,
                ManifestSigner::new(identity, &anchors, None).unwrap(),
            )
        };
        Self {
            signers: Algorithm::ALL.map(signer).into(),
            judge: Judge::new(&anchors).unwrap(),
        }
    }
}

/// The file in a container, and what it costs to decode it and encode it again.
fn plain(file: &[u8], format: Format) {
    match format {
        Format::Jpeg => {
            let image = decompress_to(file, PixelFormat::Rgb).unwrap();
            let (pixels, width, height) = (&image.data, image.width, image.height);
            let (rgb, sampling) = (PixelFormat::Rgb, Subsampling::S420);
            black_box(compress(pixels, width, height, rgb, 90, sampling).unwrap());
        }
        Format::Png => {
            let image = image::load_from_memory_with_format(file, ImageFormat::Png).unwrap();
            black_box(encoded(&image, Format::Png));
        }
        Format::WebP => {
            let image = image::load_from_memory_with_format(file, ImageFormat::WebP).unwrap();
            black_box(encoded(&image, Format::WebP));
        }
    }
}

fn encoded(image: &DynamicImage, format: Format) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    match format {
        Format::Jpeg => image.write_to(&mut file, ImageFormat::Jpeg).unwrap(),
        Format::Png => image.write_to(&mut file, ImageFormat::Png).unwrap(),
        Format::WebP => {
            let rgb = image.to_rgb8();
            let encoder = webpx::Encoder::new_rgb(&rgb, rgb.width(), rgb.height());
            return encoder.quality(90.0).encode(webpx::Unstoppable).unwrap();
        }
    }
    file.into_inner()
}

fn main() {
    let arguments: Vec<PathBuf> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .map(PathBuf::from)
        .collect();
    let files = if arguments.is_empty() {
        photographs()
    } else {
        arguments
    };
    if files.is_empty() {
        eprintln!("SKIPPED: no photographs; set LUMATRACE_PHOTOS or name JPEG files");
        return;
    }
    let house = House::new();
    println!(
        "| file | MB | decode + encode ms | sign PS256 | ES256 | Ed25519 | judge | bytes added PS256 |"
    );
    println!("|{}", "---|".repeat(8));
    for file in files {
        let source = std::fs::read(&file).unwrap();
        let image = image::load_from_memory(&source).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        measure(&house, &name, &source, Format::Jpeg);
        measure(&house, &name, &encoded(&image, Format::Png), Format::Png);
        measure(&house, &name, &encoded(&image, Format::WebP), Format::WebP);
    }
}

/// The cranes of the large folder, or whatever has 12 megapixels.
fn photographs() -> Vec<PathBuf> {
    let root = std::env::var("LUMATRACE_PHOTOS").unwrap_or_else(|_| "../shared/photos".to_owned());
    let Ok(folder) = std::fs::read_dir(Path::new(&root).join("large")) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = folder
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with("_12mp.jpg"))
        .collect();
    files.sort();
    files
}

fn measure(house: &House, name: &str, file: &[u8], format: Format) {
    let file = Bytes::copy_from_slice(file);
    let sign = |signer: &ManifestSigner| {
        let statement = Statement {
            manifest: Uuid::new_v4(),
            photo: PhotoId::random(),
            format,
            content_hash: ContentHash::from_digest([7; 32]),
            registration: Registration::default(),
            service: "http://127.0.0.1:8081".to_owned(),
            soft_binding: "com.example.lumatrace.wm.1".to_owned(),
        };
        let signed = signer.sign(&statement, &file, &file, MetadataPolicy::Keep);
        signed.unwrap()
    };
    let signed = Bytes::from(sign(&house.signers[0].1).file);
    assert_eq!(house.judge.judge(&signed, format).status, C2paStatus::Valid);
    let mut least = [f64::INFINITY; 5];
    for _ in 0..ROUNDS {
        let mut time = |task: usize, work: &dyn Fn()| {
            let started = cpu_ms();
            work();
            least[task] = least[task].min(cpu_ms() - started);
        };
        time(0, &|| plain(&file, format));
        for (task, (_, signer)) in house.signers.iter().enumerate() {
            time(task + 1, &|| drop(black_box(sign(signer))));
        }
        time(4, &|| drop(black_box(house.judge.judge(&signed, format))));
    }
    let [floor, costs @ ..] = least;
    let costs = costs.map(|cost| format!("{cost:.1} = {:.3}", cost / floor));
    println!(
        "| {name} {format:?} | {:.1} | {floor:.0} | {} | {} |",
        f64::from(u32::try_from(file.len()).unwrap()) / 1e6,
        costs.join(" | "),
        signed.len() - file.len()
    );
}
