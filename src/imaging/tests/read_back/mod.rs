//! Every carrier of a place and of a small picture, in every container, under every policy, read
//! back by `ExifTool`.
//!
//! `script/test` installs the program; where it is missing the test says so and checks nothing.

mod blocks;
mod files;
mod tiff;
mod travels;

use std::{collections::HashMap, fs, path::Path, process::Command};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};

use self::files::{Hosts, Named};
use super::{
    super::{MetadataPolicy, apply_policy, encode},
    policies::contains,
    samples::{accept, jpeg},
};

/// Values that `ExifTool` shows of a file, by group and name.
type Shown = Map<String, Value>;

/// Groups that say nothing about metadata: the file itself, and values computed from others.
const OUTER_GROUPS: [&str; 5] = ["SourceFile", "File", "System", "ExifTool", "Composite"];
/// Parts of names of places.
const PLACES: [&str; 23] = [
    "gps",
    "latitude",
    "longitude",
    "longtitude",
    "altitude",
    "city",
    "country",
    "state",
    "location",
    "province",
    "coverage",
    "geotiff",
    "geokey",
    "landmark",
    "locality",
    "mobilecountrycode",
    "areacode",
    "cellid",
    "modeltiepoint",
    "pixelscale",
    "sublocation",
    "continent",
    "municipality",
];
/// Parts of names of pictures.
const PICTURES: [&str; 5] = [
    "thumbnail",
    "preview",
    "imagedata",
    "otherimage",
    "jpgfromraw",
];
/// Names of the policies.
const WISHES: [(&str, MetadataPolicy); 3] = [
    ("keep", MetadataPolicy::Keep),
    ("strip-gps", MetadataPolicy::StripGps),
    ("strip-all", MetadataPolicy::StripAll),
];
/// Values that go under every policy: they speak of media that are not in a protected file.
const STALE: [&str; 1] = ["Apple:MediaGroupUUID"];

fn reads() -> bool {
    Command::new("exiftool")
        .arg("-ver")
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Lets `ExifTool` read all files of a folder, by name.
fn read(folder: &Path) -> HashMap<String, Shown> {
    let output = Command::new("exiftool")
        .args(["-json", "-a", "-G1", "-s", "-n", "-ee"])
        .arg(folder)
        .output()
        .unwrap();
    let files: Vec<Shown> = serde_json::from_slice(&output.stdout).unwrap();
    let name = |shown: &Shown| {
        let path = shown["SourceFile"].as_str().unwrap();
        Path::new(path)
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned()
    };
    files
        .into_iter()
        .map(|shown| (name(&shown), shown))
        .collect()
}

fn has_part(name: &str, parts: &[&str]) -> bool {
    let (group, name) = name.split_once(':').unwrap_or(("", name));
    let name = name.to_ascii_lowercase();
    !OUTER_GROUPS.contains(&group) && parts.iter().any(|part| name.contains(part))
}

fn is_inner(name: &str) -> bool {
    !OUTER_GROUPS.contains(&name.split(':').next().unwrap_or_default())
}

/// Writes each file and its copy under each policy; returns the names of those in which bytes of
/// the small picture are left.
fn write_copies(folder: &Path, files: &[Named]) -> Vec<String> {
    for part in ["source", "keep", "strip-gps", "strip-all"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    let small = blocks::small();
    // Bytes of the scan, and the same in base64.
    let canary = &small[small.len() - 60..small.len() - 20];
    let encoded = BASE64_STANDARD.encode(&small);
    let encoded = &encoded.as_bytes()[400..460];
    let mut left = Vec::new();
    for (name, file) in files {
        fs::write(folder.join("source").join(name), file).unwrap();
        for (wish, policy) in WISHES {
            let mut photo = accept(file);
            apply_policy(&mut photo, policy);
            let output = encode(&photo).unwrap();
            if wish != "keep" && (contains(&output, canary) || contains(&output, encoded)) {
                left.push(format!("{wish}, {name}: bytes of the small picture"));
            }
            fs::write(folder.join(wish).join(name), output).unwrap();
        }
    }
    left
}

#[test]
fn exiftool_finds_no_place_and_no_picture_and_misses_nothing_else() {
    if !reads() {
        eprintln!("SKIPPED: there is no exiftool on this machine, so nothing was read back");
        return;
    }
    let hosts = Hosts::new();
    let files = [
        files::with_xmp(&hosts),
        files::with_exif(&hosts),
        files::with_odd_exif(&hosts),
        files::with_photoshop(&hosts),
        files::with_others(&hosts),
    ]
    .concat();
    let folder = std::env::temp_dir().join(format!("lumatrace-read-back-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    let mut left = write_copies(&folder, &files);
    let source = read(&folder.join("source"));
    assert_eq!(source.len(), files.len());
    let (mut with_place, mut with_picture, mut lost) = (0, 0, Vec::new());
    for shown in source.values() {
        with_place += usize::from(shown.keys().any(|name| has_part(name, &PLACES)));
        with_picture += usize::from(shown.keys().any(|name| has_part(name, &PICTURES)));
    }
    for (wish, _) in WISHES {
        let copies = read(&folder.join(wish));
        for (name, before) in &source {
            let after = &copies[name];
            if wish != "keep" {
                let found = after
                    .keys()
                    .filter(|key| has_part(key, &PLACES) || has_part(key, &PICTURES));
                left.extend(found.map(|key| format!("{wish}, {name}: {key}")));
            }
            if wish == "strip-all" {
                continue;
            }
            let is_asked = |key: &str, value: &Value| match wish {
                "keep" => is_inner(key) && !STALE.contains(&key),
                _ => value.to_string().contains("KEEP"),
            };
            // A text that was packed may be shown under the name of its language.
            let gone = before
                .iter()
                .filter(|(key, value)| is_asked(key, value) && !after.contains_key(*key));
            lost.extend(gone.map(|(key, _)| format!("{wish}, {name}: {key}")));
        }
    }
    fs::remove_dir_all(&folder).unwrap();
    println!(
        "{} files, of which ExifTool shows a place in {with_place} and a picture in {with_picture}; {} copies: \
         {} places and pictures left, {} values lost that nobody asked to lose",
        files.len(),
        WISHES.len() * files.len(),
        left.len(),
        lost.len()
    );
    assert!(left.is_empty(), "{left:#?}");
    assert!(lost.is_empty(), "{lost:#?}");
    assert!(files.len() >= 400 && with_place >= 250 && with_picture >= 60);
}

#[test]
fn no_unmarked_copy_travels_along_and_a_depth_map_does() {
    let hosts = Hosts::new();
    let whole = jpeg(320, 240, (2, 2), false);
    let encoded = BASE64_STANDARD.encode(&whole);
    let original = blocks::xmp(
        &format!("GImage:Mime=\"image/jpeg\" GImage:Data=\"{encoded}\""),
        "",
    );
    let depth = blocks::xmp(
        &format!("GDepth:Mime=\"image/jpeg\" GDepth:Data=\"{encoded}\" GDepth:Note=\"gps\""),
        "",
    );
    let preview = blocks::exif(
        tiff::Writer { is_little: true },
        "ACME",
        Vec::new(),
        Vec::new(),
        Some(&whole),
    );
    let cases = [
        ("xmp-original-image", files::extended(&hosts, &original)),
        (
            "exif-",
            hosts.in_jpeg(&[(0xe1, &[b"Exif\0\0", &preview[..]].concat())]),
        ),
        (
            "preview",
            hosts.in_jpeg(&[(0xe2, &whole[..20_000.min(whole.len())])]),
        ),
        (
            "app3",
            hosts.in_jpeg(&[(0xe3, &[b"Mine\0", &whole[..]].concat())]),
        ),
        ("comment", hosts.in_jpeg(&[(0xfe, encoded.as_bytes())])),
    ];
    for (name, file) in cases {
        for policy in [MetadataPolicy::Keep, MetadataPolicy::StripGps] {
            let mut photo = accept(&file);
            apply_policy(&mut photo, policy);
            let dropped = photo.metadata.dropped().to_string();
            assert!(dropped.contains(name), "{name}, {policy:?}: {dropped}");
            let output = encode(&photo).unwrap();
            assert!(!contains(&output, &encoded.as_bytes()[400..460]), "{name}");
            let scan = &whole[whole.len() - 60..whole.len() - 20];
            // The picture around it is another one: it has the same content, and its bytes once.
            let count = output
                .windows(scan.len())
                .filter(|window| *window == scan)
                .count();
            assert_eq!(count, 1, "{name}, {policy:?}");
        }
    }
    let mut photo = accept(&files::extended(&hosts, &depth));
    apply_policy(&mut photo, MetadataPolicy::Keep);
    assert!(
        photo.metadata.dropped().is_empty(),
        "{}",
        photo.metadata.dropped()
    );
    assert!(contains(&encode(&photo).unwrap(), b"GDepth:Data"));
}
