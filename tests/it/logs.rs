//! The log: each line is what docs/operations.md says of it, and no line tells a secret.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::Stdio,
};

use serde_json::{Value, json};

use crate::{
    process::{DataDir, Server, curl, lumatrace, lumatrace_on},
    support::{PASSWORD, TestDatabase, pictures},
};

/// Names between backticks.
fn names(cell: &str) -> BTreeSet<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// What the documentation says of a line: its level, the fields that it always has, and those that
/// it may have.
struct Documented {
    level: String,
    always: BTreeSet<String>,
    sometimes: BTreeSet<String>,
}

/// The lines of requests, and all fields.
fn documented() -> (BTreeMap<String, Documented>, BTreeSet<String>) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("\n## Log\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let (mut lines, mut fields) = (BTreeMap::new(), BTreeSet::new());
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        if let [line, level, always, sometimes] = cells[..] {
            let documented = Documented {
                level: level.to_owned(),
                always: names(always),
                sometimes: names(sometimes),
            };
            lines.insert(line.trim_matches('`').to_owned(), documented);
        } else {
            fields.extend(names(cells[0]));
        }
    }
    (lines, fields)
}

/// Ends a server, and reads its log, each line of which is an object without objects inside.
fn log_of(mut server: Server) -> (String, Vec<BTreeMap<String, Value>>) {
    let mut log = BufReader::new(server.child.stderr.take().unwrap());
    server.signal("-TERM");
    let mut text = String::new();
    log.read_to_string(&mut text).unwrap();
    assert_eq!(server.wait(), 0);
    let lines: Vec<BTreeMap<String, Value>> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for line in &lines {
        assert!(
            !line
                .values()
                .any(|value| value.is_object() || value.is_array()),
            "{line:?}"
        );
    }
    (text, lines)
}

/// What a server logged that did each kind of work, and what of it must not be told.
fn walk() -> (String, Vec<BTreeMap<String, Value>>, Vec<String>) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create());
    let folder = DataDir::new();
    let mut command = lumatrace_on(&database, &folder);
    command
        .env("LUMATRACE_LOG_FORMAT", "json")
        .env("LUMATRACE_LOG", "warn,lumatrace=debug")
        .stderr(Stdio::piped());
    let server = Server::start(command);
    let url = |path: &str| format!("{}{path}", server.url);
    let json_type = "content-type: application/json";
    let login = |password: &str| {
        let body = json!({ "tenantId": "acme", "username": "press", "password": password });
        curl(&[
            "-H",
            json_type,
            "-d",
            &body.to_string(),
            &url("/api/v1/auth/login"),
        ])
    };
    assert_eq!(login("CANARY-wrong-password").0, 401);
    let (status, body) = login(PASSWORD);
    assert_eq!(status, 200);
    let body: Value = serde_json::from_slice(&body).unwrap();
    let token = body["token"].as_str().unwrap().to_owned();
    let bearer = format!("authorization: Bearer {token}");

    let picture = folder.0.join("CANARY-file.png");
    fs::create_dir_all(&folder.0).unwrap();
    fs::write(&picture, pictures::png(&pictures::scene(320, 240, 77))).unwrap();
    let image = format!("image=@{}", picture.display());
    let told = r#"request={"latitude":47.123456,"longitude":8.654321,"deviceModel":"CANARY-camera","label":"CANARY-label","externalId":"CANARY-id"};type=application/json"#;
    let head = folder.0.join("head");
    let (status, protected) = curl(&[
        "-H",
        &bearer,
        "-H",
        "idempotency-key: CANARY-key",
        "-F",
        &image,
        "-F",
        told,
        "-D",
        head.to_str().unwrap(),
        &url("/api/v1/photos/protect"),
    ]);
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&protected));
    let head = fs::read_to_string(head).unwrap();
    let photo = head
        .lines()
        .find_map(|line| line.strip_prefix("x-photo-id: "))
        .unwrap()
        .to_owned();
    let again = [
        "-H",
        &bearer,
        "-H",
        "idempotency-key: CANARY-key",
        "-F",
        &image,
        "-F",
        told,
    ];
    assert_eq!(
        curl(&[&again[..], &[&url("/api/v1/photos/protect")]].concat()).0,
        200
    );
    let id = format!("photoId={photo}");
    assert_eq!(
        curl(&[
            "-H",
            &bearer,
            "-F",
            &image,
            "-F",
            &id,
            &url("/api/v1/photos/verify")
        ])
        .0,
        200
    );
    assert_eq!(
        curl(&["-H", &bearer, "-F", &image, &url("/api/v1/photos/identify")]).0,
        200
    );
    let body = r#"{"latitude":47.123456,"longitude":8.654321}"#;
    let register = url("/api/v1/photos/register");
    let (status, text) = curl(&["-H", &bearer, "-H", json_type, "-d", body, &register]);
    assert!(
        (200..300).contains(&status),
        "{}",
        String::from_utf8_lossy(&text)
    );
    assert_eq!(
        curl(&[
            "-H",
            "authorization: Bearer CANARY-token",
            &url("/api/v1/me")
        ])
        .0,
        401
    );
    assert_eq!(curl(&[&url("/CANARY-path?token=CANARY-query")]).0, 404);
    for probe in ["/livez", "/readyz", "/api/v1/health"] {
        assert_eq!(curl(&[&url(probe)]).0, 200);
    }
    let one = url(&format!("/api/v1/photos/{photo}"));
    let label = r#"{"label":"CANARY-other-label"}"#;
    let change = ["-X", "PATCH", "-H", &bearer, "-H", json_type, "-d", label];
    assert_eq!(curl(&[&change[..], &[&one]].concat()).0, 200);
    assert_eq!(curl(&["-X", "DELETE", "-H", &bearer, &one]).0 / 100, 2);
    let logout = url("/api/v1/auth/logout");
    assert_eq!(curl(&["-X", "POST", "-H", &bearer, &logout]).0 / 100, 2);
    let secrets = ["CANARY", "47.1234", "8.6543", PASSWORD, &token];
    let secrets = secrets.map(str::to_owned).to_vec();
    let (text, lines) = log_of(server);
    (text, lines, secrets)
}

#[test]
fn each_kind_of_line_has_exactly_the_fields_that_are_documented_and_tells_no_secret() {
    let (text, lines, secrets) = walk();
    for secret in &secrets {
        assert!(!text.contains(secret.as_str()), "{secret} is told:\n{text}");
    }
    let (kinds, fields) = documented();
    let common = ["timestamp", "level", "target", "message"];
    let of_request = ["request.id", "trace.id", "http.method", "http.route"];
    let mut seen = BTreeSet::new();
    for line in &lines {
        let has: BTreeSet<String> = line.keys().cloned().collect();
        let unknown: Vec<_> = has.difference(&fields).collect();
        assert!(unknown.is_empty(), "{unknown:?} of {line:?}");
        let message = line["message"].as_str().unwrap();
        let Some(kind) = kinds.get(message) else {
            continue;
        };
        let must = common
            .iter()
            .chain(&of_request)
            .map(|&name| name.to_owned());
        let must: BTreeSet<String> = must.chain(kind.always.iter().cloned()).collect();
        let missing: Vec<_> = must.difference(&has).collect();
        assert!(missing.is_empty(), "{missing:?} of {line:?}");
        let more: Vec<&String> = has
            .iter()
            .filter(|&name| {
                !must.contains(name) && !kind.sometimes.contains(name) && name != "tenant.id"
            })
            .collect();
        assert!(more.is_empty(), "{more:?} of {line:?}");
        let probe = ["/livez", "/readyz", "/api/v1/health"]
            .iter()
            .any(|probe| line["http.route"] == *probe);
        let level = if probe { "DEBUG" } else { &kind.level };
        assert_eq!(line["level"], level, "{line:?}");
        seen.insert(message.to_owned());
    }
    let unseen: Vec<&String> = kinds.keys().filter(|kind| !seen.contains(*kind)).collect();
    // These take a fault, a hang-up or a crash.
    let not_here = [
        "failed",
        "the client went away",
        "took over work that was left undone",
    ];
    assert_eq!(unseen, not_here);
}

#[test]
fn there_is_one_access_line_a_request_with_the_figures_of_its_image() {
    let (_, lines, _) = walk();
    let access: Vec<_> = lines
        .iter()
        .filter(|line| line["message"] == "answered")
        .collect();
    assert_eq!(access.len(), 15, "{access:?}");
    let of = |route: &str| -> Vec<_> {
        let route = Value::from(route);
        access
            .iter()
            .filter(|line| line["http.route"] == route)
            .collect()
    };
    let images = ["protect", "protect", "verify", "identify"];
    let images = images.map(|name| format!("/api/v1/photos/{name}"));
    let mut told = 0;
    for line in images
        .iter()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .flat_map(|route| of(route))
    {
        assert_eq!(line["image.format"], "png", "{line:?}");
        assert_eq!(line["image.megapixels"], 0.08, "{line:?}");
        assert!(
            line["queue_wait_ms"]
                .as_u64()
                .is_some_and(|wait| wait < 60_000)
        );
        assert!(line["bytes_in"].as_u64() > Some(10_000), "{line:?}");
        assert!(line["bytes_out"].as_u64() > Some(10), "{line:?}");
        assert_eq!(line["tenant.id"], "acme");
        told += 1;
    }
    assert_eq!(told, images.len());
    let traces: BTreeSet<_> = access
        .iter()
        .map(|line| line["trace.id"].to_string())
        .collect();
    assert_eq!(traces.len(), access.len(), "a trace for each: {traces:?}");
    let me = of("/api/v1/me");
    assert_eq!(
        (&me[0]["http.status"], &me[0]["error.code"]),
        (&json!(401), &json!("AUTH_INVALID"))
    );
    assert_eq!(of("unmatched")[0]["error.code"], "NOT_FOUND");
    assert!(of("/livez")[0].get("error.code").is_none());
}

#[test]
fn settings_that_are_unknown_are_named_once_and_wrong_numbers_with_their_range() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create());
    let folder = DataDir::new();
    let mut command = lumatrace_on(&database, &folder);
    command
        .env("LUMATRACE_WORKER", "SECRET")
        .env("LUMATRACE_COFFEE", "SECRET")
        .stderr(Stdio::piped());
    let mut server = Server::start(command);
    let log = BufReader::new(server.child.stderr.take().unwrap());
    server.signal("-TERM");
    let lines: Vec<String> = log.lines().map(Result::unwrap).collect();
    let named: Vec<&String> = lines
        .iter()
        .filter(|line| line.contains("unknown settings"))
        .collect();
    let [named] = named[..] else {
        panic!("{lines:?}")
    };
    let list = "LUMATRACE_COFFEE, LUMATRACE_WORKER (is LUMATRACE_WORKERS meant?)";
    assert!(named.contains(" WARN ") && named.ends_with(list), "{named}");
    assert!(!lines.iter().any(|line| line.contains("SECRET")));

    let mut tried = 0;
    for (flag, value, range) in [
        ("--workers", "0", "a whole number from 1 to 1024"),
        ("--workers", "two", "a whole number from 1 to 1024"),
        ("--queue", "-1", "a whole number from 0 to 100000"),
        ("--connections", "0", "a whole number from 1 to 1048576"),
        (
            "--database-connections",
            "1001",
            "a whole number from 1 to 1000",
        ),
        (
            "--token-ttl-seconds",
            "0",
            "a whole number from 1 to 31536000",
        ),
        ("--rate-burst", "1.5", "a whole number from 0 to 1000000000"),
        (
            "--login-burst",
            "4294967296",
            "a whole number from 0 to 4294967295",
        ),
        ("--otlp-endpoint", "collector:4318", "http://host:port"),
        (
            "--otlp-endpoint",
            "http://me:SECRET@collector:4318",
            "no password",
        ),
    ] {
        let output = lumatrace(&folder.0)
            .arg(format!("{flag}={value}"))
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{flag} {value}: {error}");
        assert!(
            error.contains(range) && error.contains(flag),
            "{flag} {value}: {error}"
        );
        tried += 1;
    }
    assert_eq!(tried, 10);
}
