//! Judges the manifests in files, one line of JSON each: to compare with other validators, and to
//! be watched by `strace`.
//!
//! `script/cargo run --example judge -- [--anchors ROOTS.pem] [--detached STORE.c2pa] FILE…`

#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use std::{error::Error, fs};

use bytes::Bytes;
use lumatrace::{
    credentials::judge::{Anchors, Judge, Judgement},
    imaging::Format,
};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut anchors = Anchors::default();
    let (mut store, mut files) = (None, Vec::new());
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or("a value is missing");
        match argument.as_str() {
            "--anchors" => anchors.manifest.push(fs::read_to_string(value()?)?),
            "--detached" => store = Some(Bytes::from(fs::read(value()?)?)),
            _ => files.push(argument),
        }
    }
    if files.is_empty() {
        return Err("usage: judge [--anchors PEM] [--detached STORE] FILE...".into());
    }
    let judge = Judge::new(&anchors)?;
    for name in files {
        let file = Bytes::from(fs::read(&name)?);
        let Some(format) = format(&file) else {
            println!("{}", json!({"file": name, "error": "no JPEG, PNG or WebP"}));
            continue;
        };
        let judgement = match &store {
            Some(store) => judge.judge_detached(store, &file, format),
            None => judge.judge(&file, format),
        };
        println!("{}", described(&name, &judgement));
    }
    Ok(())
}

fn described(name: &str, judgement: &Judgement) -> Value {
    let shown = |value: &dyn std::fmt::Debug| format!("{value:?}").to_uppercase();
    let signer = judgement.signer.as_ref().map(|signer| {
        json!({
            "commonName": signer.common_name,
            "organization": signer.organization,
            "notAfter": signer.not_after.to_string(),
        })
    });
    let ingredients: Vec<Value> = (judgement.ingredients.iter())
        .map(|ingredient| {
            json!({
                "title": ingredient.title,
                "status": shown(&ingredient.status),
                "codes": ingredient.codes,
            })
        })
        .collect();
    json!({
        "file": name,
        "status": shown(&judgement.status),
        "trust": judgement.trust.as_ref().map(|trust| shown(trust)),
        "signer": signer,
        "signedAt": judgement.signed_at.map(|time| time.to_string()),
        "timeStamped": judgement.time_stamped,
        "manifestId": judgement.manifest_id,
        "photoId": judgement.photo,
        "codes": judgement.codes,
        "ingredients": ingredients,
    })
}

/// Recognises a format by how files of it begin.
fn format(file: &[u8]) -> Option<Format> {
    if file.starts_with(&[0xff, 0xd8]) {
        Some(Format::Jpeg)
    } else if file.starts_with(b"\x89PNG") {
        Some(Format::Png)
    } else if file.starts_with(b"RIFF") {
        Some(Format::WebP)
    } else {
        None
    }
}
