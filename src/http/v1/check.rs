//! `POST /api/v1/check/{tenantId}`: anybody asks about a picture, and is told one word.

use axum::{
    body::Bytes,
    extract::{Path, Request, State},
    response,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tokio::time::timeout;

use crate::{
    domain::{TenantId, check::CheckAnswer},
    http::{
        error::{ApiError, ErrorCode},
        extract::{Call, PhotoForm},
        openapi::{Answer, Operation, Tag, example, schema::image_file},
        wire,
    },
    service::{
        Context,
        check::{self, Check},
    },
};

/// The picture that is asked about.
#[derive(JsonSchema)]
struct PictureToCheck {
    #[schemars(schema_with = "image_file")]
    image: Bytes,
}

/// What the picture is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CheckResult")]
struct Response<'a> {
    answer: CheckAnswer,
    /// The tenant that was asked about.
    tenant_id: &'a str,
    /// The answer as a sentence, and what it does not say.
    message: String,
}

impl<'a> Response<'a> {
    fn new(answer: CheckAnswer, tenant: &'a str) -> Self {
        let message = match answer {
            CheckAnswer::Unchanged => format!(
                "This is a photo of {tenant}, and no change was found in it. That the photo shows what it is said to show is not proven by this."
            ),
            CheckAnswer::Changed => {
                format!("This carries the mark of a photo of {tenant}, and was changed since.")
            }
            CheckAnswer::Known => format!(
                "This carries the mark of a photo of {tenant}. Whether something was changed in it is not told."
            ),
            CheckAnswer::Unknown => format!(
                "No photo of {tenant} was recognised. That does not mean that the picture is false: it may never have been protected, or have lost its mark."
            ),
        };
        Self {
            answer,
            tenant_id: tenant,
            message,
        }
    }
}

pub(in crate::http) fn describe() -> Operation {
    Operation::new(
        "checkPicture",
        Tag::Photos,
        "Whether anybody's picture is a photo of a tenant's, and was changed",
    )
    .about(
        "Without a token, where the operator lets the tenant be asked; anywhere else 404. One word, with nothing about the photo. \
         10 an hour from one address and 60 an hour of one tenant, one at a time; from the 21st answer about one photo in a day on it is \
         `KNOWN`. Nothing is kept of the picture.",
    )
    .path::<String>("tenantId", "The tenant.", "demo")
    .takes_photo::<PictureToCheck>(&json!({ "image": example::FILE }))
    .refuses(&[ErrorCode::RateLimitExceeded, ErrorCode::DatabaseUnavailable])
    .answers(Answer::json(
        200,
        "What the picture is.",
        &Response::new(CheckAnswer::Unchanged, "demo"),
    ))
}

pub(in crate::http) async fn handler(
    State(ctx): State<Context>,
    Path(tenant): Path<String>,
    Call(call): Call,
    request: Request,
) -> Result<response::Response, ApiError> {
    let check = check::admit(&ctx, &tenant, call.source).await?;
    let answered = answer(&ctx, &check, request).await;
    check.end().await;
    answered
}

async fn answer(
    ctx: &Context,
    check: &Check,
    request: Request,
) -> Result<response::Response, ApiError> {
    let tenant: &TenantId = check.tenant();
    let form = timeout(check::UPLOAD, PhotoForm::receive(request, ctx, tenant)).await;
    let form = form.map_err(|_| ApiError::new(ErrorCode::RequestTimeout))??;
    let picture = PictureToCheck {
        image: form.image.clone(),
    };
    let answer = check.ask(picture.image).await?;
    wire::json(&Response::new(answer, tenant.as_str()))
}
