//! `GET /docs`: the document to read, in one file that needs no network but this server.

use axum::{
    Extension,
    body::Bytes,
    http::{
        HeaderName, HeaderValue,
        header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY},
    },
    response::Response,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Answer, Operation, Published, Tag};

const HTML: &str = include_str!("index.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The page, and what it may do.
#[derive(Debug, Clone)]
pub(super) struct DocsPage {
    html: Bytes,
    policy: Option<HeaderValue>,
}

impl DocsPage {
    /// Puts style and script into the page, and lets the browser run nothing else: they are named
    /// by their hashes.
    pub(super) fn new() -> Self {
        let html = HTML.replace("{style}", STYLE).replace("{script}", SCRIPT);
        let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
        let policy = format!(
            "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
            hash(SCRIPT),
            hash(STYLE),
        );
        Self {
            html: html.into(),
            policy: HeaderValue::from_str(&policy).ok(),
        }
    }
}

pub(in crate::http) fn describe() -> Operation {
    let html = json!({ "schema": { "type": "string" }, "example": "<!doctype html>" });
    Operation::new("getDocs", Tag::Server, "This document, to read").answers(
        Answer::empty(200, "A page that needs nothing but this server.")
            .headers(&[
                "Content-Security-Policy",
                "Referrer-Policy",
                "Cross-Origin-Opener-Policy",
            ])
            .with("text/html", html),
    )
}

pub(in crate::http) async fn handler(Extension(published): Extension<Published>) -> Response {
    let mut response = super::answer(published.page.html, "text/html; charset=utf-8");
    let headers = response.headers_mut();
    let fallback = HeaderValue::from_static("default-src 'none'");
    headers.insert(
        CONTENT_SECURITY_POLICY,
        published.page.policy.unwrap_or(fallback),
    );
    for (name, value) in [
        (REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
