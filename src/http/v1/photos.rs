//! `GET /api/v1/photos`, `GET` and `DELETE /api/v1/photos/{photoId}`: what the tenant has.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{page, wire};
use crate::{
    db::photos::{Cursor, StoredPhoto},
    domain::{ContentHash, PhotoId, Place, TenantId},
    http::{
        error::{ApiError, ErrorCode},
        extract::VerifiedCaller,
    },
    service::{Context, photos},
};

/// Lists photos, newest first.
pub(in crate::http) async fn list(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    query: page::Received,
) -> Result<Response, ApiError> {
    let (query, limit) = page::read(query)?;
    let cursor = query.get("cursor").map(|text| {
        read_cursor(text).ok_or_else(|| ApiError::field("cursor", "is not one of ours"))
    });
    let hash = query.get("contentHash").map(|text| {
        ContentHash::parse(text).ok_or_else(|| {
            ApiError::field("contentHash", "must be 64 lowercase hexadecimal digits")
        })
    });
    let page = photos::list(
        &ctx,
        &caller.tenant,
        cursor.transpose()?,
        hash.transpose()?,
        limit,
    )
    .await?;
    let items: Vec<Value> = page
        .items
        .iter()
        .map(|photo| item(&caller.tenant, photo))
        .collect::<Result<_, _>>()?;
    wire::json(&json!({ "items": items, "next": page.next.map(write_cursor) }))
}

/// Shows one photo.
pub(in crate::http) async fn get(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    Path(photo): Path<String>,
) -> Result<Response, ApiError> {
    let photo = photos::get(&ctx, &caller.tenant, parse(&photo)?).await?;
    wire::json(&item(&caller.tenant, &photo)?)
}

/// Forgets one photo.
pub(in crate::http) async fn delete(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    Path(photo): Path<String>,
) -> Result<Response, ApiError> {
    photos::delete(&ctx, &caller, parse(&photo)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What is no id names no photo.
fn parse(photo: &str) -> Result<PhotoId, ApiError> {
    PhotoId::parse(photo).ok_or_else(|| ApiError::new(ErrorCode::NotFound))
}

fn item(tenant: &TenantId, photo: &StoredPhoto) -> Result<Value, ApiError> {
    let protected = photo.protected.as_ref();
    Ok(json!({
        "photoId": photo.photo.to_string(),
        "tenantId": tenant.as_str(),
        "createdAt": wire::time(photo.created_at)?,
        "contentHash": photo.registration.content_hash.map(|hash| hash.to_string()),
        "deviceModel": photo.registration.device_model,
        "latitude": photo.registration.place.map(Place::latitude),
        "longitude": photo.registration.place.map(Place::longitude),
        "publishLocation": photo.registration.publish_location,
        "protectedAt": protected.map(|protected| wire::time(protected.protected_at)).transpose()?,
        "protectedSha256": protected.map(|protected| protected.sha256.to_string()),
        "format": protected.map(|protected| protected.format.as_str()),
        "width": protected.map(|protected| protected.width),
        "height": protected.map(|protected| protected.height),
        "protectionLevel": protected.map(|protected| protected.protection_level.as_str()),
    }))
}

/// A cursor is the time and id of the last photo seen; which tenant's, the token says.
fn write_cursor(cursor: Cursor) -> String {
    format!("{}.{}", cursor.created_at_us, cursor.photo)
}

fn read_cursor(text: &str) -> Option<Cursor> {
    let (created_at_us, photo) = text.split_once('.')?;
    Some(Cursor {
        created_at_us: page::whole(created_at_us)?,
        photo: PhotoId::parse(photo)?,
    })
}
