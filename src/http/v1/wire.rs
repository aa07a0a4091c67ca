//! How answers are written: JSON bodies, times.

use axum::{
    body::Body,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::Response,
};
use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{http::error::ApiError, service};

/// A 200 with a JSON body that caches leave alone.
pub(super) fn json(value: &impl Serialize) -> Result<Response, ApiError> {
    let body = serde_json::to_vec(value).map_err(service::Error::internal)?;
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// A 201 with a JSON body that caches leave alone.
pub(super) fn created(value: &impl Serialize) -> Result<Response, ApiError> {
    let mut response = json(value)?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// A time as RFC 3339 in UTC.
pub(super) fn time(moment: OffsetDateTime) -> Result<String, ApiError> {
    Ok(moment.format(&Rfc3339).map_err(service::Error::internal)?)
}
