//! The verified caller. Only the authentication layer makes one, so a handler that asks for it cannot run without.

use axum::{extract::FromRequestParts, http::request::Parts};

use crate::{
    auth::Claims,
    http::error::{ApiError, ErrorCode},
};

/// Who calls, as a live token says.
#[derive(Debug, Clone)]
pub(in crate::http) struct Caller(Claims);

impl Caller {
    /// For the authentication layer alone.
    pub(in crate::http) fn verified(claims: Claims) -> Self {
        Self(claims)
    }
}

impl std::ops::Deref for Caller {
    type Target = Claims;

    fn deref(&self) -> &Claims {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        // Absent only where a route was listed as public by mistake: closed, then.
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| ApiError::new(ErrorCode::AuthMissing))
    }
}
