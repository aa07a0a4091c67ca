//! Traces: a client's trace is taken over, and a collector is told of it, or is no trouble.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::Stdio,
    sync::mpsc,
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value as Attribute,
    trace::v1::Span,
};
use prost::Message;
use serde_json::{Value, json};

use crate::{
    backup::login,
    process::{DataDir, Server, curl, lumatrace_on},
    support::{PASSWORD, TestDatabase, pictures},
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// Reads one request of HTTP/1.1: its first line, and its body.
fn request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end().to_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((first, body))
}

/// A collector: its address, and the spans that it was sent.
fn collector() -> (String, mpsc::Receiver<Vec<Span>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (send, spans) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            while let Some((first, body)) = request(&mut stream) {
                assert!(first.starts_with("POST /v1/traces "), "{first}");
                let received = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
                let scopes = received
                    .resource_spans
                    .into_iter()
                    .flat_map(|one| one.scope_spans);
                let batch = scopes.flat_map(|scope| scope.spans).collect();
                if send.send(batch).is_err() {
                    return;
                }
                let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(answer.as_bytes()).unwrap();
            }
        }
    });
    (address, spans)
}

/// A server that sends its traces to `collector`.
fn serve(database: &TestDatabase, folder: &DataDir, collector: &str) -> Server {
    let mut command = lumatrace_on(database, folder);
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
        .env("LUMATRACE_LOG_FORMAT", "json")
        .stderr(Stdio::piped());
    Server::start(command)
}

/// Logs in and protects a picture as part of a trace; returns how long that took.
fn protect(server: &Server, folder: &DataDir) -> Duration {
    let began = Instant::now();
    let (status, bearer) = login(&server.url, "acme");
    assert_eq!(status, 200);
    std::fs::create_dir_all(&folder.0).unwrap();
    let picture = folder.0.join("picture.png");
    std::fs::write(&picture, pictures::png(&pictures::scene(320, 240, 78))).unwrap();
    let (status, body) = curl(&[
        "-H",
        &bearer,
        "-H",
        &format!("traceparent: 00-{TRACE}-{PARENT}-01"),
        "-H",
        "x-request-id: f00d-1",
        "-F",
        &format!("image=@{}", picture.display()),
        &format!("{}/api/v1/photos/protect", server.url),
    ]);
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    began.elapsed()
}

/// Stops a server; returns its log, and how long the stop took.
fn stop(mut server: Server) -> (Vec<Value>, Duration) {
    let log = BufReader::new(server.child.stderr.take().unwrap());
    let began = Instant::now();
    server.signal("-TERM");
    let lines = log
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap());
    let lines = lines.collect();
    assert_eq!(server.wait(), 0);
    (lines, began.elapsed())
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

fn attributes(span: &Span) -> Vec<(String, String)> {
    let mut all: Vec<_> = span
        .attributes
        .iter()
        .map(|attribute| {
            let value = match attribute.value.clone().unwrap().value.unwrap() {
                Attribute::StringValue(text) => text,
                Attribute::IntValue(number) => number.to_string(),
                other => panic!("{other:?}"),
            };
            (attribute.key.clone(), value)
        })
        .collect();
    all.sort();
    all
}

#[test]
fn a_collector_receives_the_spans_of_a_call_below_those_of_its_client() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create());
    let folder = DataDir::new();
    let (address, spans) = collector();
    let server = serve(&database, &folder, &address);
    for _ in 0..4 {
        protect(&server, &folder);
    }
    let (log, _) = stop(server);
    let spans: Vec<Span> = spans.try_iter().flatten().collect();
    for name in ["POST /api/v1/photos/protect", "image work"] {
        let all = spans.iter().filter(|span| span.name == name);
        assert_eq!(all.count(), 4, "no span is lost: {name}");
    }
    let named = |name: &str| -> &Span {
        let found = spans.iter().find(|span| span.name == name);
        found.unwrap_or_else(|| panic!("{name} in {spans:?}"))
    };
    let request = named("POST /api/v1/photos/protect");
    assert_eq!(hex(&request.trace_id), TRACE);
    assert_eq!(hex(&request.parent_span_id), PARENT);
    let pairs = |all: &[(&str, &str)]| -> Vec<(String, String)> {
        all.iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    assert_eq!(
        attributes(request),
        pairs(&[
            ("http.request.method", "POST"),
            ("http.response.status_code", "200"),
            ("http.route", "/api/v1/photos/protect"),
            ("request.id", "f00d-1"),
        ])
    );
    let children = ["wait for a worker", "image work"].map(|name| {
        let of_request = |span: &&Span| span.name == name && span.parent_span_id == request.span_id;
        spans.iter().find(of_request).unwrap()
    });
    for child in children {
        assert_eq!(hex(&child.trace_id), TRACE);
    }
    assert_eq!(
        attributes(named("image work")),
        pairs(&[("image.format", "png"), ("operation", "protect")])
    );
    let login = named("POST /api/v1/auth/login");
    assert!(
        login.parent_span_id.is_empty(),
        "a trace of its own: {login:?}"
    );
    for span in &spans {
        assert!(span.events.is_empty(), "{span:?}");
    }
    // The log tells the same traces, and has none of these spans.
    let traces: Vec<&str> = log
        .iter()
        .filter(|line| line["message"] == "answered")
        .map(|line| line["trace.id"].as_str().unwrap())
        .collect();
    assert_eq!(traces[..2], [hex(&login.trace_id).as_str(), TRACE]);
    assert_eq!(traces.len(), 8);
    let text = Value::from(log).to_string();
    assert!(
        !text.contains("otel.") && !text.contains("http.request.method"),
        "{text}"
    );
}

#[test]
fn a_collector_that_is_down_or_never_answers_slows_nothing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let addresses = [&silent, &closed].map(|one| format!("http://{}", one.local_addr().unwrap()));
    drop(closed);
    for address in addresses {
        let database = runtime.block_on(TestDatabase::create());
        let folder = DataDir::new();
        let server = serve(&database, &folder, &address);
        protect(&server, &folder);
        // More than the queue of spans holds.
        let (client, probe) = (
            reqwest::blocking::Client::new(),
            format!("{}/livez", server.url),
        );
        let began = Instant::now();
        for _ in 0..2500 {
            assert_eq!(client.get(&probe).send().unwrap().status(), 200);
        }
        let took = began.elapsed();
        let (log, stopped) = stop(server);
        println!("{address}: 2500 calls {took:?}, stop {stopped:?}");
        assert!(took < Duration::from_secs(100), "{took:?}");
        assert!(stopped < Duration::from_secs(5), "{stopped:?}");
        let failed = log.iter().filter(|line| line["level"] == "ERROR").count();
        assert_eq!(failed, 0, "{log:?}");
        let told = log
            .iter()
            .filter(|line| line["message"].as_str().unwrap().contains("traces"));
        assert!((1..=2).contains(&told.count()), "it is told: {log:?}");
    }
}

/// Measures. The servers take turns, so that what else the machine does hits all of them alike.
#[test]
#[ignore = "measures; run it alone: --ignored --nocapture"]
fn what_the_access_line_and_traces_cost() {
    const ROUNDS: usize = 10;
    const CALLS: usize = 200;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create());
    let (address, spans) = collector();
    let folder = DataDir::new();
    let start = |log: &str, collector: Option<&str>| {
        let mut command = lumatrace_on(&database, &folder);
        command
            .env("LUMATRACE_LOG", log)
            .env("LUMATRACE_LOG_FORMAT", "json")
            .env("LUMATRACE_RATE_PER_SECOND", "0")
            .env("LUMATRACE_RATE_PER_HOUR", "0");
        if let Some(collector) = collector {
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector);
        }
        Server::start(command)
    };
    let usual = "warn,lumatrace=info";
    let servers = [
        ("nothing", start("off", None)),
        ("access line", start(usual, None)),
        ("access line and traces", start(usual, Some(&address))),
    ];
    let client = reqwest::blocking::Client::new();
    let body = json!({ "tenantId": "acme", "username": "press", "password": PASSWORD });
    let login = client
        .post(format!("{}/api/v1/auth/login", servers[0].1.url))
        .json(&body);
    let login: Value = login.send().unwrap().json().unwrap();
    let token = login["token"].as_str().unwrap();
    let cpu_seconds = |server: &Server| -> f64 {
        let times = std::fs::read_to_string(format!("/proc/{}/stat", server.child.id())).unwrap();
        let (_, fields) = times.rsplit_once(')').unwrap();
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
        (ticks(11) + ticks(12)) / 100.0
    };
    let before: Vec<f64> = servers
        .iter()
        .map(|(_, server)| cpu_seconds(server))
        .collect();
    let mut took = vec![Vec::new(); servers.len()];
    for _ in 0..ROUNDS {
        for ((_, server), took) in servers.iter().zip(&mut took) {
            for _ in 0..CALLS {
                let began = Instant::now();
                let call = client
                    .get(format!("{}/api/v1/me", server.url))
                    .bearer_auth(token);
                assert_eq!(call.send().unwrap().status(), 200);
                took.push(began.elapsed());
            }
        }
    }
    for (((name, server), before), mut took) in servers.iter().zip(before).zip(took) {
        took.sort();
        let cpu = (cpu_seconds(server) - before) / (ROUNDS * CALLS) as f64;
        let median = took[took.len() / 2];
        println!(
            "{name}: median {median:?}, {:.1} us of CPU a call",
            cpu * 1e6
        );
    }
    println!("{} spans", spans.try_iter().flatten().count());
}
