//! No byte of a picture stays behind: not in the data folder with its database, not in a temporary
//! file, not in the log.

use std::{
    collections::HashMap,
    fs::{self, File},
    path::{Path, PathBuf},
};

use crate::{
    backup::{protect, verdict},
    process::{DataDir, Server, curl, login, lumatrace},
    support::pictures,
};

/// Bytes that are looked for at once. Coded pictures do not repeat so many by chance.
const NEEDLE: usize = 24;

/// Pieces of files and pixels, by their first eight bytes.
#[derive(Default)]
struct Needles(HashMap<[u8; 8], Vec<[u8; NEEDLE]>>);

impl Needles {
    /// Some pieces from all over the bytes, but for the head, which pictures have in common.
    fn add(&mut self, bytes: &[u8]) {
        for part in 4..16 {
            let at = bytes.len() * part / 16;
            if let Some(piece) = bytes.get(at..at + NEEDLE) {
                self.put(piece.try_into().unwrap());
            }
        }
    }

    fn put(&mut self, needle: [u8; NEEDLE]) {
        let key = needle[..8].try_into().unwrap();
        self.0.entry(key).or_default().push(needle);
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        bytes.windows(NEEDLE).any(|window| {
            let key: [u8; 8] = window[..8].try_into().unwrap();
            let found = self.0.get(&key);
            found.is_some_and(|needles| needles.iter().any(|needle| needle == window))
        })
    }
}

/// The files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn of_pictures_that_were_protected_and_verified_no_byte_is_in_any_file() {
    let (data_dir, work) = (DataDir::new(), DataDir::new());
    let temporary = work.0.join("tmp");
    fs::create_dir_all(&temporary).unwrap();
    let log = work.0.join("log");
    let mut command = lumatrace(&data_dir.0);
    command
        .env("TMPDIR", &temporary)
        .env("LUMATRACE_LOG", "debug")
        .stderr(File::create(&log).unwrap());
    let server = Server::start(command);
    let token = login(&server.url, &data_dir.0);
    let url = |path: &str| format!("{}/api/v1{path}", server.url);

    let scene = pictures::scene(320, 240, 91);
    let mut needles = Needles::default();
    needles.add(&scene);
    for (name, bytes) in [
        ("a.jpg", pictures::jpeg(&scene, 92)),
        ("a.png", pictures::png(&scene)),
        ("a.webp", pictures::webp(&scene)),
    ] {
        let picture = work.0.join(name);
        fs::write(&picture, &bytes).unwrap();
        let photo = protect(&server.url, &token, &picture);
        assert_eq!(verdict(&server.url, &token, &picture, &photo), "INTACT");
        let sent = picture.with_extension("sent");
        let form = format!("image=@{}", sent.display());
        assert_eq!(
            curl(&["-H", &token, "-F", &form, &url("/photos/identify")]).0,
            200
        );
        let file = fs::read(&sent).unwrap();
        needles.add(&bytes);
        needles.add(&file);
        needles.add(&pictures::read(&file));
        // One that is refused: half of the file.
        let half = work.0.join("half");
        fs::write(&half, &file[..file.len() / 2]).unwrap();
        let form = format!("image=@{}", half.display());
        assert_eq!(
            curl(&["-H", &token, "-F", &form, &url("/photos/protect")]).0,
            400
        );
        fs::remove_file(&picture).unwrap();
        fs::remove_file(&sent).unwrap();
        fs::remove_file(&half).unwrap();
    }
    // What is kept is found by the same search.
    let kept = "CANARY-camera-of-this-test";
    let body = format!(r#"{{"deviceModel":"{kept}"}}"#);
    let json = "content-type: application/json";
    let answer = curl(&[
        "-H",
        &token,
        "-H",
        json,
        "-d",
        &body,
        &url("/photos/register"),
    ]);
    assert!(
        (200..300).contains(&answer.0),
        "{}",
        String::from_utf8_lossy(&answer.1)
    );
    let mut control = Needles::default();
    control.put(kept.as_bytes()[..NEEDLE].try_into().unwrap());

    server.signal("-TERM");
    assert_eq!(server.wait(), 0);
    let cluster = fs::read_to_string(data_dir.0.join("postgres-location"));
    let mut searched = files(&data_dir.0);
    searched.extend(
        cluster
            .iter()
            .flat_map(|path| files(Path::new(path.trim()))),
    );
    searched.extend(files(&temporary));
    searched.push(log);
    let (mut bytes, mut has_kept) = (0, false);
    for path in &searched {
        let Ok(content) = fs::read(path) else {
            continue; // a socket
        };
        bytes += content.len();
        has_kept |= control.is_in(&content);
        assert!(
            !needles.is_in(&content),
            "of a picture in {}",
            path.display()
        );
    }
    assert!(has_kept, "the search finds what is there");
    let count: usize = needles.0.values().map(Vec::len).sum();
    println!(
        "{} files, {bytes} bytes, none of {count} pieces",
        searched.len()
    );
}
