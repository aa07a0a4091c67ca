//! URL-encoded forms: each field once, bounded in size (WHATWG URL, application/x-www-form-urlencoded).

use axum::{
    body::to_bytes,
    extract::{FromRequest, Request},
};

use super::json::check_content_type;
use crate::http::error::ApiError;

/// Longest form in bytes.
const LONGEST_BODY_BYTES: usize = 64 * 1024;

/// The fields of a form.
#[derive(Debug)]
pub(in crate::http) struct Form(Vec<(String, String)>);

impl Form {
    /// A field that is there and not empty.
    pub(in crate::http) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(field, value)| field == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }
}

impl<S: Sync> FromRequest<S> for Form {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        check_content_type(request.headers(), "application/x-www-form-urlencoded")?;
        let body = to_bytes(request.into_body(), LONGEST_BODY_BYTES)
            .await
            .map_err(|_| {
                let most = LONGEST_BODY_BYTES as u64;
                ApiError::too_large("bytes", most, most + 1)
            })?;
        let fields: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
        for (at, (name, _)) in fields.iter().enumerate() {
            if fields[..at].iter().any(|(before, _)| before == name) {
                return Err(ApiError::field("body", "a field is given twice"));
            }
        }
        Ok(Self(fields))
    }
}
