//! `GET /.well-known/jwks.json`: the public keys (RFC 7517) that check our tokens and receipts.

use axum::{
    extract::State,
    http::{HeaderValue, header::CACHE_CONTROL},
    response::Response,
};

use crate::{
    auth::{Jwk, JwkSet},
    http::{
        error::ApiError,
        openapi::{Answer, Operation, Tag},
        wire,
    },
    service::Context,
};

pub(in crate::http) fn describe() -> Operation {
    let example = JwkSet {
        keys: vec![Jwk::new(
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86z",
            "AQAB",
        )],
    };
    Operation::new(
        "getKeys",
        Tag::Server,
        "The public keys that check tokens and receipts",
    )
    .answers(Answer::json(200, "A JWK set (RFC 7517).", &example))
}

/// The keys in force.
pub(in crate::http) async fn handler(State(ctx): State<Context>) -> Result<Response, ApiError> {
    let mut response = wire::json(&ctx.tokens.keys().jwks())?;
    let minutes = HeaderValue::from_static("public, max-age=300");
    response.headers_mut().insert(CACHE_CONTROL, minutes);
    Ok(response)
}
