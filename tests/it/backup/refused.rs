//! What `backup` and `restore` refuse, and that they leave nothing behind then.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

use sqlx::{Connection, Executor, PgConnection};

use super::{AgeKey, json_of, run};
use crate::{
    process::{DataDir, lumatrace, lumatrace_on},
    support::{App, MASTER_KEY, TestDatabase, pictures},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_takes_a_whole_archive_and_an_empty_place_and_nothing_else() {
    let (files, target) = (DataDir::new(), DataDir::new());
    let (key, other) = (AgeKey::new(&files.0), AgeKey::new(&files.0));
    let app = App::spawn().await;
    let tenant = app.tenant("acme").await;
    app.tenant("globex").await;
    let client = app.client(&tenant).await;
    let picture = pictures::png(&pictures::scene(96, 64, 5));
    assert_eq!(client.protect(&picture).await.status, 200);
    let archive = files.0.join("backup.age");
    let backup = |file: &std::path::Path| {
        let mut command = lumatrace_on(&app.database, &files);
        command.arg("backup").arg(file);
        command
    };
    let saved = json_of(backup(&archive).args([
        "--recipient",
        &key.recipient,
        "--recipient",
        &other.recipient,
    ]));
    assert_eq!(
        (&saved["tenants"], &saved["photos"]),
        (&2.into(), &1.into()),
        "{saved}"
    );

    // Without a key, over a file, with a short passphrase, or to whom nothing can be sent.
    let short = files.0.join("short");
    fs::write(&short, "too short").unwrap();
    let short = short.to_string_lossy();
    for (file, arguments, why) in [
        ("a", vec![], "--recipient"),
        (
            "backup.age",
            vec!["--recipient", &key.recipient],
            "is there already",
        ),
        (
            "a",
            vec!["--passphrase-file", &short],
            "fewer than 12 characters",
        ),
        ("a", vec!["--recipient", "age1x"], "no recipient"),
    ] {
        let (done, text) = run(backup(&files.0.join(file)).args(arguments));
        assert!(!done && text.contains(why), "{why}: {text}");
    }
    assert!(!files.0.join("a").exists() && !files.0.join("a.unfinished").exists());
    let streamed = backup(std::path::Path::new("-"))
        .args(["--recipient", &key.recipient])
        .output()
        .unwrap();
    assert!(streamed.status.success() && streamed.stdout.starts_with(b"age-encryption.org/v1"));

    let empty = TestDatabase::empty(None).await;
    let restore = |database: &TestDatabase, file: &std::path::Path, key: &AgeKey| {
        let mut command = lumatrace(&target.0);
        command.env("DATABASE_URL", database.url());
        command
            .arg("restore")
            .arg(file)
            .arg("--identity-file")
            .arg(&key.file);
        command
    };
    let bytes = fs::read(&archive).unwrap();
    let damaged = files.0.join("damaged.age");
    let mut refused = 0;
    for at in (0..bytes.len()).step_by(bytes.len() / 23) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        for content in [&flipped, &bytes[..at]] {
            fs::write(&damaged, content).unwrap();
            let (done, text) = run(&mut restore(&empty, &damaged, &key));
            assert!(!done && text.contains("damaged"), "byte {at}: {text}");
            assert!(!target.0.exists(), "nothing is made");
            refused += 1;
        }
    }
    assert!(refused > 40, "{refused}");
    let stranger = AgeKey::new(&files.0);
    let (done, text) = run(&mut restore(&empty, &archive, &stranger));
    assert!(
        !done && text.contains("does not open with this key"),
        "{text}"
    );
    let mut wrong = lumatrace(&target.0);
    wrong
        .arg("restore")
        .arg(&archive)
        .arg("--passphrase-file")
        .arg(&key.file);
    let (done, text) = run(&mut wrong);
    assert!(
        !done && text.contains("does not open with this key"),
        "{text}"
    );

    // A database with rows, one with something else, and a folder with another key.
    let (done, text) = run(&mut restore(&app.database, &archive, &key));
    assert!(
        !done && text.contains("not empty") && text.contains("rows in the table"),
        "{text}"
    );
    let foreign = TestDatabase::empty(None).await;
    let mut owner = PgConnection::connect_with(&foreign.owner()).await.unwrap();
    owner
        .execute("create table invoices (number bigint)")
        .await
        .unwrap();
    let (done, text) = run(&mut restore(&foreign, &archive, &key));
    assert!(
        !done && text.contains("invoices, which is not of this program"),
        "{text}"
    );
    let foreign_key = target.0.join("master.key");
    fs::write(&foreign_key, "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=").unwrap();
    fs::set_permissions(&foreign_key, Permissions::from_mode(0o600)).unwrap();
    let (done, text) = run(&mut restore(&empty, &archive, &key));
    assert!(
        !done && text.contains("is not the master key of the backup"),
        "{text}"
    );
    fs::remove_file(&foreign_key).unwrap();

    // The refusals have left what the next restore takes for empty.
    let restored = json_of(&mut restore(&empty, &archive, &other));
    assert_eq!(restored["proof"]["chains"], 2, "{restored}");
    let printed = restored.to_string();
    for secret in [MASTER_KEY, &key.identity, &other.identity] {
        assert!(!printed.contains(secret));
    }
    assert_eq!(
        fs::read_to_string(target.0.join("master.key")).unwrap(),
        MASTER_KEY
    );
    let (done, text) = run(&mut restore(&empty, &archive, &key));
    assert!(!done && text.contains("not empty"), "a second time: {text}");
}
