//! Metrics: what they count, and what they never tell.

use std::{
    io::{BufRead, BufReader},
    process::{ChildStderr, Stdio},
    time::Duration,
};

use lumatrace::app::{self, Background};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::{
    process::{DataDir, Server, curl, lumatrace},
    support::{App, MASTER_KEY, TestDatabase},
};

/// Waits for the log line that names the metrics' address. The reader must live as long as the
/// server writes.
fn metrics_url(log: &mut BufReader<ChildStderr>) -> String {
    let mut line = String::new();
    while log.read_line(&mut line).unwrap() > 0 {
        if let Some((_, url)) = line.trim_end().split_once("metrics on ") {
            return url.to_owned();
        }
        line.clear();
    }
    panic!("the log does not name the metrics' address");
}

fn scrape(url: &str) -> String {
    let (status, text) = curl(&[url]);
    assert_eq!(status, 200);
    String::from_utf8(text).unwrap()
}

/// The value of a series; 0 while it has not been counted.
fn value(text: &str, series: &str) -> f64 {
    let found = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    found.map_or(0.0, |number| number.parse().unwrap())
}

#[test]
fn a_scrape_of_a_real_server_sees_numbers_move_and_no_names() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create());
    let folder = DataDir::new();
    let mut command = lumatrace(&folder.0);
    command
        .env("DATABASE_URL", database.url())
        .env("LUMATRACE_MASTER_KEY", MASTER_KEY)
        .env("LUMATRACE_METRICS_LISTEN", "127.0.0.1:0")
        .env("LUMATRACE_BOOTSTRAP_TENANT", "some-tenant")
        .env("LUMATRACE_BOOTSTRAP_USERNAME", "some-account")
        .env("LUMATRACE_BOOTSTRAP_PASSWORD", "correct horse")
        .stderr(Stdio::piped());
    let mut server = Server::start(command);
    let mut log = BufReader::new(server.child.stderr.take().unwrap());
    let metrics = metrics_url(&mut log);
    let api = server.url.clone();

    let before = scrape(&metrics);
    let login = |password: &str| {
        let body =
            json!({ "tenantId": "some-tenant", "username": "some-account", "password": password });
        let (json, body) = ("content-type: application/json", body.to_string());
        let url = format!("{api}/api/v1/auth/login");
        curl(&["-H", json, "-d", &body, &url])
    };
    assert_eq!(login("wrong horse").0, 401);
    let (status, body) = login("correct horse");
    assert_eq!(status, 200);
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let token = format!("authorization: Bearer {}", body["token"].as_str().unwrap());
    let photo = "0190a1b2-0000-7000-8000-000000000000";
    for path in ["api/v1/photos", "some-tenant"] {
        let url = format!("{api}/{path}/{photo}");
        assert_eq!(curl(&["-H", &token, &url]).0, 404);
    }
    assert_eq!(curl(&["-X", "BREW", &format!("{api}/livez")]).0, 405);
    let after = scrape(&metrics);

    let mut moved = 0;
    for (series, by) in [
        (
            r#"lumatrace_http_requests_total{route="/api/v1/auth/login",method="POST",status="200"}"#,
            1.0,
        ),
        (
            r#"lumatrace_http_requests_total{route="/api/v1/auth/login",method="POST",status="401"}"#,
            1.0,
        ),
        (
            r#"lumatrace_http_requests_total{route="/api/v1/photos/{photoId}",method="GET",status="404"}"#,
            1.0,
        ),
        (
            r#"lumatrace_http_requests_total{route="unmatched",method="GET",status="404"}"#,
            1.0,
        ),
        (
            r#"lumatrace_http_requests_total{route="/livez",method="other",status="405"}"#,
            1.0,
        ),
        (
            r#"lumatrace_http_request_duration_seconds_count{route="/api/v1/auth/login"}"#,
            2.0,
        ),
        (
            r#"lumatrace_http_request_duration_seconds_bucket{route="/api/v1/auth/login",le="60"}"#,
            2.0,
        ),
        (r#"lumatrace_refusals_total{code="AUTH_FAILED"}"#, 1.0),
        (r#"lumatrace_refusals_total{code="NOT_FOUND"}"#, 2.0),
        (
            r#"lumatrace_refusals_total{code="METHOD_NOT_ALLOWED"}"#,
            1.0,
        ),
    ] {
        let change = value(&after, series) - value(&before, series);
        assert!((change - by).abs() < 1e-9, "{series}: {change} in\n{after}");
        moved += 1;
    }
    assert_eq!(moved, 10);
    for series in [
        "lumatrace_http_requests_in_flight 0",
        r#"lumatrace_image_jobs{state="running"} 0"#,
        r#"lumatrace_image_jobs{state="waiting"} 0"#,
    ] {
        assert!(
            after.lines().any(|line| line == series),
            "{series}: {after}"
        );
    }
    for name in ["some-tenant", "some-account", photo, "BREW"] {
        assert!(!after.contains(name), "{name} is told:\n{after}");
    }

    // Each listener has its own paths.
    assert_eq!(curl(&[&format!("{api}/metrics")]).0, 404);
    assert_eq!(curl(&[&metrics.replace("/metrics", "/livez")]).0, 404);

    server.signal("-TERM");
    assert_eq!(server.wait(), 0, "a clean stop");
}

#[test]
fn an_address_that_is_taken_is_refused_by_name() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = DataDir::new();
    let output = lumatrace(&folder.0)
        .env("DATABASE_URL", database.url())
        .env("LUMATRACE_MASTER_KEY", MASTER_KEY)
        .env(
            "LUMATRACE_METRICS_LISTEN",
            taken.local_addr().unwrap().to_string(),
        )
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("LUMATRACE_METRICS_LISTEN"), "{error}");
    assert!(output.stdout.is_empty(), "nothing listens");
}

#[tokio::test]
async fn idle_connections_make_others_wait_and_do_not_hold_up_the_stop() {
    let app = App::spawn().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut background = Background::default();
    background.spawn("metrics", |stopping| {
        app::serve_metrics(listener, app.ctx.clone(), stopping)
    });
    let mut idle = Vec::new();
    for _ in 0..16 {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    let mut asking = TcpStream::connect(address).await.unwrap();
    let request = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";
    asking.write_all(request).await.unwrap();
    let mut answer = String::new();
    let early = timeout(
        Duration::from_millis(200),
        asking.read_to_string(&mut answer),
    );
    assert!(early.await.is_err(), "all places are taken: {answer}");
    idle.pop();
    // To the end, because the server closes a connection after one answer.
    asking.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("lumatrace_http_requests_in_flight 0"));
    timeout(Duration::from_secs(2), background.stop())
        .await
        .expect("a prompt stop");
    drop(idle);
}
