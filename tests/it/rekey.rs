//! A new master key, by the program itself: beside a running server, killed in the middle, and from
//! settings.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Duration,
};

use lumatrace::{
    auth::{MasterKey, next_key_file},
    clock::Clock,
    db::Operator,
    domain::TenantId,
    service::{
        audit::{self, ChainStatus},
        operator::{self, PolicyChange},
        rekey::{self, Resealed},
    },
};
use serde_json::Value;

use crate::{
    backup::{json_of, login, me, protect, verdict},
    process::{DataDir, Server, curl, lumatrace, lumatrace_on, run},
    support::{MASTER_KEY, PASSWORD, TestDatabase, pictures},
};

const NEW_KEY: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

fn picture(folder: &Path, seed: u32) -> PathBuf {
    let path = folder.join(format!("{seed}.jpg"));
    fs::write(&path, pictures::jpeg(&pictures::scene(160, 120, seed), 92)).unwrap();
    path
}

/// The status of a sign-in with an API key.
fn sign_in(url: &str, key: &str) -> u16 {
    let form = format!("username=press&password={}", PASSWORD.replace(' ', "+"));
    let key = format!("x-api-key: {key}");
    curl(&["-H", &key, "-d", &form, &format!("{url}/auth")]).0
}

/// Makes an API key as the operator does, beside the server.
fn api_key(command: &mut Command, name: &str) -> String {
    let made = json_of(command.args(["api-key", "create", "--tenant", "acme", "--name", name]));
    made["apiKey"].as_str().unwrap().to_owned()
}

/// Whether this key alone opens everything in a database: a pass finds nothing to do.
async fn opens_everything(database: &TestDatabase, key: &str) -> bool {
    let operator = Operator::connect(database.owner()).await.unwrap();
    let master = MasterKey::from_base64(key).unwrap();
    let found = rekey::pass(&operator, &master, &Clock::system()).await;
    found.is_ok_and(|found| found == Resealed::default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_takes_over_beside_a_server_through_kills_and_nothing_is_refused() {
    let database = TestDatabase::empty(None).await;
    let data_dir = DataDir::new();
    let program = || {
        let mut command = lumatrace_on(&database, &data_dir);
        command.env_remove("LUMATRACE_MASTER_KEY");
        command
    };
    let server = Server::start(program());
    let url = server.url.as_str();
    let (_, token) = login(url, "acme");
    let early = picture(&data_dir.0, 1);
    let photo = protect(url, &token, &early);
    let key = api_key(&mut program(), "early");
    let old = fs::read_to_string(data_dir.0.join("master.key")).unwrap();
    let next = data_dir.0.join("master.key.next");

    let (stop, calls) = (AtomicBool::new(false), AtomicU32::new(0));
    let ended: Value = std::thread::scope(|scope| {
        // Whatever seals and opens: sign-ins, protects, verifies, and keys that are made.
        scope.spawn(|| {
            let more = picture(&data_dir.0, 2);
            let mut round = 0;
            while !stop.load(Ordering::Relaxed) {
                let (status, token) = login(url, "acme");
                assert_eq!((status, me(url, &token)), (200, 200));
                protect(url, &token, &more);
                assert_eq!(verdict(url, &token, &early, &photo), "INTACT");
                assert_eq!(sign_in(url, &key), 200);
                let made = api_key(&mut program(), &format!("key {round}"));
                assert_eq!(sign_in(url, &made), 200);
                calls.fetch_add(7, Ordering::Relaxed);
                round += 1;
                // An account may sign in a hundred times at once, and then once a second.
                std::thread::sleep(Duration::from_secs(1));
            }
        });
        let mut killed = 0;
        for milliseconds in [30, 150, 400, 2_000] {
            let mut command = program();
            let mut child = command.arg("rekey").stdout(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(milliseconds));
            assert!(
                child.try_wait().unwrap().is_none(),
                "it is not done so soon"
            );
            child.kill().unwrap();
            child.wait().unwrap();
            killed += 1;
        }
        assert_eq!(killed, 4);
        assert!(next.exists());
        assert_eq!(
            fs::read_to_string(data_dir.0.join("master.key")).unwrap(),
            old
        );
        let recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
        let mut backup = program();
        backup.arg("backup").arg(data_dir.0.join("backup.age"));
        let (done, text) = run(backup.args(["--recipient", recipient]));
        assert!(!done && text.contains("lumatrace rekey"), "{text}");
        let other = data_dir.0.join("other");
        fs::write(&other, NEW_KEY).unwrap();
        let (done, text) = run(program()
            .arg("rekey")
            .arg("--new-master-key-file")
            .arg(&other));
        assert!(!done && text.contains("holds another key"), "{text}");
        let ended = json_of(program().arg("rekey"));
        stop.store(true, Ordering::Relaxed);
        ended
    });
    println!("calls: {}, {ended}", calls.load(Ordering::Relaxed));
    // Some rounds, whatever the machine: one is over in the wait alone.
    assert!(calls.load(Ordering::Relaxed) >= 14);
    assert!(!next.exists());
    let new = fs::read_to_string(data_dir.0.join("master.key")).unwrap();
    assert_ne!(new, old);
    assert!(!ended.to_string().contains(&new) && !ended.to_string().contains(&old));
    assert!(
        opens_everything(&database, &new).await,
        "nothing is left under the old key"
    );
    let (done, text) = run(program()
        .env("LUMATRACE_MASTER_KEY", &old)
        .args(["key", "list"]));
    assert!(!done, "{text}");
    let (whole, text) = run(program().args(["audit", "verify"]));
    assert!(whole && text.contains("\"intact\""), "{text}");
    // The server that ran through it, and one that starts now.
    assert_eq!(verdict(url, &token, &early, &photo), "INTACT");
    drop(server);
    let server = Server::start(program());
    assert_eq!(me(&server.url, &token), 200, "tokens are as they were");
    assert_eq!(verdict(&server.url, &token, &early, &photo), "INTACT");
    assert_eq!(sign_in(&server.url, &key), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_a_setting_gives_way_to_another_while_both_are_set() {
    let database = TestDatabase::create().await;
    let data_dir = DataDir::new();
    let with = |key: &str, other: Option<&str>| {
        let mut command = lumatrace_on(&database, &data_dir);
        command.env("LUMATRACE_MASTER_KEY", key);
        if let Some(other) = other {
            command.env("LUMATRACE_MASTER_KEY_OTHER", other);
        }
        command
    };
    // 1. All servers get the new key as the other one. 2. It becomes the first.
    let first = Server::start(with(MASTER_KEY, Some(NEW_KEY)));
    let second = Server::start(with(NEW_KEY, Some(MASTER_KEY)));
    let key = api_key(&mut with(NEW_KEY, Some(MASTER_KEY)), "new");
    for server in [&first, &second] {
        let (status, token) = login(&server.url, "acme");
        assert_eq!((status, me(&server.url, &token)), (200, 200));
        assert_eq!(
            sign_in(&server.url, &key),
            200,
            "both open what the second sealed"
        );
    }
    drop(first);
    let (done, text) = run(with(MASTER_KEY, None).arg("rekey"));
    assert!(
        !done && text.contains("LUMATRACE_MASTER_KEY_OTHER"),
        "{text}"
    );
    let mut other_alone = lumatrace(&data_dir.0);
    other_alone.env("LUMATRACE_MASTER_KEY_OTHER", NEW_KEY);
    other_alone.env("DATABASE_URL", database.url());
    let (done, text) = run(other_alone.args(["key", "list"]));
    assert!(
        !done && text.contains("without LUMATRACE_MASTER_KEY"),
        "{text}"
    );
    // 3. Everything is sealed under it. 4. The old one is gone.
    let ended = json_of(with(NEW_KEY, Some(MASTER_KEY)).arg("rekey"));
    assert!(ended["signingKeys"].as_u64().unwrap() >= 2, "{ended}");
    assert!(opens_everything(&database, NEW_KEY).await);
    let third = Server::start(with(NEW_KEY, None));
    assert_eq!(sign_in(&third.url, &key), 200);
    assert_eq!(sign_in(&second.url, &key), 200);
}

#[tokio::test]
async fn what_a_new_key_has_sealed_goes_on_sealed_on_a_server_that_has_not_looked_yet() {
    let database = TestDatabase::create().await;
    let operator = Operator::connect(database.owner()).await.unwrap();
    let clock = Clock::system();
    let tenant = TenantId::parse("acme").unwrap();
    let folder = DataDir::new();
    fs::create_dir(&folder.0).unwrap();
    let path = folder.0.join("master.key");
    let server = MasterKey::load_or_create(&path).unwrap();
    operator::create_tenant(&operator, &server, &clock, &tenant)
        .await
        .unwrap();
    let change = async |master: &MasterKey| {
        let nothing = PolicyChange::default();
        operator::set_policy(&operator, master, &clock, &tenant, nothing)
            .await
            .unwrap();
    };
    for round in 0..3 {
        change(&server).await;
        MasterKey::write_new(&next_key_file(&path), &MasterKey::draw()).unwrap();
        // A command that starts now seals with the new key, the server with the old one still.
        let command = MasterKey::load(&path).unwrap();
        for master in [&command, &server, &command, &server] {
            change(master).await;
            let found = audit::verify(&operator, &command, &tenant, None).await;
            assert!(matches!(found, Ok(ChainStatus::Intact(_))), "{found:?}");
        }
        println!("round {round}: four changes, sealed");
        fs::rename(next_key_file(&path), &path).unwrap();
    }
}
