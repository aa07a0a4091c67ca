//! The drill: a backup under load, everything destroyed, a restore on a fresh folder.

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::Stdio,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Instant,
};

use serde_json::{Value, json};

use super::{json_of, login, me, protect, run, verdict};
use crate::{
    process::{DataDir, Server, curl, lumatrace},
    support::{PASSWORD, pictures},
};

/// Photos of the drill, unless `LUMATRACE_DRILL_PHOTOS` says how many.
const PHOTOS: u32 = 20;

fn photos() -> u32 {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests are configured as script/test says"
    )]
    let wanted = std::env::var("LUMATRACE_DRILL_PHOTOS");
    wanted.map_or(PHOTOS, |wanted| wanted.parse().unwrap())
}

/// Signs in with an API key; status and the headers of later calls.
fn sign_in(url: &str, key: &str) -> (u16, Vec<String>) {
    let form = format!("username=press&password={}", PASSWORD.replace(' ', "+"));
    let key = format!("x-api-key: {key}");
    let (status, body) = curl(&["-H", &key, "-d", &form, &format!("{url}/auth")]);
    let body: Value = serde_json::from_slice(&body).unwrap();
    let token = body["access_token"].as_str().unwrap_or_default();
    (status, vec![key, format!("authorization: {token}")])
}

#[test]
fn what_was_destroyed_comes_back_from_a_backup_and_what_was_ended_does_not() {
    let (before, after, files) = (DataDir::new(), DataDir::new(), DataDir::new());
    fs::create_dir_all(&files.0).unwrap();
    let archive = files.0.join("backup.age");
    let passphrase = files.0.join("passphrase");
    fs::write(&passphrase, "a passphrase of the drill\n").unwrap();

    let server = Server::start(lumatrace(&before.0));
    let (done, text) = run(lumatrace(&before.0).args(["tenant", "create", "acme"]));
    assert!(done, "{text}");
    let mut create = lumatrace(&before.0);
    create.args([
        "account",
        "create",
        "--tenant",
        "acme",
        "--username",
        "press",
        "--password-stdin",
    ]);
    let mut create = create.stdin(Stdio::piped()).spawn().unwrap();
    writeln!(create.stdin.take().unwrap(), "{PASSWORD}").unwrap();
    assert!(create.wait().unwrap().success());
    let api_key = |name: &str| {
        let made = json_of(
            lumatrace(&before.0).args(["api-key", "create", "--tenant", "acme", "--name", name]),
        );
        let text = |member: &str| made[member].as_str().unwrap().to_owned();
        (text("id"), text("apiKey"))
    };
    let ((_, kept), (ended_id, ended)) = (api_key("kept"), api_key("ended"));

    let (status, token) = login(&server.url, "acme");
    assert_eq!(status, 200);
    let (status, key_headers) = sign_in(&server.url, &kept);
    assert_eq!(status, 200);
    let (_, ended_headers) = sign_in(&server.url, &ended);
    let (done, text) =
        run(lumatrace(&before.0).args(["api-key", "revoke", "--tenant", "acme", &ended_id]));
    assert!(done, "{text}");

    let pictures: Vec<PathBuf> = (0..photos())
        .map(|number| {
            let path = files.0.join(format!("{number}.jpg"));
            fs::write(
                &path,
                pictures::jpeg(&pictures::scene(160, 120, number), 92),
            )
            .unwrap();
            path
        })
        .collect();
    let started = Instant::now();
    let next = AtomicUsize::new(0);
    let protected: Vec<(PathBuf, String)> = std::thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            while let Some(picture) = pictures.get(next.fetch_add(1, Ordering::Relaxed)) {
                done.push((picture.clone(), protect(&server.url, &token, picture)));
            }
            done
        };
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    println!(
        "{} photos protected: {:?}",
        protected.len(),
        started.elapsed()
    );

    // While more are protected: those may be in it or not, and nothing is refused.
    let more = files.0.join("more.jpg");
    fs::write(&more, pictures::jpeg(&pictures::scene(160, 120, 9_999), 92)).unwrap();
    let stop = AtomicBool::new(false);
    let (saved, meanwhile) = std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                protect(&server.url, &token, &more);
                count += 1;
            }
            count
        });
        let started = Instant::now();
        let mut backup = lumatrace(&before.0);
        backup.env("LUMATRACE_ISSUER", "https://issuer.test");
        let saved = json_of(
            backup
                .arg("backup")
                .arg(&archive)
                .arg("--passphrase-file")
                .arg(&passphrase),
        );
        println!(
            "backup: {:?}, {} bytes",
            started.elapsed(),
            fs::metadata(&archive).unwrap().len()
        );
        stop.store(true, Ordering::Relaxed);
        (saved, load.join().unwrap())
    });
    println!("protected meanwhile: {meanwhile}");
    let count = u64::from(photos());
    let saved_photos = saved["photos"].as_u64().unwrap();
    assert!(
        (count..=count + meanwhile).contains(&saved_photos),
        "{saved}"
    );

    // After the backup: unknown to it.
    let (_, late_token) = login(&server.url, "acme");
    assert_eq!(me(&server.url, &late_token), 200);
    // Everything is destroyed.
    server.signal("-KILL");
    server.wait();
    drop(before);

    let started = Instant::now();
    let restored = json_of(
        lumatrace(&after.0)
            .arg("restore")
            .arg(&archive)
            .arg("--passphrase-file")
            .arg(&passphrase),
    );
    println!("restore: {:?}", started.elapsed());
    assert_eq!(restored["photos"], saved["photos"], "{restored}");
    assert_eq!(
        restored["settings"]["LUMATRACE_ISSUER"],
        "https://issuer.test"
    );
    assert_eq!(
        restored["settings"].get("LUMATRACE_BOOTSTRAP_PASSWORD"),
        None
    );
    let proof = &restored["proof"];
    assert_eq!(proof["chains"], 2, "{restored}");
    assert!(proof["signingKeys"].as_u64().unwrap() >= 2, "{restored}");
    assert!(proof["signers"].as_u64().unwrap() >= 1, "{restored}");
    assert!(proof["photo"].is_string(), "{restored}");

    let server = Server::start(lumatrace(&after.0));
    let calls = [vec![token], vec![late_token], key_headers, ended_headers];
    for headers in &calls {
        let mut call = Vec::new();
        for header in headers {
            call.extend(["-H", header]);
        }
        let url = format!("{}/api/v1/me", server.url);
        call.push(&url);
        assert_eq!(curl(&call).0, 401, "a token from before the restore");
    }
    let (status, token) = login(&server.url, "acme");
    assert_eq!(status, 200);
    assert_eq!(me(&server.url, &token), 200);
    assert_eq!(sign_in(&server.url, &kept).0, 200);
    assert_eq!(
        sign_in(&server.url, &ended).0,
        401,
        "an ended key stays ended"
    );
    let mut intact = 0;
    for (picture, photo) in &protected {
        assert_eq!(verdict(&server.url, &token, picture, photo), "INTACT");
        intact += 1;
    }
    assert_eq!(intact, photos());
    // It goes on: new photos, with slots and events behind those that were loaded.
    let photo = protect(&server.url, &token, &more);
    assert_eq!(verdict(&server.url, &token, &more, &photo), "INTACT");
    let (whole, text) = run(lumatrace(&after.0).args(["audit", "verify"]));
    assert!(whole && text.matches("\"intact\"").count() == 2, "{text}");
    assert_eq!(json!(text.contains("unsealed")), json!(false));
}
