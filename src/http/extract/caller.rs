//! The verified caller. Only the authentication layer makes one, so a handler that asks for it
//! cannot run without.

use axum::{extract::FromRequestParts, http::request::Parts};

use crate::{
    auth::Claims,
    domain::audit::CallTrace,
    http::error::{ApiError, ErrorCode},
    service::Caller,
};

/// Who calls, as a live token says.
#[derive(Debug, Clone)]
pub(in crate::http) struct VerifiedCaller {
    claims: Claims,
    caller: Caller,
}

impl VerifiedCaller {
    /// For the authentication layer alone.
    pub(in crate::http) fn verified(claims: Claims, call: CallTrace) -> Self {
        let caller = Caller::of_token(&claims, call);
        Self { claims, caller }
    }

    /// All that the token says.
    pub(in crate::http) fn claims(&self) -> &Claims {
        &self.claims
    }
}

impl std::ops::Deref for VerifiedCaller {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

/// Who calls, where a token may be left out: `None` without one.
#[derive(Debug, Clone)]
pub(in crate::http) struct PossibleCaller(pub(in crate::http) Option<VerifiedCaller>);

/// That a request shows no credentials, and may come without.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Anonymous;

impl<S: Sync> FromRequestParts<S> for PossibleCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        if parts.extensions.get::<Anonymous>().is_some() {
            return Ok(Self(None));
        }
        let caller = VerifiedCaller::from_request_parts(parts, state).await?;
        Ok(Self(Some(caller)))
    }
}

impl<S: Sync> FromRequestParts<S> for VerifiedCaller {
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
