//! `GET /api/v1/me`: who the caller is, what it may send and how often.

use axum::{extract::State, response::Response};
use serde_json::json;

use super::wire;
use crate::{
    domain::Scope,
    http::{
        error::ApiError,
        extract::{Standing, VerifiedCaller},
    },
    service::{Context, images},
};

/// Describes the caller.
pub(in crate::http) async fn handler(
    caller: VerifiedCaller,
    standing: Standing,
    State(ctx): State<Context>,
) -> Result<Response, ApiError> {
    let scopes: Vec<&str> = caller.claims().scopes.iter().map(Scope::as_str).collect();
    let image = images::limits(&ctx, &caller.tenant).await?;
    let rates = standing.rates();
    let bucket = rates.bucket();
    wire::json(&json!({
        "tenantId": caller.tenant.as_str(),
        "username": caller.claims().username.as_str(),
        "role": caller.claims().role.as_str(),
        "scopes": scopes,
        "limits": {
            "imageBytes": image.max_bytes,
            "imagePixels": image.max_pixels,
            "callsPerSecond": bucket.map(|bucket| bucket.per_second),
            "callsAtOnce": bucket.map(|bucket| bucket.burst),
            "callsPerHour": rates.hourly(),
        },
    }))
}
