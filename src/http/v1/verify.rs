//! `POST /api/v1/photos/verify`: is this image that photo, how sure is it, and what was done to it.

use axum::{body::Bytes, extract::State, response};
use schemars::JsonSchema;
use serde_json::json;

use super::verification::Response;
use crate::{
    domain::{PhotoId, verdict::Policy},
    http::{
        ErrorCode,
        error::ApiError,
        extract::{PhotoForm, VerifiedCaller},
        openapi::{
            Answer, Operation, Tag, example,
            schema::{image_file, without_null},
        },
        wire,
    },
    service::{Context, FieldError, verify},
};

/// An image, and the photo that it is said to be.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = without_null)]
struct PhotoToVerify {
    #[schemars(schema_with = "image_file")]
    image: Bytes,
    /// The photo that the image is said to be.
    photo_id: PhotoId,
    /// `strict` asks for content credentials too, and that alterations were looked for.
    #[schemars(with = "Option<Policy>")]
    policy: Policy,
}

pub(in crate::http) fn describe() -> Operation {
    Operation::new("verifyPhoto", Tag::Photos, "Is this image that photo, and what was done to it")
        .about(
            "`authentic` is the answer; the rest explains it. It is true only if the mark of this photo is there, what is seen agrees with \
             what was protected, and no alteration was found. It says nothing about what was cut off, about what lies around the photo \
             (`transform.corners` shows where it lies), and about alterations smaller than `smallestVisible`. Under strict privacy \
             alterations cannot be looked for: `alteration` is `NOT_EXAMINED`, and `policy` `strict` says no.",
        )
        .takes_photo::<PhotoToVerify>(
            &json!({ "image": example::FILE, "photoId": example::PHOTO, "policy": "standard" }),
        )
        .answers(Answer::json(
            200,
            "The verdict, and the evidence.",
            &Response::example(),
        ))
        .refuses(&[ErrorCode::NotFound])
}

pub(in crate::http) async fn handler(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    form: PhotoForm,
) -> Result<response::Response, ApiError> {
    let PhotoToVerify {
        image,
        photo_id: photo,
        policy,
    } = PhotoToVerify::read(&form)?;
    let request = verify::Request {
        image,
        photo,
        policy,
    };
    let found = verify::verify(&ctx, &caller.tenant, request)
        .await
        .map_err(ApiError::of_named_photo)?;
    wire::json(&Response::new(&caller.tenant, photo, &found))
}

impl PhotoToVerify {
    fn read(form: &PhotoForm) -> Result<Self, ApiError> {
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
            (Some(photo_id), Some(policy)) => Ok(Self {
                image: form.image.clone(),
                photo_id,
                policy,
            }),
            _ => Err(ApiError::fields(wrong)),
        }
    }
}
