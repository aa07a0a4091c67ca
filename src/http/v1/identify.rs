//! `POST /api/v1/photos/identify`: which photo of the tenant is this image.

use axum::{body::Bytes, extract::State, response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::{
    domain::{
        PhotoId,
        verdict::{Alteration, Verdict, WatermarkStatus},
    },
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
    matches: Vec<MatchJson>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Match")]
struct MatchJson {
    /// The photo that was found.
    photo_id: PhotoId,
    /// The mark of this photo is there, what is seen agrees with the protected content, no
    /// alteration was found, and the policy is met. What was cut off, what lies around the photo,
    /// and alterations smaller than `smallestVisible` are not spoken for.
    authentic: bool,
    /// `zScore` on a scale for people, as in `verify`.
    #[schemars(range(min = 0, max = 100))]
    confidence_score: f64,
    watermark_status: WatermarkStatus,
    verdict: Verdict,
    alteration: Alteration,
}

impl From<identify::Match> for MatchJson {
    fn from(one: identify::Match) -> Self {
        let evidence = one.found.evidence;
        Self {
            photo_id: one.photo,
            authentic: evidence.authentic(),
            confidence_score: one.found.mark.confidence,
            watermark_status: evidence.watermark,
            verdict: evidence.verdict(),
            alteration: evidence.alteration(),
        }
    }
}

pub(in crate::http) fn describe() -> Operation {
    let example = Response {
        matches: vec![MatchJson {
            photo_id: example::photo(),
            authentic: true,
            confidence_score: 97.5,
            watermark_status: WatermarkStatus::Detected,
            verdict: Verdict::Recovered,
            alteration: Alteration::NoneFound,
        }],
    };
    Operation::new(
        "identifyPhoto",
        Tag::Photos,
        "Which of the tenant's photos is this image",
    )
    .about(
        "By the mark, not by the look. Best first, mostly one or none. A match is not yet authentic: a mark can be carried to other \
         content (`CONFLICT`), and a marked photo can be altered (`ALTERED`). `verify` with the id says more.",
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
        matches: found.into_iter().map(MatchJson::from).collect(),
    })
}
