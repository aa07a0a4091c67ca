//! `/c2pa/v1/manifests`: manifest stores by the URN of their active manifest, fetched and stored.

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use std::collections::HashMap;

use super::{
    asker,
    receipts::{ReceiptJson, id},
};
use crate::{
    domain::KeepLimit,
    http::{
        error::{ApiError, ErrorCode},
        extract::{
            Call, PossibleCaller, VerifiedCaller, check_content_type, content_length, read_bounded,
        },
        openapi::{Answer, Operation, Tag, example},
        v1::page,
        wire,
    },
    service::{
        Context, resolution,
        soft_bindings::{manifests, receipts},
    },
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
    let active_alone = flag(&page::parameters(query)?, "returnActiveManifest")?;
    let manifest_id = id(&manifest_id)?;
    let asker = asker(caller, call);
    let store = resolution::fetch(&ctx, &asker, &manifest_id, active_alone).await?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Body::from(store)).into_response())
}

/// A parameter of the query that is true or false, and false when it is missing.
fn flag(query: &HashMap<String, String>, name: &'static str) -> Result<bool, ApiError> {
    match query.get(name).map(String::as_str) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(ApiError::field(name, "must be true or false")),
    }
}

/// A manifest that is stored.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct StoredManifest {
    /// The URN of the active manifest; a new one for bytes that are no manifest store.
    manifest_id: String,
    /// Where `returnReceipt` asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ReceiptJson")]
    receipt: Option<ReceiptJson>,
}

pub(in crate::http) fn describe_store() -> Operation {
    Operation::new(
        "storeManifest",
        Tag::SoftBindings,
        "Store a manifest that was made elsewhere",
    )
    .about(
        "Any bytes, up to 1 MiB, given back as they came; they take part in no verdict. The same bytes again are answered again; other bytes \
         of a manifest that is kept are 400. Up to 10,000 manifests and 1 GiB of a tenant. They are public where the operator lets the tenant publish.",
    )
    .takes_bytes(MEDIA_TYPE, "The manifest store (JUMBF), or other bytes.", example::STORE)
    .query(
        "returnReceipt",
        "`true` for a receipt beside the id.",
        &json!({ "type": "string", "enum": ["true", "false"] }),
    )
    .refuses(&[ErrorCode::QuotaExceeded, ErrorCode::ServerBusy])
    .answers(Answer::json(
        200,
        "It is stored.",
        &StoredManifest {
            manifest_id: example::MANIFEST.to_owned(),
            receipt: Some(ReceiptJson::example()),
        },
    ))
}

pub(in crate::http) fn describe_delete() -> Operation {
    Operation::new(
        "deleteStoredManifest",
        Tag::SoftBindings,
        "Delete a manifest that the tenant stored, and its bindings",
    )
    .about("Not that of a photo, which goes with the photo.")
    .path::<String>("manifestId", "The id of the manifest.", example::MANIFEST)
    .answers(Answer::empty(204, "It is gone."))
}

pub(in crate::http) async fn store(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    query: page::Received,
    request: Request,
) -> Result<Response, ApiError> {
    let wants_receipt = flag(&page::parameters(query)?, "returnReceipt")?;
    check_content_type(request.headers(), MEDIA_TYPE)?;
    let longest = KeepLimit::LONGEST_MANIFEST_BYTES;
    let length = content_length(request.headers()).and_then(|length| length.try_into().ok());
    let mut memory = ctx.bodies.receive(&caller.tenant);
    memory
        .take(length.unwrap_or(longest).min(longest))
        .map_err(ApiError::busy)?;
    let bytes = read_bounded(request, longest).await?;
    let stored = manifests::store(&ctx, &caller, bytes).await?;
    let receipt = match &stored.manifest {
        Some(manifest) if wants_receipt => {
            let proof = receipts::sign(&ctx, &stored.id, manifest)?;
            let url = &ctx.settings.public_url;
            Some(ReceiptJson::new(url, stored.id.as_str(), proof))
        }
        _ => None,
    };
    wire::json(&StoredManifest {
        manifest_id: stored.id.to_string(),
        receipt,
    })
}

pub(in crate::http) async fn delete(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    Path(manifest): Path<String>,
) -> Result<StatusCode, ApiError> {
    manifests::delete(&ctx, &caller, &id(&manifest)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
