//! `GET /.well-known/c2pa/anchors.pem`: the root under which this server's own signatures are
//! trusted.

use axum::{
    extract::State,
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{
    http::{
        error::{ApiError, ErrorCode},
        openapi::{Answer, Operation, Tag},
    },
    service::Context,
};

/// The media type of PEM that is in use; none is registered.
const PEM: &str = "application/x-pem-file";

pub(in crate::http) fn describe() -> Operation {
    let pem = json!({ "schema": {
        "type": "string",
        "description": "One certificate (RFC 7468).",
        "pattern": "^-----BEGIN CERTIFICATE-----",
    }, "example": "-----BEGIN CERTIFICATE-----\nMIIB7TCCAXOgAwIBAgIUOk1y\n-----END CERTIFICATE-----\n" });
    Operation::new(
        "getAnchors",
        Tag::Server,
        "The root certificate of this server's own signatures",
    )
    .about(
        "For validators of content credentials (C2PA) that are to trust what this server signs with \
         its self-made certificates. Certificates that the operator imported are trusted under the \
         roots of their own authority.",
    )
    .answers(Answer::empty(200, "The certificate in PEM.").with(PEM, pem))
    .refuses(&[ErrorCode::NotFound])
}

/// The root in force.
pub(in crate::http) async fn handler(State(ctx): State<Context>) -> Result<Response, ApiError> {
    let root = ctx.signers.own_root();
    let root = root.ok_or_else(|| ApiError::new(ErrorCode::NotFound))?;
    let mut response = root.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(PEM));
    let minutes = HeaderValue::from_static("public, max-age=300");
    headers.insert(CACHE_CONTROL, minutes);
    Ok(response)
}
