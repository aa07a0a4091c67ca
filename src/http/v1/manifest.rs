//! `GET /api/v1/photos/{photoId}/manifest`: the manifest that was signed for a photo.

use axum::{
    body::Body,
    extract::{Path, State},
    http::{
        HeaderMap, HeaderName, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{page, photos};
use crate::{
    domain::PhotoId,
    http::{
        error::ApiError,
        extract::VerifiedCaller,
        openapi::{Answer, Operation, Tag, example},
        wire,
    },
    service::{self, Context, manifests},
};

/// The media type of a manifest store without a file (C2PA 2.4, 11.4).
const MEDIA_TYPE: &str = "application/c2pa";

pub(in crate::http) fn describe() -> Operation {
    Operation::new(
        "getManifest",
        Tag::Photos,
        "The content credentials that were signed for a photo",
    )
    .about(
        "As the protected file carried them, also where they have been stripped from it. They say what was signed; whether a file is \
         the photo, `verify` tells.",
    )
    .path::<PhotoId>("photoId", "The photo.", example::PHOTO)
    .query(
        "format",
        "`json` for a report that people can read, in place of the bytes.",
        &json!({ "type": "string", "enum": ["json"] }),
    )
    .answers(
        Answer::empty(200, "The manifest store (JUMBF), or the report.")
            .headers(&["X-C2PA-Manifest-Id"])
            .with(
                MEDIA_TYPE,
                json!({ "schema": { "description": "The bytes." }, "example": example::STORE }),
            )
            .with(
                "application/json",
                json!({ "schema": { "type": "object" }, "example": { "active_manifest": example::MANIFEST } }),
            ),
    )
}

pub(in crate::http) async fn handler(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    Path(photo): Path<String>,
    query: page::Received,
) -> Result<Response, ApiError> {
    let photo = photos::parse(&photo)?;
    let readable = match page::read(query)?.0.get("format").map(String::as_str) {
        None => false,
        Some("json") => true,
        Some(_) => return Err(ApiError::field("format", "must be json")),
    };
    let kept = manifests::get(&ctx, &caller.tenant, photo).await?;
    let mut headers = HeaderMap::new();
    headers.insert(
        HeaderName::from_static("x-c2pa-manifest-id"),
        HeaderValue::from_str(&kept.manifest_id).map_err(service::Error::internal)?,
    );
    if readable {
        let report = manifests::report(&ctx, &caller.tenant, kept.store).await?;
        return Ok((headers, wire::json(&report)?).into_response());
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok((headers, Body::from(kept.store)).into_response())
}
