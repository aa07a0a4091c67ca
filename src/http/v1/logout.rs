//! `POST /api/v1/auth/logout`: the end of the session whose token calls.

use axum::{extract::State, response::Response};
use serde_json::json;

use super::wire;
use crate::{
    http::{error::ApiError, extract::VerifiedCaller},
    service::{Context, logout},
};

/// Ends the caller's session.
pub(in crate::http) async fn handler(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
) -> Result<Response, ApiError> {
    logout::logout(&ctx, caller.claims()).await?;
    wire::json(&json!({ "message": "Session successfully terminated" }))
}
