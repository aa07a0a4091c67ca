//! The header `Idempotency-Key`, by which a request is known again.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, request::Parts},
};

use crate::{
    domain::{IdempotencyKey, Once},
    http::error::ApiError,
    service::idempotency,
};

/// The header's name, also the name of the field where it is refused.
const HEADER: &str = "Idempotency-Key";
/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The client's name for this request, if it gave one.
#[derive(Debug)]
pub(in crate::http) struct Idempotency(Option<IdempotencyKey>);

impl Idempotency {
    /// The key with the fingerprint of what the body means, in parts.
    pub(in crate::http) async fn once(self, meaning: &[&[u8]]) -> Option<Once> {
        let key = self.0?;
        let fingerprint = idempotency::fingerprint(meaning).await;
        Some(Once { key, fingerprint })
    }

    /// Marks an answer that was given before.
    pub(in crate::http) fn tell(replayed: bool, headers: &mut HeaderMap) {
        if replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Idempotency {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let mut values = parts.headers.get_all(HEADER).iter();
        let Some(value) = values.next() else {
            return Ok(Self(None));
        };
        if values.next().is_some() {
            return Err(ApiError::field(HEADER, "must be given once"));
        }
        let key = value.to_str().ok().and_then(IdempotencyKey::parse);
        match key {
            Some(key) => Ok(Self(Some(key))),
            None => Err(ApiError::field(
                HEADER,
                "must have 1 to 64 printable ASCII characters",
            )),
        }
    }
}
