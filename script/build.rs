//! Makes `LUMATRACE_VERSION`: the version, and in a release the commit that is built:
//! `LUMATRACE_COMMIT` if it is set, else what git says, else none. And takes up the files of the
//! console: compressed into a release, by their paths into a development build, which reads them
//! anew each time.

#![expect(
    clippy::disallowed_methods,
    reason = "this runs while the program is built"
)]

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

fn main() {
    println!("cargo::rerun-if-env-changed=LUMATRACE_COMMIT");
    let version = env!("CARGO_PKG_VERSION");
    let version = commit().map_or(version.to_owned(), |commit| format!("{version} ({commit})"));
    println!("cargo::rustc-env=LUMATRACE_VERSION={version}");
    take_up_console().unwrap_or_else(|error| println!("cargo::error=console: {error}"));
}

fn take_up_console() -> io::Result<()> {
    let folder = fs::canonicalize("src/http/console/assets")?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let code = memory_serve::assets_to_code("console", &folder, &out, is_release(), |_| {});
    fs::write(out.join("console.rs"), code)
}

fn is_release() -> bool {
    env::var("PROFILE").is_ok_and(|profile| profile == "release")
}

fn commit() -> Option<String> {
    if let Ok(commit) = env::var("LUMATRACE_COMMIT") {
        return Some(commit).filter(|commit| !commit.is_empty());
    }
    // A development build would be compiled anew after each commit.
    if !is_release() {
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
