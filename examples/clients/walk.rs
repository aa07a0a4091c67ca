//! The walk of a client in Rust: login, protect, verify, logout.
//!
//! ```sh
//! script/cargo run --example walk -- PHOTO
//! ```
//!
//! `LUMATRACE_URL`, `LUMATRACE_TENANT`, `LUMATRACE_USERNAME` and `LUMATRACE_PASSWORD` say where and
//! whom. Protects under an `Idempotency-Key`, so that sending again after a broken connection
//! cannot protect twice.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program for the terminal, which reads its own settings"
)]

use std::{env, error::Error, fs, thread, time::Duration};

use reqwest::{
    StatusCode,
    blocking::{
        Client, RequestBuilder, Response,
        multipart::{Form, Part},
    },
    header::{HeaderMap, RETRY_AFTER},
};
use serde_json::{Value, json};
use uuid::Uuid;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const TRIES: u32 = 5;

fn main() -> Result<()> {
    let file = env::args().nth(1).ok_or("usage: walk PHOTO")?;
    let photo = fs::read(file)?;
    let url = env::var("LUMATRACE_URL").unwrap_or_else(|_| "http://127.0.0.1:8081".to_owned());
    let client = Client::builder().timeout(Duration::from_mins(2)).build()?;
    let post = |path: &str| client.post(format!("{url}/api/v1{path}"));

    let account = json!({
        "tenantId": env::var("LUMATRACE_TENANT")?,
        "username": env::var("LUMATRACE_USERNAME")?,
        "password": env::var("LUMATRACE_PASSWORD")?,
    });
    let (_, login) = send(|| Ok(post("/auth/login").json(&account)))?;
    let login: Value = serde_json::from_slice(&login)?;
    let token = login["token"].as_str().ok_or("no token")?;

    let key = Uuid::new_v4().to_string();
    let (headers, file) = send(|| {
        let form = Form::new()
            .part("image", Part::bytes(photo.clone()).file_name("photo"))
            .text("request", json!({ "deviceModel": "walk.rs" }).to_string());
        let request = post("/photos/protect").bearer_auth(token);
        Ok(request.header("Idempotency-Key", &key).multipart(form))
    })?;
    let id = text(&headers, "x-photo-id")?;
    let psnr = text(&headers, "x-watermark-psnr")?;
    println!("protected {id}, {psnr} dB, {} bytes", file.len());

    let (_, verdict) = send(|| {
        let form = Form::new()
            .part("image", Part::bytes(file.clone()).file_name("photo"))
            .text("photoId", id.clone());
        Ok(post("/photos/verify").bearer_auth(token).multipart(form))
    })?;
    let verdict: Value = serde_json::from_slice(&verdict)?;
    let word = |name: &str| verdict[name].as_str().unwrap_or_default();
    println!(
        "verify: authentic {}, {}, {}",
        verdict["authentic"],
        word("verdict"),
        word("message")
    );
    let credentials = &verdict["c2pa"];
    println!(
        "content credentials: {}, {}, {}",
        word("c2paStatus"),
        credentials["trust"],
        credentials["manifestId"]
    );
    send(|| Ok(post("/auth/logout").bearer_auth(token)))?;
    if verdict["authentic"] == true && word("verdict") == "INTACT" {
        Ok(())
    } else {
        Err("the protected file should be authentic and intact".into())
    }
}

/// Sends a request and reads the answer; again after a lost connection, 409 in progress, 429 or
/// 503, when the server says so.
fn send(request: impl Fn() -> Result<RequestBuilder>) -> Result<(HeaderMap, Vec<u8>)> {
    for attempt in 0..TRIES {
        let read = |answer: Response| {
            let (status, headers) = (answer.status(), answer.headers().clone());
            Ok((status, headers, answer.bytes()?.to_vec()))
        };
        let (status, headers, content) = match request()?.send().and_then(read) {
            Err(_) if attempt + 1 < TRIES => {
                thread::sleep(Duration::from_secs(1 << attempt));
                continue;
            }
            answer => answer?,
        };
        let again = [
            StatusCode::CONFLICT,
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::SERVICE_UNAVAILABLE,
        ];
        if status.is_success() {
            return Ok((headers, content));
        }
        if let (true, Ok(wait)) = (
            again.contains(&status),
            text(&headers, RETRY_AFTER.as_str()),
        ) {
            thread::sleep(Duration::from_secs(wait.parse()?));
            continue;
        }
        let problem: Value = serde_json::from_slice(&content)?;
        let part = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
        let [code, message, action, id] = ["code", "message", "action", "traceId"].map(part);
        return Err(format!("{code}: {message} ({action}) traceId {id}").into());
    }
    Err(format!("no answer after {TRIES} tries").into())
}

fn text(headers: &HeaderMap, name: &str) -> Result<String> {
    let value = headers.get(name).ok_or_else(|| format!("no {name}"))?;
    Ok(value.to_str()?.to_owned())
}
