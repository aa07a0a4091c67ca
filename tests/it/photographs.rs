//! The promises on real photographs, which are not in the repository: `LUMATRACE_PHOTOS`, default
//! `../shared/photos`.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use image::{
    DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage,
    imageops::{self, FilterType},
    metadata::Orientation,
};

use crate::{
    process::{DataDir, Server, curl, login, lumatrace},
    support::{Answer, App, Client, pictures, quality},
};

/// The folder of a set of photographs; where it is not there, says so past the harness that
/// captures output.
fn folder(set: &str) -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test has no configuration of its own"
    )]
    let root = std::env::var("LUMATRACE_PHOTOS").map_or_else(
        |_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/photos"),
        PathBuf::from,
    );
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

/// The photographs of a set by name.
fn photographs(set: &str) -> Vec<PathBuf> {
    let Some(folder) = folder(set) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|kind| kind == "jpg" || kind == "png")
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "the folder of {set} holds photographs");
    files
}

/// What a viewer shows: upright, and alpha over white.
fn shown(bytes: &[u8]) -> RgbImage {
    let reader = ImageReader::new(std::io::Cursor::new(bytes))
        .with_guessed_format()
        .unwrap();
    let is_jpeg = reader.format() == Some(ImageFormat::Jpeg);
    let decoder = reader.into_decoder();
    let (orientation, picture) = match decoder {
        Ok(mut decoder) if !is_jpeg => (
            decoder.orientation().unwrap(),
            Some(DynamicImage::from_decoder(decoder).unwrap()),
        ),
        Ok(mut decoder) => (decoder.orientation().unwrap(), None),
        Err(_) => (Orientation::NoTransforms, None),
    };
    // The decoder of `image` does not read every sampling and scan order of JPEG.
    let mut picture = picture.unwrap_or_else(|| {
        let read = libjpeg_turbo_rs::decompress_to(bytes, libjpeg_turbo_rs::PixelFormat::Rgb);
        let read = read.unwrap();
        let (width, height) = (read.width as u32, read.height as u32);
        RgbImage::from_raw(width, height, read.data).unwrap().into()
    });
    picture.apply_orientation(orientation);
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let rgba = picture.into_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, a] = rgba.get_pixel(x, y).0;
        let over =
            |value: u8| (u32::from(value) * u32::from(a) + 255 * (255 - u32::from(a)) + 127) / 255;
        image::Rgb([r, g, b].map(|value| over(value) as u8))
    })
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

async fn z(client: &Client, image: &[u8], photo: &str) -> (bool, f64) {
    let answer = client.verify(image, photo).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    (
        answer["authentic"].as_bool().unwrap(),
        answer["watermark"]["zScore"].as_f64().unwrap(),
    )
}

fn id(answer: &Answer) -> String {
    answer.header("x-photo-id").to_owned()
}

#[tokio::test]
async fn every_photograph_is_found_again_and_no_other_is_taken_for_it() {
    let app = App::spawn().await;
    let (acme, bolt) = (app.tenant("acme").await, app.tenant("bolt").await);
    let (client, other_tenant) = (app.client(&acme).await, app.client(&bolt).await);
    let mut files = photographs("kodak");
    files.extend(photographs("large"));
    println!("z: as returned, JPEG 50, half size | another id, another tenant, unprotected");
    let mut lost = Vec::new();
    for path in &files {
        let original = fs::read(path).unwrap();
        let protected = client.protect(&original).await;
        let photo = id(&protected);
        let again = id(&client.protect(&original).await);
        let foreign = id(&other_tenant.protect(&original).await);
        let pixels = shown(&protected.body);
        let (width, height) = (pixels.width() / 2, pixels.height() / 2);
        let half = pictures::png(&imageops::resize(
            &pixels,
            width,
            height,
            FilterType::Triangle,
        ));
        let jpeg = pictures::jpeg(&pixels, 50);
        let found = [
            z(&client, &protected.body, &photo).await,
            z(&client, &jpeg, &photo).await,
            z(&client, &half, &photo).await,
        ];
        let refused = [
            z(&client, &protected.body, &again).await,
            z(&other_tenant, &protected.body, &foreign).await,
            z(&client, &original, &photo).await,
        ];
        let level = protected.header("x-protection-level").to_owned();
        let row = format!(
            "{}: {} | {} {level} PSNR {}",
            name(path),
            found.map(|(_, z)| format!("{z:.1}")).join(", "),
            refused.map(|(_, z)| format!("{z:.1}")).join(", "),
            protected.header("x-watermark-psnr"),
        );
        println!("{row}");
        let right = found.iter().all(|(authentic, _)| *authentic)
            && refused.iter().all(|(authentic, _)| !authentic);
        if !right {
            lost.push(row);
        }
    }
    println!("{} photographs", files.len());
    assert!(lost.is_empty(), "{lost:#?}");
}

#[tokio::test]
async fn nobody_sees_the_mark() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    let mut files = photographs("kodak");
    files.extend(photographs("large"));
    for (kind, least_psnr, least_ssim, least_ssimulacra2) in
        [("png", 48.0, 0.998, 89.0), ("jpg", 46.0, 0.997, 88.0)]
    {
        let mut sums = [0.0; 3];
        let mut worst = [f64::MAX; 3];
        let mut count = 0.0;
        for path in files
            .iter()
            .filter(|path| path.extension().unwrap() == kind)
        {
            let original = fs::read(path).unwrap();
            let protected = client.protect(&original).await;
            let (before, after) = (shown(&original), shown(&protected.body));
            let figures = [
                quality::psnr(&before, &after),
                quality::ssim(&before, &after),
                quality::ssimulacra2(&before, &after),
            ];
            let growth = protected.body.len() as f64 / original.len() as f64 - 1.0;
            println!(
                "{}: PSNR {:.2} dB, SSIM {:.4}, SSIMULACRA2 {:.2}, bytes {:+.1} %",
                name(path),
                figures[0],
                figures[1],
                figures[2],
                100.0 * growth
            );
            for i in 0..3 {
                sums[i] += figures[i];
                worst[i] = worst[i].min(figures[i]);
            }
            count += 1.0;
        }
        if count == 0.0 {
            continue;
        }
        let mean = sums.map(|sum| sum / count);
        println!(
            "{count} {kind}: PSNR mean {:.2} min {:.2}, SSIM mean {:.4} min {:.4}, SSIMULACRA2 mean {:.2} min {:.2}",
            mean[0], worst[0], mean[1], worst[1], mean[2], worst[2]
        );
        assert!(
            mean[0] >= least_psnr && mean[1] >= least_ssim,
            "{kind}: {mean:?}"
        );
        assert!(mean[2] >= least_ssimulacra2, "{kind}: {mean:?}");
    }
}

/// Reads an index: file and what is expected of it.
fn index(set: &str, file: &str) -> Vec<(PathBuf, String)> {
    let Some(folder) = folder(set) else {
        return Vec::new();
    };
    fs::read_to_string(folder.join(file))
        .unwrap()
        .lines()
        .skip(1)
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .map(|row| (folder.join(row[0]), row[3].to_owned()))
        .filter(|(path, _)| path.is_file())
        .collect()
}

/// The statuses that an index allows: all numbers of three digits in its words.
fn allowed(expected: &str) -> Vec<u16> {
    expected
        .split(|c: char| !c.is_ascii_digit())
        .filter(|word| word.len() == 3)
        .filter_map(|word| word.parse().ok())
        .collect()
}

/// Differences from the indexes that are right, each with its reason.
const EXPLAINED: [(&str, &str); 2] = [
    (
        "fuzz_head_10.jpg",
        "the random bytes claim 20 megapixels: refused from the header",
    ),
    (
        "limit_16mp_png_rgba16.png",
        "every pixel is transparent: there is nothing to mark",
    ),
];

#[test]
fn odd_and_hostile_files_are_answered_within_bounds() {
    let mut files = index("odd", "INDEX.tsv");
    files.extend(index("hostile", "EXPECT.tsv"));
    if files.is_empty() {
        return;
    }
    let data_dir = DataDir::new();
    let mut command = lumatrace(&data_dir.0);
    // Most of these files are refused within milliseconds: a fast machine sends them faster than
    // one caller may.
    command.args(["--rate-per-second", "1000000", "--rate-burst", "1000000"]);
    let server = Server::start(command);
    let token = login(&server.url, &data_dir.0);
    let protect = format!("{}/api/v1/photos/protect", server.url);
    let (mut statuses, mut wrong, mut slowest) = (Vec::new(), Vec::new(), Duration::ZERO);
    for (path, expected) in &files {
        let started = Instant::now();
        let form = format!("image=@{}", path.display());
        let (status, body) = curl(&["-H", &token, "-F", &form, &protect]);
        slowest = slowest.max(started.elapsed());
        statuses.push(status);
        let mut allowed = allowed(expected);
        if expected.contains("too small") {
            allowed.push(400);
        }
        let explained = EXPLAINED.iter().any(|(file, _)| *file == name(path));
        if !allowed.contains(&status) && !explained {
            wrong.push(format!(
                "{}: {status} {} (expected {expected})",
                name(path),
                message(&body)
            ));
        }
        assert!(
            status < 500 && started.elapsed() < Duration::from_secs(10),
            "{}",
            name(path)
        );
    }
    let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    let status =
        fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap_or_default();
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap_or("VmHWM unknown");
    println!(
        "{} files: {} accepted, {} refused with 400, {} with 413; slowest {slowest:?}; {peak}",
        files.len(),
        count(200),
        count(400),
        count(413)
    );
    assert!(files.len() > 400);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn message(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    format!(
        "{} {}",
        body["code"].as_str().unwrap_or_default(),
        body["message"].as_str().unwrap_or_default()
    )
}

#[tokio::test]
async fn colours_and_orientation_of_odd_files_stay() {
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    let client = app.client(&tenant).await;
    let (mut compared, mut wrong) = (0, Vec::new());
    for (path, _) in index("odd", "INDEX.tsv") {
        let original = fs::read(&path).unwrap();
        let parts = [crate::support::Part::image(&original)];
        let protected = client.post_form("/api/v1/photos/protect", &parts).await;
        if protected.status != 200 {
            continue;
        }
        let (before, after) = (shown(&original), shown(&protected.body));
        assert_eq!(
            before.dimensions(),
            after.dimensions(),
            "{}",
            path.display()
        );
        // The mark is zero on average and faint: each channel keeps its mean, and no pixel goes
        // far.
        let shift = (0..3)
            .map(|channel| {
                let differences = before.pixels().zip(after.pixels());
                let sum: f64 = differences
                    .map(|(b, a)| f64::from(a[channel]) - f64::from(b[channel]))
                    .sum();
                (sum / f64::from(before.width() * before.height())).abs()
            })
            .fold(0.0, f64::max);
        let psnr = quality::psnr(&before, &after);
        let told: f64 = protected.header("x-watermark-psnr").parse().unwrap();
        // Looked at with 8 bits: beyond 52 dB it is their rounding that is seen.
        if shift > 1.0 || psnr < 36.0 || psnr < told.min(52.0) - 4.0 {
            wrong.push(format!(
                "{}: mean shift {shift:.2}, PSNR {psnr:.1} dB, told {told}",
                name(&path)
            ));
        }
        compared += 1;
    }
    println!("{compared} accepted files look as before");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
