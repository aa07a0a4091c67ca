//! An image that is the whole body, with its own media type.

use axum::{
    body::Bytes,
    extract::Request,
    http::{HeaderMap, header::CONTENT_TYPE},
};
use http_body_util::BodyExt;

use super::body::content_length;
use crate::{
    domain::TenantId,
    http::error::{ApiError, ErrorCode, Limit},
    service::{Context, admission::bodies::BodyMemory},
};

/// The file, as it came.
#[derive(Debug)]
pub(in crate::http) struct PlainImage {
    /// Its bytes.
    pub(in crate::http) bytes: Bytes,
    /// Memory that they hold; goes back when this is dropped.
    _memory: BodyMemory,
}

impl PlainImage {
    /// Reads the body into the share of the memory for bodies that `party` has.
    pub(in crate::http) async fn receive(
        request: Request,
        ctx: &Context,
        party: &TenantId,
    ) -> Result<Self, ApiError> {
        check_type(request.headers())?;
        let most = ctx.settings.limits.max_bytes;
        let too_large = |actual| ApiError::too_large("body", Limit::Bytes, most as u64, actual);
        let length = content_length(request.headers());
        if let Some(length) = length.filter(|length| *length > most as u64) {
            return Err(too_large(length));
        }
        let mut memory = ctx.bodies.receive(party);
        let expected = usize::try_from(length.unwrap_or(0)).unwrap_or(0);
        let mut bytes = Vec::with_capacity(expected.min(most));
        let mut body = request.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| ApiError::field("body", "is cut off"))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let received = bytes.len() + data.len();
            if received > most {
                return Err(too_large(received as u64));
            }
            memory.take(data.len()).map_err(ApiError::busy)?;
            bytes.extend_from_slice(&data);
        }
        if bytes.is_empty() {
            return Err(ApiError::field("body", "must not be empty"));
        }
        Ok(Self {
            bytes: bytes.into(),
            _memory: memory,
        })
    }
}

/// Refuses a body that is declared to be no image. What kind it is, its bytes say.
fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let kind = headers.get(CONTENT_TYPE).map(|kind| kind.to_str());
    match kind {
        Some(Ok(kind)) if kind.to_ascii_lowercase().starts_with("image/") => Ok(()),
        _ => Err(ApiError::with_message(
            ErrorCode::UnsupportedContentType,
            "this endpoint takes an image, with its type as image/jpeg, image/png or image/webp",
        )),
    }
}
