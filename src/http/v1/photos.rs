//! `GET /api/v1/photos`, `GET /api/v1/photos/count`, `GET`, `PATCH` and `DELETE
//! /api/v1/photos/{photoId}`: what the tenant has.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{page, photo_filter};
use crate::{
    db::{photo_lists::Cursor, photos::StoredPhoto},
    domain::{ContentHash, FileFormat, MarkStrength, PhotoId, Place, TenantId},
    http::{
        error::{ApiError, ErrorCode},
        extract::{Fields, Json, VerifiedCaller},
        openapi::{Answer, Operation, Tag, example, schema::ONE_LINE},
        wire::{self, PageJson, Time},
    },
    service::{Context, photos},
};

/// What is kept of a photo. The members from `protectedAt` on are null until it is protected.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Photo")]
struct PhotoJson {
    /// The photo's id, a UUID.
    photo_id: PhotoId,
    /// The tenant whose photo it is.
    tenant_id: String,
    /// When it was registered.
    created_at: Time,
    /// SHA-256 of the file that came.
    content_hash: Option<ContentHash>,
    /// In a client's own words.
    #[schemars(length(max = 256), regex(pattern = ONE_LINE))]
    device_model: Option<String>,
    /// What the client calls the photo.
    #[schemars(length(max = 256), regex(pattern = ONE_LINE))]
    label: Option<String>,
    /// The photo's id in the client's own system.
    #[schemars(length(max = 256), regex(pattern = ONE_LINE))]
    external_id: Option<String>,
    /// In degrees; beside `longitude` only.
    #[schemars(range(min = -90, max = 90))]
    latitude: Option<f64>,
    /// In degrees; beside `latitude` only.
    #[schemars(range(min = -180, max = 180))]
    longitude: Option<f64>,
    /// The place may be published.
    publish_location: bool,
    /// When it was protected.
    protected_at: Option<Time>,
    /// SHA-256 of the file that was sent back.
    protected_sha256: Option<ContentHash>,
    /// The format of that file.
    #[schemars(with = "Option<String>")]
    format: Option<FileFormat>,
    /// Width in pixels, as viewers show it.
    #[schemars(range(min = 0))]
    width: Option<i32>,
    /// Height in pixels, as viewers show it.
    #[schemars(range(min = 0))]
    height: Option<i32>,
    /// How well the mark reads.
    protection_level: Option<MarkStrength>,
    /// Anybody may find its manifest by the photo, while the tenant publishes.
    publish_manifest: bool,
}

impl PhotoJson {
    fn new(tenant: &TenantId, photo: StoredPhoto) -> Self {
        let (registration, protected) = (photo.registration, photo.protected.as_ref());
        Self {
            photo_id: photo.photo,
            tenant_id: tenant.to_string(),
            created_at: Time(photo.created_at),
            content_hash: registration.content_hash,
            device_model: registration.device_model,
            label: registration.label,
            external_id: registration.external_id,
            latitude: registration.place.map(Place::latitude),
            longitude: registration.place.map(Place::longitude),
            publish_location: registration.publish_location,
            protected_at: protected.map(|protected| Time(protected.protected_at)),
            protected_sha256: protected.map(|protected| protected.sha256),
            format: protected.map(|protected| protected.format),
            width: protected.map(|protected| protected.width),
            height: protected.map(|protected| protected.height),
            protection_level: protected.map(|protected| protected.protection_level),
            publish_manifest: photo.is_published,
        }
    }

    fn example() -> Self {
        Self {
            photo_id: example::photo(),
            tenant_id: "demo".to_owned(),
            created_at: Time::EXAMPLE,
            content_hash: example::hash(),
            device_model: Some("Leica M11-P".to_owned()),
            label: Some("Town hall, north side".to_owned()),
            external_id: Some("IMG-2027-0042".to_owned()),
            latitude: Some(47.3769),
            longitude: Some(8.5417),
            publish_location: false,
            protected_at: Some(Time::EXAMPLE),
            protected_sha256: example::hash(),
            format: Some(FileFormat::Jpeg),
            width: Some(4000),
            height: Some(3000),
            protection_level: Some(MarkStrength::Full),
            publish_manifest: false,
        }
    }
}

/// What can be changed of a photo: one of these, or both.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PhotoChange", extend("minProperties" = 1))]
struct ChangeRequest {
    /// What the client calls the photo; null for nothing.
    #[schemars(with = "Option<String>", length(max = 256), regex(pattern = ONE_LINE))]
    label: LabelChange,
    /// Whether anybody may find its manifest by the photo, while the tenant publishes.
    publish_manifest: Option<bool>,
}

/// What becomes of a label.
enum LabelChange {
    Kept,
    Set(Option<String>),
}

impl ChangeRequest {
    fn read(body: &Map<String, Value>) -> Result<Self, ApiError> {
        let mut fields = Fields::new(body);
        let label = fields.words("label");
        let publish_manifest = fields.choice("publishManifest");
        let label = if body.contains_key("label") {
            LabelChange::Set(label)
        } else {
            if publish_manifest.is_none() {
                fields.refuse("label", "is required");
            }
            LabelChange::Kept
        };
        fields.finish()?;
        Ok(Self {
            label,
            publish_manifest,
        })
    }
}

pub(in crate::http) fn describe_list() -> Operation {
    let operation = Operation::new(
        "listPhotos",
        Tag::Photos,
        "The tenant's photos, newest first",
    )
    .about(
        "Filters narrow one another. A page looks at 100,000 photos at most, so that it may hold fewer than its limit, even none, \
         and yet have a `next`: only null ends the list.",
    )
    .paged(r"^[0-9]{1,18}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$");
    photo_filter::describe(operation).answers(Answer::json(
        200,
        "A page of photos.",
        &PageJson::whole(vec![PhotoJson::example()]),
    ))
}

/// How many photos there are.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PhotoCount")]
struct CountJson {
    /// So many were found.
    #[schemars(range(min = 0, max = 100_000))]
    count: i64,
    /// There are no more. False where there were more photos than are looked at.
    exact: bool,
}

pub(in crate::http) fn describe_count() -> Operation {
    let operation = Operation::new(
        "countPhotos",
        Tag::Photos,
        "How many photos the tenant has, by the filters of the list",
    )
    .about("Looks at the newest 100,000 at most; `exact` says whether those were all.");
    let example = CountJson {
        count: 42,
        exact: true,
    };
    photo_filter::describe(operation).answers(Answer::json(200, "The number.", &example))
}

pub(in crate::http) fn describe_get() -> Operation {
    Operation::new("getPhoto", Tag::Photos, "What is kept of a photo")
        .path::<PhotoId>("photoId", "The photo.", example::PHOTO)
        .answers(Answer::json(200, "What is kept.", &PhotoJson::example()))
}

pub(in crate::http) fn describe_change() -> Operation {
    Operation::new(
        "changePhoto",
        Tag::Photos,
        "Another label for a photo, or a manifest that is published",
    )
    .about("The file and its manifest stay as they are.")
    .path::<PhotoId>("photoId", "The photo.", example::PHOTO)
    .takes_json::<ChangeRequest>(
        &json!({ "label": "Town hall, north side", "publishManifest": true }),
    )
    .refuses(&[ErrorCode::Conflict])
    .answers(Answer::json(
        200,
        "What is kept of it now.",
        &PhotoJson::example(),
    ))
}

pub(in crate::http) fn describe_delete() -> Operation {
    Operation::new("deletePhoto", Tag::Photos, "Forget a photo")
        .about("Copies of it are recognised no more.")
        .path::<PhotoId>("photoId", "The photo.", example::PHOTO)
        .answers(Answer::empty(204, "Nothing is kept of it any more."))
}

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
    let (cursor, filter) = (cursor.transpose()?, photo_filter::read(&query)?);
    let page = photos::list(&ctx, &caller.tenant, cursor, &filter, limit).await?;
    let photos = page.items.into_iter();
    wire::json(&PageJson {
        items: photos
            .map(|photo| PhotoJson::new(&caller.tenant, photo))
            .collect(),
        next: page.next.map(write_cursor),
    })
}

/// Counts photos.
pub(in crate::http) async fn count(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    query: page::Received,
) -> Result<Response, ApiError> {
    let filter = photo_filter::read(&page::parameters(query)?)?;
    let count = photos::count(&ctx, &caller.tenant, &filter).await?;
    wire::json(&CountJson {
        count: count.photos,
        exact: count.exact,
    })
}

pub(in crate::http) async fn get(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    Path(photo): Path<String>,
) -> Result<Response, ApiError> {
    let photo = photos::get(&ctx, &caller.tenant, parse(&photo)?).await?;
    wire::json(&PhotoJson::new(&caller.tenant, photo))
}

/// Changes the label, and whether the manifest is published.
pub(in crate::http) async fn change(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    Path(photo): Path<String>,
    Json(body): Json,
) -> Result<Response, ApiError> {
    let photo = parse(&photo)?;
    let change = ChangeRequest::read(&body)?;
    let mut changed = None;
    if let Some(publish) = change.publish_manifest {
        changed = Some(photos::publish(&ctx, &caller, photo, publish).await?);
    }
    if let LabelChange::Set(label) = change.label {
        changed = Some(photos::label(&ctx, &caller, photo, label).await?);
    }
    let changed = changed.ok_or_else(|| ApiError::new(ErrorCode::ValidationFailed))?;
    wire::json(&PhotoJson::new(&caller.tenant, changed))
}

pub(in crate::http) async fn delete(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    Path(photo): Path<String>,
) -> Result<Response, ApiError> {
    photos::delete(&ctx, &caller, parse(&photo)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What is no id names no photo.
pub(super) fn parse(photo: &str) -> Result<PhotoId, ApiError> {
    PhotoId::parse(photo).ok_or_else(|| ApiError::new(ErrorCode::NotFound))
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
