//! `POST /api/v1/photos/register`: an id and a signed receipt before there is an image.

use axum::{extract::State, response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::{
    domain::{ContentHash, PhotoId, Place, Registration},
    http::{
        ErrorCode,
        error::ApiError,
        extract::{Fields, Idempotency, Json, VerifiedCaller},
        openapi::{Answer, Operation, Tag, example, schema::ONE_LINE},
        wire::{self, Time},
    },
    service::{self, Context, register},
};

/// What a client may tell about a photo, here and in `protect`.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Registration")]
pub(super) struct Request {
    /// SHA-256 of the file.
    content_hash: Option<ContentHash>,
    /// In a client's own words.
    #[schemars(length(max = 256), regex(pattern = ONE_LINE))]
    device_model: Option<String>,
    /// What the client calls the photo; can be changed later.
    #[schemars(length(max = 256), regex(pattern = ONE_LINE))]
    label: Option<String>,
    /// The photo's id in the client's own system.
    #[schemars(length(max = 256), regex(pattern = ONE_LINE))]
    external_id: Option<String>,
    #[serde(flatten)]
    place: Option<Place>,
    /// The place may be published. False without it.
    #[schemars(with = "Option<bool>")]
    publish_location: bool,
}

impl Request {
    pub(super) fn read(fields: &mut Fields<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            content_hash: fields.content_hash()?,
            device_model: fields.words("deviceModel"),
            label: fields.words("label"),
            external_id: fields.words("externalId"),
            place: fields.place(),
            publish_location: fields.flag("publishLocation"),
        })
    }
}

impl From<Request> for Registration {
    fn from(request: Request) -> Self {
        Self {
            content_hash: request.content_hash,
            device_model: request.device_model,
            label: request.label,
            external_id: request.external_id,
            place: request.place,
            publish_location: request.publish_location,
        }
    }
}

/// What was registered and when, signed.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Receipt")]
struct Response<'a> {
    /// The id to protect the photo under.
    photo_id: PhotoId,
    /// The tenant that registered it.
    tenant_id: &'a str,
    /// When it was registered.
    created_at: Time,
    /// The SHA-256 that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ContentHash")]
    content_hash: Option<ContentHash>,
    /// A detached JWS of the other members.
    signature: &'a str,
}

pub(in crate::http) fn describe() -> Operation {
    Operation::new("registerPhoto", Tag::Photos, "An id and a signed receipt, before there is an image")
        .about("`signature` is a detached JWS (RFC 7515) of the rest, as canonical JSON (RFC 8785); the keys of `/.well-known/jwks.json` check it.")
        .takes_json::<Request>(&json!({
            "contentHash": example::HASH, "deviceModel": "Leica M11-P", "label": "Town hall, north side",
            "externalId": "IMG-2027-0042", "latitude": 47.3769, "longitude": 8.5417,
        }))
        .once()
        .answers(
            Answer::json(
                200,
                "The id, and the receipt.",
                &Response {
                    photo_id: example::photo(),
                    tenant_id: "demo",
                    created_at: Time::EXAMPLE,
                    content_hash: example::hash(),
                    signature: "eyJhbGciOiJSUzI1NiJ9..c2lnbmF0dXJl",
                },
            )
            .headers(&["Idempotency-Replayed"]),
        )
        .refuses(&[ErrorCode::InvalidContentHash])
}

pub(in crate::http) async fn handler(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    idempotency: Idempotency,
    Json(body): Json,
) -> Result<response::Response, ApiError> {
    let mut fields = Fields::new(&body);
    let request = Request::read(&mut fields)?;
    fields.finish()?;
    let registration = Registration::from(request);
    let meaning = serde_json::to_vec(&*body).map_err(service::Error::internal)?;
    let once = idempotency.once(&[&meaning]).await;
    let registered = register::register(&ctx, &caller, &registration, once.as_ref()).await?;
    let mut response = wire::json(&Response {
        photo_id: registered.photo,
        tenant_id: caller.tenant.as_str(),
        created_at: Time(registered.created_at),
        content_hash: registration.content_hash,
        signature: &registered.signature,
    })?;
    Idempotency::tell(registered.replayed, response.headers_mut());
    Ok(response)
}
