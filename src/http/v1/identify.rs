//! `POST /api/v1/photos/identify`: which photo of the tenant is this image.

use axum::{extract::State, response::Response};
use serde_json::{Value, json};

use super::wire;
use crate::{
    http::{
        error::ApiError,
        extract::{Caller, PhotoForm},
    },
    service::{Context, identify},
};

/// Identifies an image.
pub(in crate::http) async fn handler(
    caller: Caller,
    State(ctx): State<Context>,
    form: PhotoForm,
) -> Result<Response, ApiError> {
    let found = identify::identify(&ctx, &caller.tenant, form.image.clone()).await?;
    let matches: Vec<Value> = found.iter().map(wire_match).collect();
    wire::json(&json!({ "matches": matches }))
}

fn wire_match(found: &identify::Match) -> Value {
    json!({
        "photoId": found.photo.to_string(),
        "confidenceScore": found.confidence,
        "watermarkStatus": found.watermark.as_str(),
        "verdict": found.verdict.as_str(),
    })
}
