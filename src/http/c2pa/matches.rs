//! `/c2pa/v1/matches`: which manifests belong to a soft binding, or to a picture.

use axum::{
    extract::{Request, State},
    response,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use std::collections::HashMap;

use super::asker;
use crate::{
    http::{
        error::{ApiError, ErrorCode, Limit},
        extract::{Call, Fields, Json, PlainImage, PossibleCaller},
        openapi::{Answer, Operation, Tag, example},
        v1::page,
        wire,
    },
    service::{
        Context,
        resolution::{self, Match},
    },
};

/// Longest value of a soft binding, in bytes.
const LONGEST_VALUE_BYTES: usize = 4096;
/// Matches, unless the client asks for fewer or more, and at most.
const USUAL_MATCHES: usize = 10;
const MOST_MATCHES: usize = 100;

/// The manifests that were found, best first.
#[derive(Serialize, JsonSchema)]
struct Matches {
    matches: Vec<MatchJson>,
}

/// A manifest that was found.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ManifestMatch")]
struct MatchJson {
    /// Its URN.
    manifest_id: String,
    /// How sure it is that it belongs to what was sent. Whether a picture was altered, it does not
    /// say.
    #[schemars(range(min = 0, max = 100))]
    similarity_score: u8,
}

impl Matches {
    fn new(found: Vec<Match>) -> Self {
        let found = found.into_iter().map(|one| MatchJson {
            manifest_id: one.manifest_id,
            similarity_score: one.score,
        });
        Self {
            matches: found.collect(),
        }
    }

    fn answer(score: u8) -> Answer {
        let example = Self {
            matches: vec![MatchJson {
                manifest_id: example::MANIFEST.to_owned(),
                similarity_score: score,
            }],
        };
        Answer::json(
            200,
            "The manifests that were found, best first; none, too.",
            &example,
        )
    }
}

/// A soft binding.
#[derive(JsonSchema)]
struct Binding {
    /// What it binds: of ours, the 16 bytes of the photo's id, in base64.
    #[schemars(length(min = 1, max = 4096))]
    value: String,
    /// The name of its algorithm; of ours, as `supportedAlgorithms` tells it.
    #[schemars(length(min = 1))]
    alg: String,
}

fn limited(operation: Operation) -> Operation {
    operation.query(
        "maxResults",
        "Most matches; more than 100 are never told.",
        &json!({ "type": "integer", "minimum": 1, "default": USUAL_MATCHES }),
    )
}

pub(in crate::http) fn describe_by_binding() -> Operation {
    let operation = Operation::new(
        "findManifestsByBinding",
        Tag::SoftBindings,
        "The manifests of a soft binding",
    )
    .needed_query("value", "What it binds.", "fw0VvI82TQuLBRJfrC2Zig==")
    .needed_query(
        "alg",
        "The name of its algorithm.",
        "com.example.lumatrace.wm.1",
    )
    .refuses(&[ErrorCode::UriTooLong]);
    limited(operation).answers(Matches::answer(100))
}

pub(in crate::http) fn describe_by_long_binding() -> Operation {
    let operation = Operation::new(
        "findManifestsByLongBinding",
        Tag::SoftBindings,
        "The manifests of a soft binding that is too long for a query",
    )
    .takes_json::<Binding>(
        &json!({ "value": "fw0VvI82TQuLBRJfrC2Zig==", "alg": "com.example.lumatrace.wm.1" }),
    );
    limited(operation).answers(Matches::answer(100))
}

pub(in crate::http) fn describe_by_content() -> Operation {
    let operation = Operation::new(
        "findManifestsByContent",
        Tag::SoftBindings,
        "The published manifests of the photos whose mark is in a picture",
    )
    .about(
        "By the mark, over all tenants that publish. Without a token 30 an hour from one network; about one photo a network gets 20 answers a day. \
         A mark on other content leads to no manifest; an altered photo leads to the manifest of what it was.",
    )
    .takes_image()
    .query(
        "alg",
        "The algorithm to look for; any other than ours finds nothing.",
        &json!({ "type": "string" }),
    )
    .query(
        "hintAlg",
        "With `hintValue`: the algorithm of a soft binding, which is looked up if the picture leads nowhere.",
        &json!({ "type": "string" }),
    )
    .query("hintValue", "Its value.", &json!({ "type": "string", "maxLength": 4096 }))
    .refuses(&[ErrorCode::RateLimitExceeded, ErrorCode::DatabaseUnavailable]);
    limited(operation).answers(Matches::answer(90))
}

/// Reads `maxResults`.
fn most(query: &HashMap<String, String>) -> Result<usize, ApiError> {
    let Some(text) = query.get("maxResults") else {
        return Ok(USUAL_MATCHES);
    };
    let most = text.parse::<u32>().ok().filter(|most| *most > 0);
    most.map(|most| (most as usize).min(MOST_MATCHES))
        .ok_or_else(|| ApiError::field("maxResults", "must be a whole number from 1"))
}

fn required<'q>(
    query: &'q HashMap<String, String>,
    name: &'static str,
) -> Result<&'q str, ApiError> {
    let value = query.get(name).map(String::as_str);
    value.ok_or_else(|| ApiError::field(name, "is required"))
}

pub(in crate::http) async fn by_binding(
    caller: PossibleCaller,
    call: Call,
    State(ctx): State<Context>,
    query: page::Received,
) -> Result<response::Response, ApiError> {
    let query = page::parameters(query)?;
    let (value, algorithm, most) = (
        required(&query, "value")?,
        required(&query, "alg")?,
        most(&query)?,
    );
    if value.len() > LONGEST_VALUE_BYTES {
        return Err(ApiError::new(ErrorCode::UriTooLong));
    }
    let found = resolution::by_binding(&ctx, &asker(caller, call), value, algorithm, most).await?;
    wire::json(&Matches::new(found))
}

pub(in crate::http) async fn by_long_binding(
    caller: PossibleCaller,
    call: Call,
    State(ctx): State<Context>,
    query: page::Received,
    Json(body): Json,
) -> Result<response::Response, ApiError> {
    let most = most(&page::parameters(query)?)?;
    let mut fields = Fields::new(&body);
    let binding = Binding {
        value: fields.required_text("value").to_owned(),
        alg: fields.required_text("alg").to_owned(),
    };
    fields.finish()?;
    let (longest, actual) = (LONGEST_VALUE_BYTES as u64, binding.value.len() as u64);
    if actual > longest {
        return Err(ApiError::too_large("value", Limit::Bytes, longest, actual));
    }
    let asker = asker(caller, call);
    let found = resolution::by_binding(&ctx, &asker, &binding.value, &binding.alg, most).await?;
    wire::json(&Matches::new(found))
}

pub(in crate::http) async fn by_content(
    caller: PossibleCaller,
    call: Call,
    State(ctx): State<Context>,
    query: page::Received,
    request: Request,
) -> Result<response::Response, ApiError> {
    let query = page::parameters(query)?;
    let most = most(&query)?;
    let asker = asker(caller, call);
    resolution::admit(&ctx, &asker).await?;
    let image = PlainImage::receive(request, &ctx, &asker.party()).await?;
    let is_ours = |alg: &String| *alg == ctx.settings.soft_binding;
    let mut found = Vec::new();
    if query.get("alg").is_none_or(is_ours) {
        let content = resolution::by_content(&ctx, &asker, image.bytes.clone(), most).await;
        found = content.map_err(ApiError::of_plain_image)?;
    }
    if let (true, Some(alg), Some(value)) = (
        found.is_empty(),
        query.get("hintAlg"),
        query.get("hintValue"),
    ) {
        found = resolution::by_binding(&ctx, &asker, value, alg, most).await?;
    }
    wire::json(&Matches::new(found))
}
