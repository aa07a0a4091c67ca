//! The sign-ins that clients bring along: a form beside an API key, an application's token and
//! secret, OAuth 2.0. Each speaks its own language, errors included; what they answer is the same
//! kind of token.

pub(super) mod api_key;
pub(super) mod application;
pub(super) mod metadata;
pub(super) mod oauth;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Serialize;

/// A JSON answer that caches leave alone (RFC 6749 section 5.1).
fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    as_it_is(status, body, None)
}

/// A refusal, with its code in the words of the protocol.
fn refusal(status: StatusCode, body: &impl Serialize, code: &'static str) -> Response {
    as_it_is(status, body, Some(code))
}

fn as_it_is(status: StatusCode, body: &impl Serialize, code: Option<&'static str>) -> Response {
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    // What has a body of its own is left as it is by the writer of our errors.
    response
        .extensions_mut()
        .insert(super::error::AsItIs { code });
    response
}

/// A refusal with the header that a 401 must have (RFC 9110 section 15.5.2).
fn challenge(body: &impl Serialize, code: &'static str, challenge: &'static str) -> Response {
    let mut response = refusal(StatusCode::UNAUTHORIZED, body, code);
    response.headers_mut().insert(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static(challenge),
    );
    response
}
