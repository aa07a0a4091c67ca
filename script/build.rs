//! Makes `LUMATRACE_VERSION`: the version, and in a release the commit that is built:
//! `LUMATRACE_COMMIT` if it is set, else what git says, else none.

#![expect(
    clippy::disallowed_methods,
    reason = "this runs while the program is built"
)]

use std::{env, path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-env-changed=LUMATRACE_COMMIT");
    let version = env!("CARGO_PKG_VERSION");
    let version = commit().map_or(version.to_owned(), |commit| format!("{version} ({commit})"));
    println!("cargo::rustc-env=LUMATRACE_VERSION={version}");
}

fn commit() -> Option<String> {
    if let Ok(commit) = env::var("LUMATRACE_COMMIT") {
        return Some(commit).filter(|commit| !commit.is_empty());
    }
    // A development build would be compiled anew after each commit.
    if env::var("PROFILE").is_ok_and(|profile| profile != "release") {
        return None;
    }
    let log = ".git/logs/HEAD";
    if Path::new(log).exists() {
        println!("cargo::rerun-if-changed={log}");
    }
    let arguments = ["rev-parse", "--short=12", "HEAD"];
    let output = Command::new("git").args(arguments).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| commit.trim().to_owned())
}
