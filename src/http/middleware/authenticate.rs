//! Lets nobody through to a handler without a live token, nor without the scopes of the route. A
//! token comes in the header (RFC 6750 section 2.1), or in the cookie of a session at the console
//! where the request shows no other credentials and a page of this server sends it.

use std::sync::Arc;

use axum::{
    body::HttpBody,
    extract::{Request, State},
    http::{
        HeaderMap,
        header::{AUTHORIZATION, SET_COOKIE},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    auth::Claims,
    domain::{Scope, Scopes},
    http::{
        console::{Sender, SessionCookie},
        error::{ApiError, ErrorCode},
        extract::{API_KEY, APPLICATION, Anonymous, Call, PossibleCaller, VerifiedCaller},
        single::single,
    },
    service::{self, Context, authenticate::Presented, console},
};

/// Verifies the token and hands the caller on. What is answered counts in the memory of the
/// caller's tenant until it has left.
pub(in crate::http) async fn authenticate(
    State(ctx): State<Context>,
    mut request: Request,
    next: Next,
) -> Response {
    let cookie = session(&ctx, &request);
    let presented = match cookie {
        Some((_, token)) => Ok(Presented::in_cookie(token)),
        None => presented(request.headers()),
    };
    let cookie = cookie.map(|(cookie, _)| cookie);
    let verified = match presented {
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
            let session = cookie.map(|cookie| (cookie, claims.clone()));
            let extensions = request.extensions_mut();
            if let Some(cookie) = cookie {
                extensions.insert(cookie);
            }
            extensions.insert(VerifiedCaller::verified(claims, call));
            let mut response = next.run(request).await;
            if let Some((cookie, claims)) = session {
                renew(&ctx, cookie, &claims, &mut response).await;
            }
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

/// The same where a token may be left out: who shows none is handed on as anybody, and who shows
/// one must have a live one.
pub(in crate::http) async fn authenticate_if_shown(
    State(ctx): State<Context>,
    mut request: Request,
    next: Next,
) -> Response {
    if has_credentials(request.headers()) || session(&ctx, &request).is_some() {
        return authenticate(State(ctx), request, next).await;
    }
    request.extensions_mut().insert(Anonymous);
    next.run(request).await
}

/// Lets a session at the console go on that is used, unless the answer sets or ends one itself. A
/// token that cannot be renewed now is when it is used next.
async fn renew(ctx: &Context, cookie: SessionCookie, claims: &Claims, response: &mut Response) {
    if response.headers().contains_key(SET_COOKIE) {
        return;
    }
    match console::renew(ctx, claims).await {
        Ok(token) => {
            let header = token.and_then(|token| cookie.set(&token));
            response.headers_mut().extend(header);
        }
        Err(error) => tracing::warn!(error = %error, "a session at the console was not renewed"),
    }
}

/// Compares the caller's scopes with those of the route; after the limits, so that refused calls
/// count too. A person who changes the tenant's administration has given the password lately.
pub(in crate::http) async fn authorise(
    State((ctx, needed)): State<(Context, Scopes)>,
    PossibleCaller(caller): PossibleCaller,
    request: Request,
    next: Next,
) -> Response {
    let Some(caller) = caller else {
        return next.run(request).await;
    };
    let claims = caller.claims();
    if !claims.scopes.covers(needed) {
        return ApiError::lacks(needed.without(claims.scopes)).into_response();
    }
    let administers = needed.contains(Scope::Admin) && !request.method().is_safe();
    if administers && console::needs_password(&ctx, claims) {
        return ApiError::new(ErrorCode::AuthReauthenticate).into_response();
    }
    next.run(request).await
}

/// The session at the console that a request is part of: it shows no other credentials, and a page
/// of this server sends it. Programs do not pay for the look.
fn session<'a>(ctx: &Context, request: &'a Request) -> Option<(SessionCookie, &'a str)> {
    let headers = request.headers();
    if has_credentials(headers) {
        return None;
    }
    let sender = Sender::new(request.uri(), headers, &ctx.settings.public_url);
    SessionCookie::sent(headers, sender).filter(|_| sender.is_same_origin())
}

/// Whether a request shows a token or what belongs to one: the cookie does not count beside it.
fn has_credentials(headers: &HeaderMap) -> bool {
    [AUTHORIZATION.as_str(), API_KEY, APPLICATION]
        .iter()
        .any(|name| headers.contains_key(*name))
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
        in_cookie: false,
    })
}
