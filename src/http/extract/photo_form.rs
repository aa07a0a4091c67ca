//! `multipart/form-data` (RFC 7578) with one photograph: the part `image`, and small text parts beside it.
//!
//! Parts come in any order; unknown ones are skipped, and empty text is none. The image is held in memory once, and all images that are being received
//! share one budget, so a crowd of uploads is refused rather than swapped.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Bytes,
    extract::{
        FromRequest, Multipart, Request,
        multipart::{Field, MultipartError},
    },
    http::header::CONTENT_LENGTH,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::json::check_content_type;
use crate::{
    http::error::{ApiError, ErrorCode},
    service::Context,
};

/// What a body may have beside its image, in bytes: boundaries, part headers, text parts.
const OVERHEAD_BYTES: u64 = 1 << 20;

/// Longest text part in bytes.
const LONGEST_TEXT_BYTES: usize = 64 * 1024;

/// Most parts that are looked at.
const MOST_PARTS: usize = 64;

/// The text parts that endpoints know.
const TEXT_PARTS: [&str; 3] = ["request", "photoId", "policy"];

/// A photograph and the words beside it.
#[derive(Debug)]
pub(in crate::http) struct PhotoForm {
    /// The file, as it came.
    pub(in crate::http) image: Bytes,
    texts: HashMap<&'static str, String>,
    /// Memory that the image holds; goes back when the form is dropped.
    _memory: Memory,
}

impl PhotoForm {
    /// The text part of that name.
    pub(in crate::http) fn text(&self, part: &str) -> Option<&str> {
        self.texts.get(part).map(String::as_str)
    }
}

impl FromRequest<Context> for PhotoForm {
    type Rejection = ApiError;

    async fn from_request(request: Request, ctx: &Context) -> Result<Self, ApiError> {
        check_content_type(request.headers(), "multipart/form-data")?;
        let max = ctx.settings.limits.max_bytes as u64;
        let length = request.headers().get(CONTENT_LENGTH);
        let length: Option<u64> = length.and_then(|value| value.to_str().ok()?.parse().ok());
        if let Some(length) = length.filter(|length| *length > max + OVERHEAD_BYTES) {
            return Err(ApiError::too_large("bytes", max, length));
        }
        if ctx.images.is_full() {
            return Err(ApiError::new(ErrorCode::ServerBusy));
        }
        let mut multipart = Multipart::from_request(request, ctx)
            .await
            .map_err(|_| malformed())?;
        let mut memory = Memory::new(&ctx.upload_kib);
        let (mut image, mut texts) = (None, HashMap::new());
        for _ in 0..MOST_PARTS {
            let Some(mut field) = multipart.next_field().await.map_err(|e| broken(&e))? else {
                let image = image.ok_or_else(|| ApiError::field("image", "is required"))?;
                return Ok(Self {
                    image,
                    texts,
                    _memory: memory,
                });
            };
            let name = field.name().unwrap_or_default();
            if name == "image" {
                if image.is_some() {
                    return Err(ApiError::field("image", "must be given once"));
                }
                let bytes = read_image(&mut field, max, length, &mut memory).await?;
                if bytes.is_empty() {
                    return Err(ApiError::field("image", "must not be empty"));
                }
                image = Some(Bytes::from(bytes));
            } else if let Some(part) = TEXT_PARTS.into_iter().find(|part| *part == name) {
                let text = read_text(&mut field, part).await?;
                add(&mut texts, part, text)?;
            }
        }
        Err(ApiError::field("body", "has too many parts"))
    }
}

/// Reads the image; one that is too long is counted to its end, so that the answer can say how long it was.
async fn read_image(
    field: &mut Field<'_>,
    max: u64,
    length: Option<u64>,
    memory: &mut Memory,
) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::with_capacity(usize::try_from(length.unwrap_or(0).min(max)).unwrap_or(0));
    let mut actual = 0;
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error))? {
        actual += chunk.len() as u64;
        if actual <= max {
            memory.take(chunk.len())?;
            bytes.extend_from_slice(&chunk);
        } else if actual > max + OVERHEAD_BYTES {
            break;
        }
    }
    if actual > max {
        Err(ApiError::too_large("bytes", max, actual))
    } else {
        Ok(bytes)
    }
}

/// Adds a text part; an empty one is none, as forms send what nobody filled in. Some clients send `request` twice, once as their
/// language writes objects (`[object Object]`): beside an object, what is none does not count.
fn add(
    texts: &mut HashMap<&'static str, String>,
    part: &'static str,
    text: String,
) -> Result<(), ApiError> {
    let stray = |text: &str| part == "request" && !text.trim_start().starts_with('{');
    match texts.get(part) {
        _ if text.trim().is_empty() => {}
        Some(before) if stray(&text) && !stray(before) => {}
        Some(before) if stray(&text) == stray(before) => {
            return Err(ApiError::field(part, "must be given once"));
        }
        _ => {
            texts.insert(part, text);
        }
    }
    Ok(())
}

async fn read_text(field: &mut Field<'_>, part: &'static str) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error))? {
        if bytes.len() + chunk.len() > LONGEST_TEXT_BYTES {
            return Err(ApiError::field(part, "is too long"));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| ApiError::field(part, "must be UTF-8"))
}

/// A share of the memory for uploads, grown as bytes arrive.
#[derive(Debug)]
struct Memory {
    budget: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
    held_bytes: usize,
    used_bytes: usize,
}

/// The budget is taken in pieces of this many KiB.
const PIECE_KIB: u32 = 256;

impl Memory {
    fn new(budget: &Arc<Semaphore>) -> Self {
        Self {
            budget: Arc::clone(budget),
            held: None,
            held_bytes: 0,
            used_bytes: 0,
        }
    }

    fn take(&mut self, bytes: usize) -> Result<(), ApiError> {
        self.used_bytes += bytes;
        while self.used_bytes > self.held_bytes {
            let piece = Arc::clone(&self.budget)
                .try_acquire_many_owned(PIECE_KIB)
                .map_err(|_| ApiError::new(ErrorCode::ServerBusy))?;
            self.held_bytes += (PIECE_KIB as usize) << 10;
            match &mut self.held {
                Some(held) => held.merge(piece),
                None => self.held = Some(piece),
            }
        }
        Ok(())
    }
}

fn malformed() -> ApiError {
    ApiError::field("body", "is not well-formed multipart/form-data")
}

fn broken(error: &MultipartError) -> ApiError {
    if error.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
        ApiError::new(ErrorCode::PayloadTooLarge)
    } else {
        malformed()
    }
}
