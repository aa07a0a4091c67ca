//! `POST /api/v1/photos/identify`: which photo of the tenant is this image.

use axum::{body::Bytes, extract::State, response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::verification;
use crate::{
    http::{
        error::ApiError,
        extract::{PhotoForm, VerifiedCaller},
        openapi::{Answer, Operation, Tag, example, schema::image_file},
        wire,
    },
    service::{Context, identify},
};

/// The image whose photo is sought.
#[derive(JsonSchema)]
struct PhotoToIdentify {
    #[schemars(schema_with = "image_file")]
    image: Bytes,
}

/// The photos whose mark is in the image, best first.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Identification")]
struct Response {
    matches: Vec<verification::Response>,
}

pub(in crate::http) fn describe() -> Operation {
    let example = Response {
        matches: vec![verification::Response::example()],
    };
    Operation::new(
        "identifyPhoto",
        Tag::Photos,
        "Which of the tenant's photos is this image",
    )
    .about(
        "By the mark, not by the look. Best first, mostly one or none. A match is not yet authentic: a mark can be carried to other \
         content (`CONFLICT`), and a marked photo can be altered (`ALTERED`). Each match is what `verify` with its id would answer.",
    )
    .takes_photo::<PhotoToIdentify>(&json!({ "image": example::FILE }))
    .answers(Answer::json(
        200,
        "The photos whose mark is in the image.",
        &example,
    ))
}

pub(in crate::http) async fn handler(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    form: PhotoForm,
) -> Result<response::Response, ApiError> {
    let request = PhotoToIdentify {
        image: form.image.clone(),
    };
    let found = identify::identify(&ctx, &caller.tenant, request.image).await?;
    wire::json(&Response {
        matches: found
            .iter()
            .map(|one| verification::Response::new(&caller.tenant, one.photo, &one.found))
            .collect(),
    })
}
