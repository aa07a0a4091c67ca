//! `POST /api/v1/auth/login`: account and password for a token.

use axum::{extract::State, response::Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::wire;
use crate::{
    http::{
        error::ApiError,
        extract::{Fields, Json, Source},
    },
    service::{Context, login},
};

/// Logs an account in.
pub(in crate::http) async fn handler(
    State(ctx): State<Context>,
    Source(source): Source,
    Json(body): Json,
) -> Result<Response, ApiError> {
    let mut fields = Fields::new(&body);
    let tenant = fields.required_text("tenantId");
    let username = fields.required_text("username");
    let password = SecretString::from(fields.required_text("password"));
    fields.finish()?;
    let session = login::account(&ctx, tenant, username, password, source).await?;
    let token = session.token.expose_secret();
    wire::json(&json!({
        "token": token,
        "expires_in": session.expires_in_seconds,
        "token_type": "Bearer",
        "access_token": token,
    }))
}
