//! What all bodies have in common: their declared type and length, and the reading of short ones.

use std::error::Error;

use axum::{
    body::{Bytes, to_bytes},
    extract::Request,
    http::{
        HeaderMap,
        header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
    },
};
use http_body_util::LengthLimitError;

use crate::http::error::{ApiError, ErrorCode, Limit};

/// Longest JSON body or form in bytes.
const LONGEST_BODY_BYTES: usize = 64 * 1024;

/// The length that a body is declared to have.
pub(in crate::http) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads a body that must be short.
pub(super) async fn read_short(request: Request) -> Result<Bytes, ApiError> {
    read_bounded(request, LONGEST_BODY_BYTES).await
}

/// Reads a body of at most so many bytes.
pub(in crate::http) async fn read_bounded(
    request: Request,
    longest: usize,
) -> Result<Bytes, ApiError> {
    let most = longest as u64;
    let too_large = |actual| ApiError::too_large("body", Limit::Bytes, most, actual);
    if let Some(length) = content_length(request.headers()).filter(|length| *length > most) {
        return Err(too_large(length));
    }
    let read = to_bytes(request.into_body(), longest).await;
    read.map_err(|error| {
        let too_long = |cause: &(dyn Error + 'static)| cause.is::<LengthLimitError>();
        if error.source().is_some_and(too_long) {
            too_large(most + 1)
        } else {
            ApiError::field("body", "is cut off")
        }
    })
}

/// Refuses another content type, a charset that cannot be read as UTF-8, and compressed bodies. Of
/// a form's parts each has a charset of its own (RFC 7578 section 4.5); clients in Java name one
/// for all, which says nothing as long as it writes ASCII alike.
pub(in crate::http) fn check_content_type(
    headers: &HeaderMap,
    wanted: &str,
) -> Result<(), ApiError> {
    let text = |name| {
        headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap_or("?"))
    };
    let mut parts = text(CONTENT_TYPE).split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let charsets: &[&str] = match wanted {
        "multipart/form-data" => &["utf-8", "us-ascii", "iso-8859-1"],
        _ => &["utf-8"],
    };
    let utf8 = parts.all(|part| match part.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => charsets
            .iter()
            .any(|charset| value.trim_matches('"').eq_ignore_ascii_case(charset)),
        _ => true,
    });
    let encoding = text(CONTENT_ENCODING);
    let plain = encoding.is_empty() || encoding.eq_ignore_ascii_case("identity");
    // Of two, another reader could take the other one.
    let once = [CONTENT_TYPE, CONTENT_ENCODING]
        .into_iter()
        .all(|name| headers.get_all(name).iter().count() <= 1);
    if kind.eq_ignore_ascii_case(wanted) && utf8 && plain && once {
        return Ok(());
    }
    let message = format!("this endpoint takes {wanted} in UTF-8, not compressed");
    Err(ApiError::with_message(
        ErrorCode::UnsupportedContentType,
        message,
    ))
}
