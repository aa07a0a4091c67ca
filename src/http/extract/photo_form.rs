//! `multipart/form-data` (RFC 7578) with one photograph: the part `image`, and small text parts beside it.
//!
//! Parts come in any order; unknown ones are skipped, and empty text is none. The image is held in memory once. What arrives is
//! counted as it arrives, whatever part of the form it is.

use std::collections::HashMap;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, Multipart, Request, multipart::Field},
    http::{HeaderMap, HeaderValue, header::CONTENT_TYPE},
};
use sha2::{Digest, Sha256};

use super::{
    Caller,
    body::{check_content_type, content_length},
    intake::{Intake, OVERHEAD_BYTES},
};
use crate::{
    http::error::{ApiError, ErrorCode},
    service::Context,
};

/// Longest text part in bytes.
const LONGEST_TEXT_BYTES: usize = 64 * 1024;

/// Most parts that are looked at.
const MOST_PARTS: usize = 64;

/// Longest boundary in bytes (RFC 2046 section 5.1.1).
const LONGEST_BOUNDARY_BYTES: usize = 70;

/// The text parts that endpoints know.
const TEXT_PARTS: [&str; 3] = ["request", "photoId", "policy"];

/// A photograph and the words beside it.
#[derive(Debug)]
pub(in crate::http) struct PhotoForm {
    /// The file, as it came.
    pub(in crate::http) image: Bytes,
    texts: HashMap<&'static str, String>,
    /// SHA-256 of each part that nobody knows, with its name, in order of value.
    others: Vec<[u8; 32]>,
    /// Memory that the image holds; goes back when the form is dropped.
    _intake: Intake,
}

impl PhotoForm {
    /// The text part of that name.
    pub(in crate::http) fn text(&self, part: &str) -> Option<&str> {
        self.texts.get(part).map(String::as_str)
    }

    /// What stands for the parts that are skipped, if there are any; the same for the same parts in any order.
    pub(in crate::http) fn others(&self) -> Option<Vec<u8>> {
        (!self.others.is_empty()).then(|| self.others.concat())
    }
}

impl FromRequest<Context> for PhotoForm {
    type Rejection = ApiError;

    async fn from_request(mut request: Request, ctx: &Context) -> Result<Self, ApiError> {
        check_content_type(request.headers(), "multipart/form-data")?;
        quote_boundary(request.headers_mut())?;
        let max = ctx.settings.limits.max_bytes as u64;
        let length = content_length(request.headers());
        if let Some(length) = length.filter(|length| *length > max + OVERHEAD_BYTES) {
            return Err(ApiError::too_large("image", "bytes", max, length));
        }
        if ctx.images.is_full() {
            return Err(ApiError::new(ErrorCode::ServerBusy));
        }
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, ctx).await?;
        let intake = Intake::new(body, max, ctx.uploads.begin(&caller.tenant));
        let request = Request::from_parts(parts, Body::new(intake.clone()));
        Self::read(request, ctx, &intake, (max, length.unwrap_or(0).min(max)))
            .await
            .map_err(|error| intake.refusal().unwrap_or(error))
    }
}

impl PhotoForm {
    async fn read(
        request: Request,
        ctx: &Context,
        intake: &Intake,
        (max, expected): (u64, u64),
    ) -> Result<Self, ApiError> {
        let mut multipart = Multipart::from_request(request, ctx)
            .await
            .map_err(|_| malformed())?;
        let (mut image, mut texts, mut others) = (None, HashMap::new(), Vec::new());
        let mut beside = 0;
        for _ in 0..=MOST_PARTS {
            let Some(field) = multipart.next_field().await.map_err(|_| malformed())? else {
                others.sort_unstable();
                return Ok(Self {
                    image: image.ok_or_else(|| ApiError::field("image", "is required"))?,
                    texts,
                    others,
                    _intake: intake.clone(),
                });
            };
            intake.progress();
            let mut part = Part { field, intake };
            let name = part.field.name().unwrap_or_default();
            if name == "image" {
                if image.is_some() {
                    return Err(ApiError::field("image", "must be given once"));
                }
                image = Some(read_image(&mut part, max, expected).await?);
            } else if let Some(name) = TEXT_PARTS.into_iter().find(|known| *known == name) {
                let text = read_text(&mut part, name).await?;
                add(&mut texts, name, text)?;
            } else {
                others.push(skip(&mut part, &mut beside).await?);
            }
        }
        let reason = format!("has more than {MOST_PARTS} parts");
        Err(ApiError::field("body", &reason))
    }
}

/// A part that is being read.
struct Part<'a> {
    field: Field<'a>,
    intake: &'a Intake,
}

impl Part<'_> {
    /// The next piece of its content.
    async fn chunk(&mut self) -> Result<Option<Bytes>, ApiError> {
        let chunk = self.field.chunk().await.map_err(|_| malformed())?;
        self.intake.progress();
        Ok(chunk)
    }
}

/// Puts the boundary into quotes, which some clients leave out where it needs them. Parsers differ in which of two they take, and how
/// long one may be, so there is one of the length that the standard allows.
fn quote_boundary(headers: &mut HeaderMap) -> Result<(), ApiError> {
    let value = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let boundaries = value.unwrap_or_default().split(';').skip(1);
    let mut boundaries = boundaries
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"));
    let wrong = |reason| ApiError::field("Content-Type", reason);
    let boundary = match (boundaries.next(), boundaries.next()) {
        (Some((_, boundary)), None) => boundary.trim().trim_matches('"'),
        (Some(_), Some(_)) => return Err(wrong("names two boundaries")),
        (None, _) => {
            return Err(wrong(
                "names no boundary; most HTTP clients set this header themselves",
            ));
        }
    };
    let fits = (1..=LONGEST_BOUNDARY_BYTES).contains(&boundary.len());
    let quoted = format!("multipart/form-data; boundary=\"{boundary}\"");
    let quoted = HeaderValue::from_str(&quoted).ok().filter(|_| fits);
    let quoted = quoted.ok_or_else(|| wrong("must name a boundary of 1 to 70 characters"))?;
    headers.insert(CONTENT_TYPE, quoted);
    Ok(())
}

/// Reads the image; one that is too long is counted to its end, so that the answer can say how long it was.
async fn read_image(part: &mut Part<'_>, max: u64, expected: u64) -> Result<Bytes, ApiError> {
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
    let mut actual = 0;
    while let Some(chunk) = part.chunk().await? {
        actual += chunk.len() as u64;
        if actual <= max {
            bytes.extend_from_slice(&chunk);
        }
    }
    match actual {
        0 => Err(ApiError::field("image", "must not be empty")),
        _ if actual > max => Err(ApiError::too_large("image", "bytes", max, actual)),
        _ => Ok(bytes.into()),
    }
}

/// Adds a text part; an empty one is none, as forms send what nobody filled in. Some clients send `request` again as their
/// language writes objects (`[object Object]`): beside an object, what is none does not count.
fn add(
    texts: &mut HashMap<&'static str, String>,
    part: &'static str,
    text: String,
) -> Result<(), ApiError> {
    let stray = |text: &str| part == "request" && !text.trim_start().starts_with('{');
    match texts.get(part) {
        _ if text.trim().is_empty() => {}
        Some(_) if stray(&text) => {}
        Some(before) if !stray(before) => return Err(ApiError::field(part, "must be given once")),
        _ => {
            texts.insert(part, text);
        }
    }
    Ok(())
}

async fn read_text(part: &mut Part<'_>, name: &'static str) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = part.chunk().await? {
        if bytes.len() + chunk.len() > LONGEST_TEXT_BYTES {
            return Err(ApiError::field(name, "is too long"));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| ApiError::field(name, "must be UTF-8"))
}

/// Passes over a part; SHA-256 of it, its name and what it holds. All of them together must not be long.
async fn skip(part: &mut Part<'_>, beside: &mut u64) -> Result<[u8; 32], ApiError> {
    let name = part.field.name().unwrap_or_default();
    let mut hash = Sha256::new();
    hash.update((name.len() as u64).to_be_bytes());
    hash.update(name);
    while let Some(chunk) = part.chunk().await? {
        hash.update(&chunk);
        *beside += chunk.len() as u64;
        if *beside > OVERHEAD_BYTES {
            return Err(ApiError::too_large(
                "body",
                "bytes",
                OVERHEAD_BYTES,
                *beside,
            ));
        }
    }
    Ok(hash.finalize().into())
}

fn malformed() -> ApiError {
    ApiError::field(
        "body",
        "is not well-formed multipart/form-data, or is cut off",
    )
}
