//! The program as its operator runs it: nothing configured, killed, stopped, twice at once.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{MASTER_KEY, PASSWORD, TestDatabase, pictures};

/// A data folder that is removed at the end, with the cluster that it points to.
pub(crate) struct DataDir(pub(crate) PathBuf);

impl DataDir {
    pub(crate) fn new() -> Self {
        Self(std::env::temp_dir().join(format!("lumatrace-process-{}", uuid::Uuid::new_v4())))
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if let Ok(location) = std::fs::read_to_string(self.0.join("postgres-location")) {
            let cluster = Path::new(location.trim());
            if cluster.starts_with("/var/lib/lumatrace") {
                std::fs::remove_dir_all(cluster).ok();
            }
        }
        std::fs::remove_dir_all(&self.0).ok();
    }
}

pub(crate) fn lumatrace(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lumatrace"));
    command.env_clear();
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin");
    command.env("LUMATRACE_DATA_DIR", data_dir);
    command.env("LUMATRACE_LISTEN", "127.0.0.1:0");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// The program on a database of the tests, with the account `press` of the tenant `acme`.
pub(crate) fn lumatrace_on(database: &TestDatabase, data_dir: &DataDir) -> Command {
    let mut command = lumatrace(&data_dir.0);
    command.env("DATABASE_URL", database.url());
    command.env("LUMATRACE_MASTER_KEY", MASTER_KEY);
    command.env("LUMATRACE_BOOTSTRAP_TENANT", "acme");
    command.env("LUMATRACE_BOOTSTRAP_USERNAME", "press");
    command.env("LUMATRACE_BOOTSTRAP_PASSWORD", PASSWORD);
    command
}

/// A running server; killed at the end if it still runs.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) url: String,
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let url = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("{line:?}"));
        Self {
            child,
            url: url.to_owned(),
            _stdout: stdout,
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(
            // The shell's own: a small system has no program of that name.
            Command::new("sh")
                .args(["-c", &format!("kill {signal} {pid}")])
                .status()
                .unwrap()
                .success()
        );
    }

    pub(crate) fn wait(mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Sends a request by curl, the client that operators have: status and body.
pub(crate) fn curl(arguments: &[&str]) -> (u16, Vec<u8>) {
    let output = Command::new("curl")
        .args(["-s", "-w", "%{http_code}"])
        .args(arguments)
        .output()
        .unwrap();
    let (body, status) = output.stdout.split_at(output.stdout.len() - 3);
    (
        String::from_utf8_lossy(status).parse().unwrap(),
        body.to_vec(),
    )
}

pub(crate) fn login(url: &str, data_dir: &Path) -> String {
    let credentials = std::fs::read_to_string(data_dir.join("demo-credentials.json")).unwrap();
    let (status, body) = curl(&[
        "-H",
        "content-type: application/json",
        "-d",
        &credentials,
        &format!("{url}/api/v1/auth/login"),
    ]);
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let body: Value = serde_json::from_slice(&body).unwrap();
    format!("authorization: Bearer {}", body["token"].as_str().unwrap())
}

/// Runs a command; returns whether it did what it should, and what it printed on both streams.
pub(crate) fn run(command: &mut Command) -> (bool, String) {
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (output.status.success(), text)
}

#[test]
fn with_nothing_configured_it_serves_and_keeps_what_it_was_given_through_kills() {
    let data_dir = DataDir::new();
    let first_start = Instant::now();
    let server = Server::start(lumatrace(&data_dir.0));
    println!("first start: {:?}", first_start.elapsed());

    let token = login(&server.url, &data_dir.0);
    let picture = data_dir.0.join("picture.png");
    std::fs::write(&picture, pictures::png(&pictures::scene(320, 240, 31))).unwrap();
    let form = format!("image=@{}", picture.display());
    let (status, body) = curl(&[
        "-H",
        &token,
        "-F",
        &form,
        &format!("{}/api/v1/photos/protect", server.url),
    ]);
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let ended = login(&server.url, &data_dir.0);
    let (status, _) = curl(&[
        "-X",
        "POST",
        "-H",
        &ended,
        &format!("{}/api/v1/auth/logout", server.url),
    ]);
    assert_eq!(status, 200);

    server.signal("-KILL");
    server.wait();
    let second_start = Instant::now();
    let server = Server::start(lumatrace(&data_dir.0));
    println!("start after kill -9: {:?}", second_start.elapsed());
    let (status, body) = curl(&["-H", &token, &format!("{}/api/v1/photos", server.url)]);
    assert_eq!(status, 200, "the token and the keys are as they were");
    let photos: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(photos["items"].as_array().unwrap().len(), 1);
    let (status, _) = curl(&["-H", &ended, &format!("{}/api/v1/me", server.url)]);
    assert_eq!(status, 401, "a logout outlives a kill");

    // Operator's commands beside the running server.
    let (done, text) = run(lumatrace(&data_dir.0).args(["tenant", "create", "acme"]));
    assert!(done, "{text}");
    let set = [
        "tenant",
        "set",
        "acme",
        "--privacy",
        "strict",
        "--max-copies",
        "5",
    ];
    let (done, text) = run(lumatrace(&data_dir.0).args(set));
    assert!(done && text.contains("\"maxCopies\":5"), "{text}");
    let set = ["tenant", "set", "acme", "--per-hour", "7", "--burst", "0"];
    let (done, text) = run(lumatrace(&data_dir.0).args(set));
    assert!(done && text.contains("\"ratePerHour\":7"), "{text}");
    let set = ["tenant", "set", "acme", "--per-hour", "default"];
    let (done, text) = run(lumatrace(&data_dir.0).args(set));
    assert!(done && text.contains("\"ratePerHour\":null"), "{text}");
    assert!(text.contains("\"rateBurst\":0"), "{text}");
    for (megapixels, shown) in [
        ("50", "\"maxMegapixels\":50"),
        ("default", "\"maxMegapixels\":null"),
    ] {
        let set = ["tenant", "set", "acme", "--max-megapixels", megapixels];
        let (done, text) = run(lumatrace(&data_dir.0).args(set));
        assert!(done && text.contains(shown), "{text}");
    }
    for megapixels in ["0", "65", "16.5", "none", ""] {
        let set = ["tenant", "set", "acme", "--max-megapixels", megapixels];
        let (done, text) = run(lumatrace(&data_dir.0).args(set));
        assert!(!done && text.contains("from 1 to 64, or default"), "{text}");
    }
    let (done, text) = run(lumatrace(&data_dir.0).args(["tenant", "set", "acme"]));
    assert!(!done && text.contains("--privacy"), "{text}");
    let (_, text) = run(lumatrace(&data_dir.0).args(["tenant", "list"]));
    assert!(text.contains("\"privacy\":\"strict\""), "{text}");
    assert_eq!(
        text.lines()
            .filter(|line| line.contains("\"tenantId\""))
            .count(),
        2,
        "{text}"
    );

    server.signal("-TERM");
    assert_eq!(server.wait(), 0, "a clean stop");
    // And without one.
    let (done, text) = run(lumatrace(&data_dir.0).args([
        "account",
        "create",
        "--tenant",
        "acme",
        "--username",
        "bob",
    ]));
    assert!(done && text.contains("\"password\""), "{text}");
    let (done, text) = run(lumatrace(&data_dir.0).args(["tenant", "suspend", "nowhere"]));
    assert!(
        !done && text.contains("there is no tenant nowhere"),
        "{text}"
    );
}

#[test]
fn two_servers_that_start_at_once_on_one_database_agree() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create());
    let data_dir = DataDir::new();
    let start = || {
        let mut command = lumatrace(&data_dir.0);
        command.env("DATABASE_URL", database.url());
        command.env("LUMATRACE_MASTER_KEY", MASTER_KEY);
        command.env("LUMATRACE_BOOTSTRAP_TENANT", "acme");
        command.env("LUMATRACE_BOOTSTRAP_USERNAME", "press");
        command.env("LUMATRACE_BOOTSTRAP_PASSWORD", "correct horse");
        std::thread::spawn(move || Server::start(command))
    };
    let (one, two) = (start(), start());
    let (one, two) = (one.join().unwrap(), two.join().unwrap());
    let body =
        json!({ "tenantId": "acme", "username": "press", "password": "correct horse" }).to_string();
    let (_, body) = curl(&[
        "-H",
        "content-type: application/json",
        "-d",
        &body,
        &format!("{}/api/v1/auth/login", one.url),
    ]);
    let body: Value = serde_json::from_slice(&body).unwrap();
    let token = format!("authorization: Bearer {}", body["token"].as_str().unwrap());
    for server in [&one, &two] {
        assert_eq!(
            curl(&["-H", &token, &format!("{}/api/v1/me", server.url)]).0,
            200
        );
    }
    curl(&[
        "-X",
        "POST",
        "-H",
        &token,
        &format!("{}/api/v1/auth/logout", one.url),
    ]);
    for server in [&one, &two] {
        assert_eq!(
            curl(&["-H", &token, &format!("{}/api/v1/me", server.url)]).0,
            401
        );
    }
}

#[test]
fn bad_settings_are_refused_in_one_sentence_that_names_them() {
    let data_dir = DataDir::new();
    let mut refused = 0;
    for (name, value) in [
        ("LUMATRACE_LISTEN", "nowhere"),
        ("LUMATRACE_WORKERS", "0"),
        ("LUMATRACE_TOKEN_TTL_SECONDS", "0"),
        ("LUMATRACE_MASTER_KEY", "short"),
        ("DATABASE_URL", "mysql://x"),
        ("LUMATRACE_BOOTSTRAP_TENANT", "acme"),
        ("LUMATRACE_LOG_FORMAT", "xml"),
        ("LUMATRACE_LOG", "=,="),
    ] {
        let mut command = lumatrace(&data_dir.0);
        // A database that is not there, so that nothing is started for a setting that comes after
        // it.
        if name != "LUMATRACE_MASTER_KEY" && name != "LUMATRACE_BOOTSTRAP_TENANT" {
            command.env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none");
        }
        let (served, text) = run(command.env(name, value));
        assert!(!served, "{name}");
        assert!(
            text.contains(name)
                || text.contains(
                    &name
                        .to_lowercase()
                        .replace("lumatrace_", "--")
                        .replace('_', "-")
                ),
            "{name}: {text}"
        );
        refused += 1;
    }
    assert_eq!(refused, 8);
}

#[test]
fn version_and_completions_are_told_without_a_database() {
    let folder = DataDir::new();
    let tell = |arguments: &[&str]| lumatrace(&folder.0).args(arguments).output().unwrap();
    let version = tell(&["--version"]);
    assert!(String::from_utf8_lossy(&version.stdout).starts_with("lumatrace 0."));
    let mut shells = 0;
    for (shell, sign) in [
        ("bash", "_lumatrace()"),
        ("zsh", "#compdef lumatrace"),
        ("fish", "complete -c lumatrace"),
    ] {
        let output = tell(&["completions", shell]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && text.contains(sign) && text.contains("max-megapixels"),
            "{shell}"
        );
        shells += 1;
    }
    assert_eq!(shells, 3);
    assert_eq!(tell(&["completions", "csh"]).status.code(), Some(2));
    assert!(!folder.0.exists(), "nothing was started");
}

#[test]
fn a_password_from_stdin_and_a_health_check_work() {
    let data_dir = DataDir::new();
    let server = Server::start(lumatrace(&data_dir.0));
    let mut child = lumatrace(&data_dir.0)
        .args([
            "account",
            "create",
            "--tenant",
            "demo",
            "--username",
            "eve",
            "--password-stdin",
        ])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"from standard input\n")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(!String::from_utf8_lossy(&output.stdout).contains("password"));
    let body = json!({ "tenantId": "demo", "username": "eve", "password": "from standard input" })
        .to_string();
    let login = format!("{}/api/v1/auth/login", server.url);
    assert_eq!(
        curl(&["-H", "content-type: application/json", "-d", &body, &login]).0,
        200
    );

    let port = server.url.rsplit(':').next().unwrap().to_owned();
    let listen = format!("127.0.0.1:{port}");
    assert!(
        run(lumatrace(&data_dir.0)
            .env("LUMATRACE_LISTEN", &listen)
            .arg("healthcheck"))
        .0
    );
    server.signal("-TERM");
    server.wait();
    std::thread::sleep(Duration::from_millis(50));
    assert!(
        !run(lumatrace(&data_dir.0)
            .env("LUMATRACE_LISTEN", &listen)
            .arg("healthcheck"))
        .0
    );
}
