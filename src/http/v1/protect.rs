//! `POST /api/v1/photos/protect`: a photo in, the marked photo out.

use axum::{
    body::Body,
    extract::State,
    http::{
        HeaderMap, HeaderName, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION},
    },
    response::Response,
};
use serde_json::{Map, Value};

use super::register::registration;
use crate::{
    domain::PhotoId,
    http::{
        error::ApiError,
        extract::{Fields, Idempotency, PhotoForm, VerifiedCaller, parse_object},
    },
    imaging::MetadataPolicy,
    service::{self, Context, protect},
};

/// Protects a photo.
pub(in crate::http) async fn handler(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    idempotency: Idempotency,
    form: PhotoForm,
) -> Result<Response, ApiError> {
    let (request, object) = read(&form)?;
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
    if !protected.dropped.is_empty() {
        headers.insert(
            HeaderName::from_static("x-metadata-dropped"),
            HeaderValue::from_str(&protected.dropped.to_string())
                .map_err(service::Error::internal)?,
        );
    }
    Idempotency::tell(protected.replayed, &mut headers);
    let mut response = Response::new(Body::from(protected.bytes));
    *response.headers_mut() = headers;
    Ok(response)
}

/// The image and the optional JSON beside it, as it is understood and as it came.
fn read(form: &PhotoForm) -> Result<(protect::Request, Map<String, Value>), ApiError> {
    let object = match form.text("request") {
        Some(json) => {
            parse_object(json.as_bytes()).map_err(|reason| ApiError::field("request", &reason))?
        }
        None => Map::new(),
    };
    let mut fields = Fields::new(&object);
    let registration = registration(&mut fields)?;
    let photo = fields.text("photoId").and_then(|text| {
        let photo = PhotoId::parse(text);
        if photo.is_none() {
            fields.refuse("photoId", "must be a UUID");
        }
        photo
    });
    let metadata = match fields.text("metadata") {
        None | Some("keep") => MetadataPolicy::Keep,
        Some("strip-gps") => MetadataPolicy::StripGps,
        Some("strip-all") => MetadataPolicy::StripAll,
        Some(_) => {
            fields.refuse("metadata", "must be keep, strip-gps or strip-all");
            MetadataPolicy::Keep
        }
    };
    fields.finish()?;
    let request = protect::Request {
        image: form.image.clone(),
        photo,
        registration,
        metadata,
    };
    Ok((request, object))
}
