//! Lets nobody through to a handler without a live token (RFC 6750, the header form only), nor
//! without the scopes of the route.

use std::sync::Arc;

use axum::{
    body::HttpBody,
    extract::{Request, State},
    http::{HeaderMap, header::AUTHORIZATION},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    domain::Scopes,
    http::{
        error::{ApiError, ErrorCode},
        extract::{API_KEY, APPLICATION, Call, VerifiedCaller},
    },
    service::{self, Context, authenticate::Presented},
};

/// Verifies the token and hands the caller on. What is answered counts in the memory of the
/// caller's tenant until it has left.
pub(in crate::http) async fn authenticate(
    State(ctx): State<Context>,
    mut request: Request,
    next: Next,
) -> Response {
    let verified = match presented(request.headers()) {
        Ok(presented) => service::authenticate::authenticate(&ctx, presented)
            .await
            .map_err(ApiError::from),
        Err(error) => Err(error),
    };
    match verified {
        Ok(claims) => {
            let tenant = claims.tenant.clone();
            tracing::Span::current().record("tenant.id", claims.tenant.as_str());
            let Call(call) = Call::of(request.extensions(), request.headers(), &ctx);
            request
                .extensions_mut()
                .insert(VerifiedCaller::verified(claims, call));
            let mut response = next.run(request).await;
            if let Some(bytes) = response.body().size_hint().exact() {
                let memory = ctx
                    .bodies
                    .send(&tenant, usize::try_from(bytes).unwrap_or(0));
                response.extensions_mut().insert(Arc::new(memory));
            }
            response
        }
        Err(error) => error.into_response(),
    }
}

/// Compares the caller's scopes with those of the route; after the limits, so that refused calls
/// count too.
pub(in crate::http) async fn authorise(
    State(needed): State<Scopes>,
    caller: VerifiedCaller,
    request: Request,
    next: Next,
) -> Response {
    if caller.claims().scopes.covers(needed) {
        next.run(request).await
    } else {
        ApiError::lacks(needed.without(caller.claims().scopes)).into_response()
    }
}

/// The token of the one `Authorization` header, and what came beside it; two of a header are one
/// too many.
fn presented(headers: &HeaderMap) -> Result<Presented<'_>, ApiError> {
    let invalid = || ApiError::new(ErrorCode::AuthInvalid);
    let api_key = single(headers, API_KEY).map_err(|_| invalid())?;
    let application = single(headers, APPLICATION).map_err(|_| invalid())?;
    let value = single(headers, AUTHORIZATION.as_str())
        .map_err(|_| invalid())?
        .ok_or_else(|| ApiError::new(ErrorCode::AuthMissing))?;
    let token = match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
        // Clients with an API key may send the bare token.
        None if api_key.is_some() => value,
        _ => return Err(invalid()),
    };
    Ok(Presented {
        token,
        api_key,
        application,
    })
}

/// Two headers of one name, or one that is not text.
struct NotOne;

fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, NotOne> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    match (values.next(), value.to_str()) {
        (None, Ok(text)) => Ok(Some(text)),
        _ => Err(NotOne),
    }
}
