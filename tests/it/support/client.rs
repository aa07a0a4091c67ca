//! A client of the router, with what its users send: JSON, forms, tokens.

use std::{
    fmt,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    http::{HeaderMap, HeaderValue, Method, Request},
    response::Response,
};
use lumatrace::http::ErrorCode;
use serde_json::Value;
use tower::ServiceExt;

use super::App;

/// Sends requests straight into the router.
#[derive(Clone)]
pub(crate) struct Client {
    router: Router,
    token: Option<String>,
    idempotency_key: Option<HeaderValue>,
}

/// One part of a form.
pub(crate) struct Part<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// The file name, for files.
    pub(crate) file: Option<&'a str>,
    /// Its declared type.
    pub(crate) kind: Option<&'a str>,
    /// What it holds.
    pub(crate) content: &'a [u8],
}

impl<'a> Part<'a> {
    /// The image, as curl sends it.
    pub(crate) fn image(content: &'a [u8]) -> Self {
        let kind = Some("application/octet-stream");
        Self {
            name: "image",
            file: Some("photo.bin"),
            kind,
            content,
        }
    }

    /// A text part.
    pub(crate) fn text(name: &'a str, content: &'a str) -> Self {
        Self {
            name,
            file: None,
            kind: None,
            content: content.as_bytes(),
        }
    }
}

/// What came back.
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Bytes,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(&self.body[..self.body.len().min(1000)]);
        write!(f, "{} {text}", self.status)
    }
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// A header as text; empty when it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts that this is the error of that code, in the shape that all errors have, and returns
    /// it.
    #[track_caller]
    pub(crate) fn problem(&self, code: ErrorCode) -> Value {
        let row = code.row();
        assert_eq!(self.status, row.status.as_u16(), "{self:?}");
        let body = self.json();
        assert_eq!(body["code"], row.code, "{self:?}");
        assert_eq!(body["status"], self.status, "{self:?}");
        assert_eq!(body["traceId"], self.header("x-request-id"), "{self:?}");
        for member in ["message", "action", "type", "title", "detail", "instance"] {
            assert!(
                body[member].as_str().is_some_and(|text| !text.is_empty()),
                "{member}: {self:?}"
            );
        }
        assert!(body["errors"].is_array(), "{self:?}");
        if self.status == 401 {
            assert!(
                self.header("www-authenticate").starts_with("Bearer"),
                "{self:?}"
            );
        }
        if self.status == 503 {
            assert!(
                self.header("retry-after").parse::<u32>().is_ok(),
                "{self:?}"
            );
        }
        body
    }
}

impl Client {
    /// A client of `router`.
    pub(crate) fn new(router: Router, token: Option<String>) -> Self {
        Self {
            router,
            token,
            idempotency_key: None,
        }
    }

    /// The same client at another server, of the same database.
    pub(crate) fn at(&self, app: &App) -> Self {
        Self {
            router: app.anonymous().router,
            ..self.clone()
        }
    }

    /// The same client, whose requests carry this `Idempotency-Key`.
    pub(crate) fn under(&self, key: impl AsRef<[u8]>) -> Self {
        Self {
            idempotency_key: Some(HeaderValue::from_bytes(key.as_ref()).unwrap()),
            ..self.clone()
        }
    }

    /// The token that it sends.
    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Sends a request as it is, with the token added.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.respond(request).await;
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let answer = Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        };
        assert!(!answer.header("x-request-id").is_empty(), "{answer:?}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        answer
    }

    /// The same, and leaves the body of the answer to be read.
    pub(crate) async fn respond(&self, mut request: Request<Body>) -> Response {
        let headers = request.headers_mut();
        headers
            .entry("host")
            .or_insert(HeaderValue::from_static("lumatrace.test"));
        if let Some(token) = &self.token {
            let value = format!("Bearer {token}").parse().unwrap();
            request.headers_mut().insert("authorization", value);
        }
        if let Some(key) = &self.idempotency_key {
            request.headers_mut().insert("idempotency-key", key.clone());
        }
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// A request without a body.
    pub(crate) async fn call(&self, method: &Method, path: &str) -> Answer {
        self.send(
            Request::builder()
                .method(method)
                .uri(path)
                .body(Body::empty())
                .unwrap(),
        )
        .await
    }

    /// GET.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(&Method::GET, path).await
    }

    /// PATCH of JSON.
    pub(crate) async fn patch_json(&self, path: &str, body: &Value) -> Answer {
        let request = Request::patch(path).header("content-type", "application/json");
        let body = Body::from(body.to_string());
        self.send(request.body(body).unwrap()).await
    }

    /// POST of JSON.
    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.post_bytes(path, "application/json", body.to_string().into())
            .await
    }

    /// POST of anything.
    pub(crate) async fn post_bytes(&self, path: &str, kind: &str, body: Bytes) -> Answer {
        let request = Request::post(path)
            .header("content-type", kind)
            .header("content-length", body.len())
            .body(Body::from(body));
        self.send(request.unwrap()).await
    }

    /// POST of a form.
    pub(crate) async fn post_form(&self, path: &str, parts: &[Part<'_>]) -> Answer {
        let mut body = Vec::new();
        for part in parts {
            body.extend_from_slice(b"--boundary\r\ncontent-disposition: form-data; name=\"");
            body.extend_from_slice(part.name.as_bytes());
            body.extend_from_slice(b"\"");
            if let Some(file) = part.file {
                body.extend_from_slice(format!("; filename=\"{file}\"").as_bytes());
            }
            if let Some(kind) = part.kind {
                body.extend_from_slice(format!("\r\ncontent-type: {kind}").as_bytes());
            }
            body.extend_from_slice(b"\r\n\r\n");
            body.extend_from_slice(part.content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--boundary--\r\n");
        self.post_bytes(path, "multipart/form-data; boundary=boundary", body.into())
            .await
    }

    /// Asserts that the token is refused as revoked within a second, and returns how long that
    /// took.
    pub(crate) async fn is_refused_within_a_second(&self) -> Duration {
        let started = Instant::now();
        loop {
            let answer = self.get("/api/v1/me").await;
            if answer.status != 200 {
                answer.problem(ErrorCode::AuthRevoked);
                return started.elapsed();
            }
            assert!(started.elapsed() < Duration::from_secs(1), "{answer:?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Asserts that the token is let in again within a second.
    pub(crate) async fn is_let_in_within_a_second(&self) {
        let started = Instant::now();
        while self.get("/api/v1/me").await.status != 200 {
            assert!(started.elapsed() < Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Protects an image; it must succeed.
    #[track_caller]
    pub(crate) fn protect(&self, image: &[u8]) -> impl Future<Output = Answer> {
        let (client, image) = (self.clone(), image.to_vec());
        async move {
            let answer = client
                .post_form("/api/v1/photos/protect", &[Part::image(&image)])
                .await;
            assert_eq!(answer.status, 200, "{answer:?}");
            answer
        }
    }

    /// Verifies an image against a photo id.
    pub(crate) async fn verify(&self, image: &[u8], photo: &str) -> Answer {
        let parts = [Part::image(image), Part::text("photoId", photo)];
        self.post_form("/api/v1/photos/verify", &parts).await
    }

    /// The same under a policy, which stands first in the form.
    pub(crate) async fn verify_under(&self, policy: &str, image: &[u8], photo: &str) -> Answer {
        let parts = [
            Part::text("policy", policy),
            Part::text("photoId", photo),
            Part::image(image),
        ];
        self.post_form("/api/v1/photos/verify", &parts).await
    }
}
