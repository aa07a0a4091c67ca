//! URL-encoded forms, bounded in size (WHATWG URL, application/x-www-form-urlencoded). Fields that endpoints know are given once
//! (RFC 6749 section 3.2); others are ignored.

use axum::{
    body::to_bytes,
    extract::{FromRequest, Request},
};

use super::json::check_content_type;
use crate::http::error::ApiError;

/// Longest form in bytes.
const LONGEST_BODY_BYTES: usize = 64 * 1024;

/// The fields that endpoints know.
const KNOWN: [&str; 7] = [
    "username",
    "password",
    "grant_type",
    "scope",
    "token",
    "client_id",
    "client_secret",
];

/// The fields of a form.
#[derive(Debug)]
pub(in crate::http) struct Form(Vec<(&'static str, String)>);

impl Form {
    /// A field that is there and not empty.
    pub(in crate::http) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(field, value)| *field == name && !value.is_empty())
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
        let mut fields = Vec::new();
        for (name, value) in form_urlencoded::parse(&body) {
            let Some(name) = KNOWN.into_iter().find(|known| *known == name) else {
                continue;
            };
            if fields.iter().any(|(before, _)| *before == name) {
                return Err(ApiError::field(name, "must be given once"));
            }
            fields.push((name, value.into_owned()));
        }
        Ok(Self(fields))
    }
}
