//! `POST /api/v1/photos/protect`: a photo in, the marked photo out.

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{
        HeaderMap, HeaderName, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION},
    },
    response::Response,
};
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::register;
use crate::{
    domain::PhotoId,
    http::{
        ErrorCode,
        error::ApiError,
        extract::{Fields, Idempotency, PhotoForm, VerifiedCaller, parse_object},
        openapi::{
            Answer, Operation, Tag, example,
            schema::{image_file, without_null},
        },
    },
    imaging::MetadataPolicy,
    service::{self, Context, protect},
};

/// A photograph, and what its client tells about it.
#[derive(JsonSchema)]
#[schemars(transform = without_null)]
struct PhotoToProtect {
    #[schemars(schema_with = "image_file")]
    image: Bytes,
    #[schemars(with = "Option<Request>")]
    request: Request,
}

/// What may be told beside the image.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ProtectRequest")]
struct Request {
    #[serde(flatten)]
    registration: register::Request,
    /// A registered photo that is not protected yet.
    photo_id: Option<PhotoId>,
    /// What becomes of the file's metadata. `keep`, the default: all that is still true.
    /// `strip-gps`: no place and no smaller picture is left. `strip-all`: only colour, density and
    /// orientation. `X-Metadata-Dropped` names what went.
    #[schemars(with = "Option<MetadataPolicy>")]
    metadata: MetadataPolicy,
    /// Whether anybody may find the photo's manifest by the photo, while the tenant publishes.
    /// Without it, what `publishManifests` of the tenant's policy says.
    publish_manifest: Option<bool>,
}

pub(in crate::http) fn describe() -> Operation {
    let mut image = Answer::empty(
        200,
        "The protected photo, in the format in which it came. The mark was read back from these bytes.",
    )
    .headers(&[
        "X-Photo-Id",
        "X-Content-SHA256",
        "X-Watermark-PSNR",
        "X-Protection-Level",
        "X-C2PA-Status",
        "X-C2PA-Manifest-Id",
        "X-Content-Copies",
        "X-Content-Growth",
        "X-Metadata-Dropped",
        "Idempotency-Replayed",
        "Location",
        "Content-Disposition",
    ]);
    for media_type in ["image/jpeg", "image/png", "image/webp"] {
        let bytes = json!({ "schema": { "description": "The bytes of the file." } });
        image = image.with(media_type, bytes);
    }
    Operation::new("protectPhoto", Tag::Photos, "A photo in, the marked photo out")
        .about("No image is stored. The limits to bytes and pixels are in the answer of `GET /api/v1/me`.")
        .takes_photo::<PhotoToProtect>(&json!({
            "image": example::FILE, "request": { "deviceModel": "Leica M11-P", "metadata": "strip-gps" },
        }))
        .once()
        .answers(image)
        .refuses(&[
            ErrorCode::InvalidContentHash,
            ErrorCode::ImageNotProtectable,
            ErrorCode::NotFound,
            ErrorCode::Conflict,
            ErrorCode::SignerUnavailable,
        ])
}

pub(in crate::http) async fn handler(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    idempotency: Idempotency,
    form: PhotoForm,
) -> Result<Response, ApiError> {
    let (PhotoToProtect { image, request }, object) = PhotoToProtect::read(&form)?;
    let request = protect::Request {
        image,
        photo: request.photo_id,
        registration: request.registration.into(),
        metadata: request.metadata,
        publish: request.publish_manifest,
    };
    let names_a_photo = request.photo.is_some();
    let words = serde_json::to_vec(&object).map_err(service::Error::internal)?;
    let [photo_id, policy] = ["photoId", "policy"].map(|part| form.text(part).unwrap_or_default());
    let others = form.others();
    let mut meaning = vec![
        &*request.image,
        &words,
        photo_id.as_bytes(),
        policy.as_bytes(),
    ];
    meaning.extend(others.as_deref());
    let once = idempotency.once(&meaning).await;
    let protected = protect::protect(&ctx, &caller, request, once.as_ref())
        .await
        .map_err(|error| {
            if names_a_photo {
                ApiError::of_named_photo(error)
            } else {
                error.into()
            }
        })?;
    let mut headers = headers(&protected)?;
    Idempotency::tell(protected.replayed, &mut headers);
    let mut response = Response::new(Body::from(protected.bytes));
    *response.headers_mut() = headers;
    Ok(response)
}

/// What is said about the file beside it.
fn headers(protected: &protect::Protected) -> Result<HeaderMap, ApiError> {
    let photo = protected.photo;
    let file = format!("protected_{photo}.{}", protected.format.extension());
    let mut headers = HeaderMap::new();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(protected.format.content_type()),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in [
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{file}\""),
        ),
        (LOCATION, format!("/api/v1/photos/{photo}")),
        (HeaderName::from_static("x-photo-id"), photo.to_string()),
        (
            HeaderName::from_static("x-content-sha256"),
            protected.sha256.to_string(),
        ),
        (
            HeaderName::from_static("x-watermark-psnr"),
            format!("{:.2}", protected.report.psnr_db),
        ),
        (
            HeaderName::from_static("x-protection-level"),
            protected.report.level.as_str().to_owned(),
        ),
        (
            HeaderName::from_static("x-c2pa-status"),
            (protected.manifest_id.as_ref())
                .map_or("UNSIGNED", |_| "SIGNED")
                .to_owned(),
        ),
        (
            HeaderName::from_static("x-content-copies"),
            protected.copies.to_string(),
        ),
        (
            HeaderName::from_static("x-content-growth"),
            format!("{:.2}", protected.growth),
        ),
    ] {
        headers.insert(
            name,
            HeaderValue::from_str(&value).map_err(service::Error::internal)?,
        );
    }
    if let Some(manifest_id) = &protected.manifest_id {
        headers.insert(
            HeaderName::from_static("x-c2pa-manifest-id"),
            HeaderValue::from_str(manifest_id).map_err(service::Error::internal)?,
        );
    }
    if !protected.dropped.is_empty() {
        headers.insert(
            HeaderName::from_static("x-metadata-dropped"),
            HeaderValue::from_str(&protected.dropped.to_string())
                .map_err(service::Error::internal)?,
        );
    }
    Ok(headers)
}

impl PhotoToProtect {
    /// The form, and the members of its `request` as they came.
    fn read(form: &PhotoForm) -> Result<(Self, Map<String, Value>), ApiError> {
        let object = match form.text("request") {
            Some(json) => parse_object(json.as_bytes())
                .map_err(|reason| ApiError::field("request", &reason))?,
            None => Map::new(),
        };
        let mut fields = Fields::new(&object);
        let registration = register::Request::read(&mut fields)?;
        let photo_id = fields.text("photoId").and_then(|text| {
            let photo = PhotoId::parse(text);
            if photo.is_none() {
                fields.refuse("photoId", "must be a UUID");
            }
            photo
        });
        let metadata = fields
            .text("metadata")
            .map_or(Some(MetadataPolicy::default()), MetadataPolicy::parse);
        if metadata.is_none() {
            fields.refuse("metadata", "must be keep, strip-gps or strip-all");
        }
        let publish_manifest = fields.choice("publishManifest");
        fields.finish()?;
        let request = Request {
            registration,
            photo_id,
            metadata: metadata.unwrap_or_default(),
            publish_manifest,
        };
        let image = form.image.clone();
        Ok((Self { image, request }, object))
    }
}
