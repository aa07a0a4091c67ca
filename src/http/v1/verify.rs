//! `POST /api/v1/photos/verify`: is this image that photo, how sure is it, and what was done to it.

use axum::{extract::State, response::Response};

use super::{verification, wire};
use crate::{
    domain::{PhotoId, verdict::Policy},
    http::{
        error::ApiError,
        extract::{PhotoForm, VerifiedCaller},
    },
    service::{Context, FieldError, verify},
};

/// Verifies an image.
pub(in crate::http) async fn handler(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    form: PhotoForm,
) -> Result<Response, ApiError> {
    let request = read(&form)?;
    let photo = request.photo;
    let found = verify::verify(&ctx, &caller.tenant, request)
        .await
        .map_err(ApiError::of_named_photo)?;
    wire::json(&verification::body(&caller.tenant, photo, &found))
}

/// The image, the id and the policy.
fn read(form: &PhotoForm) -> Result<verify::Request, ApiError> {
    let mut wrong = Vec::new();
    let mut refuse = |field, reason: &str| {
        wrong.push(FieldError {
            field,
            reason: reason.to_owned(),
        });
    };
    let photo = form.text("photoId");
    let id = photo.and_then(PhotoId::parse);
    if id.is_none() {
        refuse(
            "photoId",
            if photo.is_some() {
                "must be a UUID"
            } else {
                "is required"
            },
        );
    }
    let policy = form
        .text("policy")
        .map_or(Some(Policy::default()), Policy::parse);
    if policy.is_none() {
        refuse("policy", "must be standard or strict");
    }
    match (id, policy) {
        (Some(photo), Some(policy)) => Ok(verify::Request {
            image: form.image.clone(),
            photo,
            policy,
        }),
        _ => Err(ApiError::fields(wrong)),
    }
}
