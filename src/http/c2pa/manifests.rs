//! `GET /c2pa/v1/manifests/{manifestId}`: the manifest store of that URN.

use axum::{
    body::Body,
    extract::{Path, State},
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::asker;
use crate::{
    http::{
        error::ApiError,
        extract::{Call, PossibleCaller},
        openapi::{Answer, Operation, Tag, example},
        v1::page,
    },
    service::{Context, resolution},
};

/// The media type of a manifest store without a file (C2PA 2.4, 11.4).
const MEDIA_TYPE: &str = "application/c2pa";

pub(in crate::http) fn describe_fetch() -> Operation {
    Operation::new(
        "fetchManifest",
        Tag::SoftBindings,
        "The manifest store of a URN",
    )
    .about(
        "Of a photo whose tenant publishes its manifest, or of the caller's own. Any other is 404, as if there were none.",
    )
    .path::<String>("manifestId", "The URN of the manifest.", example::MANIFEST)
    .query(
        "returnActiveManifest",
        "`true` for the active manifest alone, without those of its ingredients.",
        &json!({ "type": "string", "enum": ["true", "false"] }),
    )
    .answers(Answer::empty(200, "The manifest store (JUMBF).").with(
        MEDIA_TYPE,
        json!({ "schema": { "description": "The bytes." }, "example": example::STORE }),
    ))
}

pub(in crate::http) async fn fetch(
    caller: PossibleCaller,
    call: Call,
    State(ctx): State<Context>,
    Path(manifest_id): Path<String>,
    query: page::Received,
) -> Result<Response, ApiError> {
    let active_alone = match page::parameters(query)?
        .get("returnActiveManifest")
        .map(String::as_str)
    {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => {
            return Err(ApiError::field(
                "returnActiveManifest",
                "must be true or false",
            ));
        }
    };
    let asker = asker(caller, call);
    let store = resolution::fetch(&ctx, &asker, &manifest_id, active_alone).await?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Body::from(store)).into_response())
}
