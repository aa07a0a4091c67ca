//! `POST /api/v1/photos/register`: an id and a signed receipt before there is an image.

use axum::{extract::State, response::Response};
use serde_json::json;

use super::wire;
use crate::{
    domain::Registration,
    http::{
        error::ApiError,
        extract::{Fields, Idempotency, Json, VerifiedCaller},
    },
    service::{self, Context, register},
};

/// Registers a photo.
pub(in crate::http) async fn handler(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    idempotency: Idempotency,
    Json(body): Json,
) -> Result<Response, ApiError> {
    let mut fields = Fields::new(&body);
    let registration = registration(&mut fields)?;
    fields.finish()?;
    let meaning = serde_json::to_vec(&body).map_err(service::Error::internal)?;
    let once = idempotency.once(&[&meaning]).await;
    let registered = register::register(&ctx, &caller, &registration, once.as_ref()).await?;
    let mut answer = json!({
        "photoId": registered.photo.to_string(),
        "tenantId": caller.tenant.as_str(),
        "createdAt": wire::time(registered.created_at)?,
        "signature": registered.signature,
    });
    if let Some(hash) = registration.content_hash {
        answer["contentHash"] = hash.to_string().into();
    }
    let mut response = wire::json(&answer)?;
    Idempotency::tell(registered.replayed, response.headers_mut());
    Ok(response)
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
