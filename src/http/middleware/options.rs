//! What browsers and tools ask before they call: CORS preflights (Fetch standard) and `OPTIONS`
//! (RFC 9110 section 9.3.7).

use std::time::Duration;

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tower_http::cors::CorsLayer;

use crate::http::error::{ApiError, ErrorCode};

/// How long a browser may keep the answer to a preflight.
const MAX_AGE: Duration = Duration::from_hours(1);

/// Headers of answers that pages may read.
const EXPOSED: [&str; 18] = [
    "x-request-id",
    "x-photo-id",
    "x-content-sha256",
    "x-content-copies",
    "x-watermark-psnr",
    "x-protection-level",
    "x-content-growth",
    "x-metadata-dropped",
    "idempotency-replayed",
    "location",
    "content-disposition",
    "www-authenticate",
    "retry-after",
    "ratelimit",
    "ratelimit-policy",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];

/// Headers of requests that pages may send.
const ALLOWED: [&str; 6] = [
    "authorization",
    "content-type",
    "idempotency-key",
    "x-request-id",
    "x-api-key",
    "appidv3",
];

/// Lets pages of these origins call, and no others; closed when there are none.
pub(in crate::http) fn cors(origins: &[String]) -> CorsLayer {
    let names = |names: &'static [&'static str]| names.iter().copied().map(HeaderName::from_static);
    let origins = origins
        .iter()
        .filter_map(|origin| HeaderValue::from_str(origin).ok());
    CorsLayer::new()
        .allow_origin(origins.collect::<Vec<_>>())
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers(names(&ALLOWED).collect::<Vec<_>>())
        .expose_headers(names(&EXPOSED).collect::<Vec<_>>())
        .max_age(MAX_AGE)
}

/// What some route takes.
const METHODS: HeaderValue =
    HeaderValue::from_static("DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");

/// Answers `OPTIONS` with the methods of the route, which the router knows; `OPTIONS *` with those
/// of the server, of which `CONNECT` is none.
pub(in crate::http) async fn options(request: Request, next: Next) -> Response {
    let asked = request.method() == Method::OPTIONS;
    if request.method() == Method::CONNECT && !request.uri().path().starts_with('/') {
        let mut refusal = ApiError::new(ErrorCode::MethodNotAllowed).into_response();
        refusal.headers_mut().insert(header::ALLOW, METHODS);
        return refusal;
    }
    if asked && request.uri().path() == "*" {
        return (StatusCode::NO_CONTENT, [(header::ALLOW, METHODS)]).into_response();
    }
    let response = next.run(request).await;
    if !asked || response.status() != StatusCode::METHOD_NOT_ALLOWED {
        return response;
    }
    let mut answer = StatusCode::NO_CONTENT.into_response();
    if let Some(allow) = response.headers().get(header::ALLOW) {
        answer.headers_mut().insert(header::ALLOW, allow.clone());
    }
    answer
}
