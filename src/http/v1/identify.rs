//! `POST /api/v1/photos/identify`: which photo of the tenant is this image.

use axum::{body::Bytes, extract::State, response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use time::OffsetDateTime;

use super::verification;
use crate::{
    domain::{ContentHash, TenantId},
    http::{
        error::ApiError,
        extract::{PhotoForm, VerifiedCaller},
        openapi::{
            Answer, Operation, Tag, example,
            schema::{ONE_LINE, image_file},
        },
        wire::{self, Time},
    },
    service::{
        Context,
        identify::{self, Match},
    },
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
    matches: Vec<MatchJson>,
}

/// What `verify` says of the photo, and what is kept of it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Match")]
struct MatchJson {
    #[serde(flatten)]
    verification: verification::Response,
    /// What the client calls the photo.
    #[schemars(length(max = 256), regex(pattern = ONE_LINE))]
    label: Option<String>,
    /// The photo's id in the client's own system.
    #[schemars(length(max = 256), regex(pattern = ONE_LINE))]
    external_id: Option<String>,
    /// When it was protected.
    protected_at: Option<Time>,
    /// Width of the protected file in pixels, as viewers show it.
    #[schemars(range(min = 0))]
    width: Option<i32>,
    /// Height of the protected file in pixels, as viewers show it.
    #[schemars(range(min = 0))]
    height: Option<i32>,
    /// SHA-256 of the protected file.
    protected_sha256: Option<ContentHash>,
    /// The program that examined the image, and its version.
    engine: &'static str,
    /// When it had examined it.
    examined_at: Time,
}

/// The program and its version.
const ENGINE: &str = concat!("lumatrace ", env!("CARGO_PKG_VERSION"));

impl MatchJson {
    fn new(tenant: &TenantId, one: Match, examined_at: OffsetDateTime) -> Self {
        let Match { photo, found } = one;
        let protected = photo.protected.as_ref();
        Self {
            verification: verification::Response::new(tenant, photo.photo, &found),
            label: photo.registration.label,
            external_id: photo.registration.external_id,
            protected_at: protected.map(|protected| Time(protected.protected_at)),
            width: protected.map(|protected| protected.width),
            height: protected.map(|protected| protected.height),
            protected_sha256: protected.map(|protected| protected.sha256),
            engine: ENGINE,
            examined_at: Time(examined_at),
        }
    }

    fn example() -> Self {
        Self {
            verification: verification::Response::example(),
            label: Some("Town hall, north side".to_owned()),
            external_id: Some("IMG-2027-0042".to_owned()),
            protected_at: Some(Time::EXAMPLE),
            width: Some(4000),
            height: Some(3000),
            protected_sha256: example::hash(),
            engine: ENGINE,
            examined_at: Time::EXAMPLE,
        }
    }
}

pub(in crate::http) fn describe() -> Operation {
    let example = Response {
        matches: vec![MatchJson::example()],
    };
    Operation::new(
        "identifyPhoto",
        Tag::Photos,
        "Which of the tenant's photos is this image",
    )
    .about(
        "By the mark, not by the look. Best first, mostly one or none. A match is not yet authentic: a mark can be carried to other \
         content (`CONFLICT`), and a marked photo can be altered (`ALTERED`). Each match is what `verify` with its id would answer, \
         and what is kept of the photo.",
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
    let matches = found.matches.into_iter();
    wire::json(&Response {
        matches: matches
            .map(|one| MatchJson::new(&caller.tenant, one, found.examined_at))
            .collect(),
    })
}
