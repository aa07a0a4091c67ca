//! `POST /api/v1/photos/identify`: which photo of the tenant is this image.

use axum::{extract::State, response::Response};
use serde_json::{Value, json};

use super::wire;
use crate::{
    http::{
        error::ApiError,
        extract::{PhotoForm, VerifiedCaller},
    },
    service::{Context, identify},
};

/// Identifies an image.
pub(in crate::http) async fn handler(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    form: PhotoForm,
) -> Result<Response, ApiError> {
    let found = identify::identify(&ctx, &caller.tenant, form.image.clone()).await?;
    let matches: Vec<Value> = found.iter().map(wire_match).collect();
    wire::json(&json!({ "matches": matches }))
}

fn wire_match(one: &identify::Match) -> Value {
    let evidence = one.found.evidence;
    json!({
        "photoId": one.photo.to_string(),
        "authentic": evidence.authentic(),
        "confidenceScore": one.found.mark.confidence,
        "watermarkStatus": evidence.watermark.as_str(),
        "verdict": evidence.verdict().as_str(),
        "alteration": evidence.alteration().as_str(),
    })
}
