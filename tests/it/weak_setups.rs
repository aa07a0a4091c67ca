//! Weak set-ups: refused with their cure, or told at the start; and where secrets come from.

use std::{
    fs,
    io::Read,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use lumatrace::app::{Severity, Weakness};
use serde_json::{Value, json};

use crate::{
    process::{DataDir, Server, curl, lumatrace},
    support::{MASTER_KEY, PASSWORD, TestDatabase},
};

/// 32 zeros in base64.
const ZEROS: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
/// 32 bytes of `secretsecretsecret…`.
const WORD: &str = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=";

fn folder(mode: u32) -> DataDir {
    let folder = DataDir::new();
    fs::create_dir(&folder.0).unwrap();
    set_mode(&folder.0, mode);
    folder
}

fn file(path: PathBuf, text: &str, mode: u32) -> PathBuf {
    fs::write(&path, text).unwrap();
    set_mode(&path, mode);
    path
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs a command that must be refused before anything is started: the sentence.
fn refused(command: &mut Command) -> String {
    // Nobody is there: who comes as far as to ask fails otherwise.
    command.env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none");
    let output = command
        .args(["tenant", "list"])
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn what_is_certainly_wrong_is_refused_with_its_cure() {
    let key_file = |folder: &DataDir, key: &str, mode| {
        file(folder.0.join("master.key"), key, mode);
    };
    let (zeros, open_key, group_key, open_demo, open_folder) = (
        folder(0o700),
        folder(0o700),
        folder(0o700),
        folder(0o700),
        folder(0o777),
    );
    key_file(&zeros, ZEROS, 0o600);
    key_file(&open_key, MASTER_KEY, 0o644);
    key_file(&group_key, MASTER_KEY, 0o640);
    file(open_demo.0.join("demo-credentials.json"), "{}", 0o604);
    let mut tried = 0;
    for (place, key, code, cure) in [
        (&folder(0o700), ZEROS, "master-key-guessable", "urandom"),
        (&folder(0o700), WORD, "master-key-guessable", "urandom"),
        (&zeros, "", "master-key-guessable", "urandom"),
        (&open_key, "", "secret-file-open", "chmod 600"),
        (&group_key, "", "secret-file-open", "chmod 600"),
        (&open_demo, MASTER_KEY, "secret-file-open", "chmod 600"),
        (&open_folder, MASTER_KEY, "data-folder-open", "chmod 700"),
    ] {
        let mut command = lumatrace(&place.0);
        if !key.is_empty() {
            command.env("LUMATRACE_MASTER_KEY", key);
        }
        let told = refused(&mut command);
        assert!(told.contains(&format!("[{code}]")), "{code}: {told}");
        assert!(told.contains(cure), "{code}: {told}");
        assert_eq!(told.lines().count(), 1, "one sentence: {told}");
        if !key.is_empty() && key != MASTER_KEY {
            assert!(!told.contains(key), "{told}");
        }
        tried += 1;
    }
    assert_eq!(tried, 7);
}

/// Starts a server, ends it, and returns the codes of what it warned of.
fn warned(mut command: Command) -> Vec<String> {
    let mut server = Server::start({
        command.stderr(Stdio::piped());
        command
    });
    let mut stderr = server.child.stderr.take().unwrap();
    drop(server);
    let mut told = String::new();
    stderr.read_to_string(&mut told).unwrap();
    let mut codes: Vec<String> = told
        .split("weakness=\"")
        .skip(1)
        .filter_map(|rest| rest.split_once('"').map(|(code, _)| code.to_owned()))
        .collect();
    codes.sort_unstable();
    codes
}

#[test]
fn what_may_be_meant_is_told_once_at_the_start() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create());
    let shared = folder(0o770);
    let password = file(shared.0.join("password"), PASSWORD, 0o644);
    let mut weak = lumatrace(&shared.0);
    weak.args(["serve", "--master-key", MASTER_KEY])
        .env("DATABASE_URL", database.url())
        .env("LUMATRACE_LISTEN", "0.0.0.0:0")
        .env("LUMATRACE_METRICS_LISTEN", "0.0.0.0:0")
        .env("LUMATRACE_BOOTSTRAP_TENANT", "acme")
        .env("LUMATRACE_BOOTSTRAP_USERNAME", "press")
        .env("LUMATRACE_BOOTSTRAP_PASSWORD_FILE", &password);
    assert_eq!(
        warned(weak),
        [
            "data-folder-shared",
            "listener-unencrypted",
            "metrics-open",
            "secret-in-flag",
            "secret-mount-open"
        ]
    );

    let behind_proxy = |proxies: Option<&str>| {
        let closed = folder(0o700);
        let mut command = lumatrace(&closed.0);
        command
            .env("DATABASE_URL", database.url())
            .env("LUMATRACE_MASTER_KEY", MASTER_KEY)
            .env("LUMATRACE_LISTEN", "0.0.0.0:0")
            .env("LUMATRACE_PUBLIC_URL", "https://photos.example.com");
        if let Some(proxies) = proxies {
            command.env("LUMATRACE_TRUSTED_PROXIES", proxies);
        }
        warned(command)
    };
    assert_eq!(behind_proxy(None), ["proxies-unknown"]);
    assert!(behind_proxy(Some("10.0.0.0/8")).is_empty());
    assert_eq!(behind_proxy(Some("0.0.0.0/0")), ["proxies-any"]);
}

#[test]
fn the_list_of_weak_set_ups_is_documented() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md");
    let docs = fs::read_to_string(docs).unwrap();
    let (_, section) = docs.split_once("\n## Weak set-ups\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows: Vec<(String, bool)> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .map(|(code, rest)| (code.to_owned(), rest.starts_with("refused")))
        .collect();
    let listed: Vec<(String, bool)> = Weakness::ALL
        .iter()
        .map(|it| (it.code().to_owned(), it.severity() == Severity::Refused))
        .collect();
    assert_eq!(rows, listed);
}

#[test]
fn secrets_come_from_files_as_well_and_never_from_two_places() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create());
    let place = folder(0o700);
    let secret = |name: &str, text: &str| file(place.0.join(name), text, 0o600);
    let url = secret("url", &format!("{}\n", database.url()));
    let key = secret("key", &format!("{MASTER_KEY}\r\n"));
    let password = secret("password", &format!("{PASSWORD}\n"));
    let empty = secret("empty", "\n");
    let mut command = lumatrace(&place.0);
    command
        .env("DATABASE_URL_FILE", &url)
        .env("LUMATRACE_MASTER_KEY_FILE", &key)
        .env("LUMATRACE_BOOTSTRAP_TENANT", "acme")
        .env("LUMATRACE_BOOTSTRAP_USERNAME", "press")
        .env("LUMATRACE_BOOTSTRAP_PASSWORD_FILE", &password);
    let server = Server::start(command);
    let body = json!({ "tenantId": "acme", "username": "press", "password": PASSWORD }).to_string();
    let login = format!("{}/api/v1/auth/login", server.url);
    let json = "content-type: application/json";
    assert_eq!(curl(&["-H", json, "-d", &body, &login]).0, 200);
    assert!(
        !place.0.join("master.key").exists(),
        "the key is the file's"
    );

    let mut tried = 0;
    for (setting, path, also, told_of) in [
        ("DATABASE_URL_FILE", &url, Some("DATABASE_URL"), "both set"),
        (
            "LUMATRACE_MASTER_KEY_FILE",
            &key,
            Some("LUMATRACE_MASTER_KEY"),
            "both set",
        ),
        ("LUMATRACE_MASTER_KEY_FILE", &empty, None, "is empty"),
        (
            "LUMATRACE_MASTER_KEY_FILE",
            &place.0.join("none"),
            None,
            "No such file",
        ),
    ] {
        let mut command = lumatrace(&place.0);
        command.env(setting, path);
        if let Some(also) = also {
            command.env(also, MASTER_KEY);
        }
        if setting != "DATABASE_URL_FILE" {
            command.env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none");
        }
        let output = command
            .args(["tenant", "list"])
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(setting) && told.contains(told_of), "{told}");
        tried += 1;
    }
    assert_eq!(tried, 4);
}

#[test]
fn the_password_of_the_demo_account_is_in_its_file_alone() {
    let place = DataDir::new();
    let mut command = lumatrace(&place.0);
    command.stderr(Stdio::piped());
    let mut server = Server::start(command);
    let mut stderr = server.child.stderr.take().unwrap();
    server.signal("-TERM");
    assert_eq!(server.wait(), 0);
    let mut told = String::new();
    stderr.read_to_string(&mut told).unwrap();
    let path = place.0.join("demo-credentials.json");
    let credentials: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let password = credentials["password"].as_str().unwrap();
    assert!(told.contains(path.to_str().unwrap()), "{told}");
    assert!(!told.contains(password), "{told}");
}

/// Who an unprivileged process is, when the tests run as root: `nobody`.
const NOBODY: u32 = 65_534;

#[cfg(target_os = "linux")]
#[test]
fn memory_goes_into_no_file_and_no_other_process_of_the_user_reads_it() {
    let place = DataDir::new();
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    fs::create_dir(&place.0).unwrap();
    set_mode(&place.0, 0o755);
    let program = place.0.join("lumatrace");
    fs::copy(env!("CARGO_BIN_EXE_lumatrace"), &program).unwrap();
    let as_user = |program: &Path| {
        let mut command = Command::new(program);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    };
    let may_read = |process: u32| {
        let mut reader = as_user(Path::new("/bin/cat"));
        reader.arg(format!("/proc/{process}/environ"));
        reader.status().unwrap().success()
    };
    // It waits for a database that is not there.
    let mut server = as_user(&program)
        .env("LUMATRACE_DATA_DIR", std::env::temp_dir().join("none"))
        .env("LUMATRACE_MASTER_KEY", MASTER_KEY)
        .env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")
        .args(["tenant", "list"])
        .spawn()
        .unwrap();
    let mut other = as_user(Path::new("/bin/sleep")).arg("60").spawn().unwrap();
    let limits = || fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
    let no_core = |limits: &str| {
        let line = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"));
        line.is_some_and(|line| line.split_whitespace().filter(|word| *word == "0").count() == 2)
    };
    let started = Instant::now();
    let mut closed = false;
    while !closed && started.elapsed() < Duration::from_mins(1) {
        closed = no_core(&limits()) && !may_read(server.id());
    }
    assert!(may_read(other.id()), "that of another program can be read");
    for process in [&mut server, &mut other] {
        process.kill().unwrap();
        process.wait().unwrap();
    }
    assert!(closed);
}
