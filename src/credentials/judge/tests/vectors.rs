//! Vectors from outside the repository: `LUMATRACE_C2PA_VECTORS`, by default
//! `../shared/c2pa/vectors` beside the repository.

use std::{
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use serde_json::Value;

use super::super::{Anchors, Judge, Trust};
use crate::domain::verdict::C2paStatus;
use crate::imaging::Format;

/// The folder, if it is there; a line that nobody overlooks, if not.
fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("LUMATRACE_C2PA_VECTORS").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/c2pa/vectors");
    let folder = named.unwrap_or(beside);
    let found = folder.join("VECTORS.json").is_file();
    if !found {
        println!("SKIPPED: no C2PA vectors in {}", folder.display());
    }
    found.then_some(folder)
}

fn read(path: &Path) -> Bytes {
    Bytes::from(fs::read(path).unwrap())
}

fn judge(folder: &Path) -> Judge {
    let root = fs::read_to_string(folder.join("certs/root.pem")).unwrap();
    let manifest = vec![root];
    Judge::new(&Anchors {
        manifest,
        tsa: Vec::new(),
    })
    .unwrap()
}

fn format(name: &str) -> Format {
    match name.rsplit_once('.') {
        Some((_, "png")) => Format::Png,
        Some((_, "webp")) => Format::WebP,
        _ => Format::Jpeg,
    }
}

fn status(name: &str) -> C2paStatus {
    match name {
        "VALID" => C2paStatus::Valid,
        "TAMPERED" => C2paStatus::Tampered,
        "MISSING" => C2paStatus::Missing,
        "INVALID" => C2paStatus::Invalid,
        other => panic!("{other}"),
    }
}

#[test]
fn vectors_have_the_status_and_the_trust_that_are_written_beside_them() {
    let Some(folder) = folder() else { return };
    let list: Value = serde_json::from_slice(&read(&folder.join("VECTORS.json"))).unwrap();
    let judge = judge(&folder);
    let vectors = list["vectors"].as_array().unwrap();
    let mut wrong = Vec::new();
    for vector in vectors {
        let name = vector["file"].as_str().unwrap();
        let judgement = judge.judge(&read(&folder.join(name)), format(name));
        let trust = vector["trustWithRootPem"]
            .as_str()
            .map(|trust| match trust {
                "TRUSTED" => Trust::Trusted,
                "UNTRUSTED" => Trust::Untrusted,
                other => panic!("{other}"),
            });
        let expected = (status(vector["c2paStatus"].as_str().unwrap()), trust);
        if (judgement.status, judgement.trust) != expected {
            wrong.push(format!("{name}: {expected:?}, not {judgement:?}"));
        }
    }
    println!(
        "{} of {} vectors",
        vectors.len() - wrong.len(),
        vectors.len()
    );
    assert!(vectors.len() > 40 && wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn vectors_without_an_anchor_are_as_valid_and_not_trusted() {
    let Some(folder) = folder() else { return };
    let judge = Judge::new(&Anchors::default()).unwrap();
    for name in ["good.jpeg", "good.png", "good.webp"] {
        let judgement = judge.judge(&read(&folder.join(name)), format(name));
        assert_eq!(judgement.status, C2paStatus::Valid, "{judgement:?}");
        assert_eq!(judgement.trust, Some(Trust::Untrusted), "{judgement:?}");
    }
}

/// The pair of contentauth/c2pa-rs#2643: the exclusion of a detached manifest is no licence.
#[test]
fn a_detached_manifest_over_overwritten_bytes_is_tampered() {
    let Some(folder) = folder() else { return };
    let (store, file) = ("good.jpeg.c2pa", "exclusion_overwritten.jpg");
    let (store, file) = (read(&folder.join(store)), read(&folder.join(file)));
    let judgement = judge(&folder).judge_detached(&store, &file, Format::Jpeg);
    assert_eq!(judgement.status, C2paStatus::Tampered, "{judgement:?}");
}

#[test]
fn what_only_names_an_address_is_missing_and_says_so() {
    let Some(folder) = folder() else { return };
    for name in ["remote_only.jpeg", "remote_only.png"] {
        let judgement = judge(&folder).judge(&read(&folder.join(name)), format(name));
        assert_eq!(judgement.status, C2paStatus::Missing);
        assert_eq!(judgement.codes, ["manifest.inaccessible"]);
    }
}
