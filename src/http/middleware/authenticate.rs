//! Lets nobody through to a handler without a live token (RFC 6750, the header form only).

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header::AUTHORIZATION},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    http::{
        error::{ApiError, ErrorCode},
        extract::Caller,
    },
    service::{self, Context},
};

/// Verifies the token and hands the caller on.
pub(in crate::http) async fn authenticate(
    State(ctx): State<Context>,
    mut request: Request,
    next: Next,
) -> Response {
    let passage = request.extensions().get().copied().unwrap_or_default();
    let verified = match bearer(request.headers()) {
        Ok(token) => service::authenticate::authenticate(&ctx, token, passage)
            .await
            .map_err(ApiError::from),
        Err(error) => Err(error),
    };
    match verified {
        Ok(claims) => {
            tracing::Span::current().record("tenant.id", claims.tenant.as_str());
            request.extensions_mut().insert(Caller::verified(claims));
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

/// The token of the one `Authorization` header; two headers are one too many.
fn bearer(headers: &HeaderMap) -> Result<&str, ApiError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values
        .next()
        .ok_or_else(|| ApiError::new(ErrorCode::AuthMissing))?;
    let invalid = || ApiError::new(ErrorCode::AuthInvalid);
    if values.next().is_some() {
        return Err(invalid());
    }
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|v| v.split_once(' '))
        .ok_or_else(invalid)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(token.trim_start())
    } else {
        Err(invalid())
    }
}
