//! `POST /api/v1/photos/register`: an id and a signed receipt before there is an image.

use axum::{extract::State, response::Response};
use serde_json::json;

use super::wire;
use crate::{
    domain::Registration,
    http::{
        error::ApiError,
        extract::{Caller, Fields, Json},
    },
    service::{Context, register},
};

/// Registers a photo.
pub(in crate::http) async fn handler(
    caller: Caller,
    State(ctx): State<Context>,
    Json(body): Json,
) -> Result<Response, ApiError> {
    let mut fields = Fields::new(&body);
    let registration = registration(&mut fields)?;
    fields.finish()?;
    let registered = register::register(&ctx, &caller, &registration).await?;
    let mut answer = json!({
        "photoId": registered.photo.to_string(),
        "tenantId": caller.tenant.as_str(),
        "createdAt": wire::time(registered.created_at)?,
        "signature": registered.signature,
    });
    if let Some(hash) = registration.content_hash {
        answer["contentHash"] = hash.to_string().into();
    }
    wire::json(&answer)
}

/// What `register` and `protect` let a client tell about a photo.
pub(super) fn registration(fields: &mut Fields<'_>) -> Result<Registration, ApiError> {
    Ok(Registration {
        content_hash: fields.content_hash()?,
        device_model: fields.words("deviceModel"),
        place: fields.place(),
        publish_location: fields.flag("publishLocation"),
    })
}
