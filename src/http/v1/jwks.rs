//! `GET /.well-known/jwks.json`: the public keys (RFC 7517) that check our tokens and receipts.

use axum::{
    extract::State,
    http::{HeaderValue, header::CACHE_CONTROL},
    response::Response,
};

use super::wire;
use crate::{http::error::ApiError, service::Context};

/// The keys in force.
pub(in crate::http) async fn handler(State(ctx): State<Context>) -> Result<Response, ApiError> {
    let mut response = wire::json(&ctx.tokens.keys().jwks())?;
    let minutes = HeaderValue::from_static("public, max-age=300");
    response.headers_mut().insert(CACHE_CONTROL, minutes);
    Ok(response)
}
