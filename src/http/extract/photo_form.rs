//! `multipart/form-data` (RFC 7578) with one photograph: the part `image`, and small text parts
//! beside it.
//!
//! Parts come in any order; unknown ones are skipped, and empty text is none. The image is held in
//! memory once. What arrives is counted as it arrives, whatever part of the form it is.

use std::collections::HashMap;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, Multipart, Request, multipart::Field},
    http::{HeaderMap, HeaderValue, header::CONTENT_TYPE},
};
use sha2::{Digest, Sha256};

use super::{
    VerifiedCaller,
    body::{check_content_type, content_length},
    intake::{Intake, OVERHEAD_BYTES},
    names::{is_spelt_alike, quoted},
};
use crate::{
    domain::TenantId,
    http::error::{ApiError, Limit},
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

/// These and the image.
const KNOWN_PARTS: [&str; 4] = ["image", "request", "photoId", "policy"];

/// Most parts that are named in place of a missing image.
const MOST_NAMED: usize = 5;

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

    /// What stands for the parts that are skipped, if there are any; the same for the same parts in
    /// any order.
    pub(in crate::http) fn others(&self) -> Option<Vec<u8>> {
        (!self.others.is_empty()).then(|| self.others.concat())
    }
}

impl FromRequest<Context> for PhotoForm {
    type Rejection = ApiError;

    async fn from_request(request: Request, ctx: &Context) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let caller = VerifiedCaller::from_request_parts(&mut parts, ctx).await?;
        Self::receive(Request::from_parts(parts, body), ctx, &caller.tenant).await
    }
}

impl PhotoForm {
    /// Reads a form into the tenant's share of the memory for bodies.
    pub(in crate::http) async fn receive(
        mut request: Request,
        ctx: &Context,
        tenant: &TenantId,
    ) -> Result<Self, ApiError> {
        check_content_type(request.headers(), "multipart/form-data")?;
        let boundary = quote_boundary(request.headers_mut())?;
        let max = ctx.settings.limits.max_bytes as u64;
        let length = content_length(request.headers());
        if let Some(length) = length.filter(|length| *length > max + OVERHEAD_BYTES) {
            return Err(ApiError::too_large("image", Limit::Bytes, max, length));
        }
        let (parts, body) = request.into_parts();
        let intake = Intake::new(body, boundary, max, ctx.bodies.receive(tenant));
        let request = Request::from_parts(parts, Body::new(intake.clone()));
        Self::read(request, ctx, &intake, (max, length.unwrap_or(0).min(max)))
            .await
            .map_err(|error| intake.refusal().unwrap_or(error))
    }

    async fn read(
        request: Request,
        ctx: &Context,
        intake: &Intake,
        (max, expected): (u64, u64),
    ) -> Result<Self, ApiError> {
        let mut multipart = Multipart::from_request(request, ctx)
            .await
            .map_err(|_| intake.malformed())?;
        let (mut image, mut texts, mut others) = (None, HashMap::new(), Vec::new());
        let (mut beside, mut names) = (0, Vec::new());
        for _ in 0..=MOST_PARTS {
            let field = multipart.next_field().await;
            let Some(field) = field.map_err(|_| intake.malformed())? else {
                others.sort_unstable();
                check_spelling(&texts, &names)?;
                return Ok(Self {
                    image: image.ok_or_else(|| image_is_missing(&names))?,
                    texts,
                    others,
                    _intake: intake.clone(),
                });
            };
            intake.progress();
            let mut part = Part { field, intake };
            let name = part.field.name().unwrap_or_default();
            check_transfer_encoding(&part, name)?;
            if name == "image" {
                if image.is_some() {
                    return Err(ApiError::field("image", "must be given once"));
                }
                image = Some(read_image(&mut part, max, expected).await?);
            } else if let Some(name) = TEXT_PARTS.into_iter().find(|known| *known == name) {
                let text = read_text(&mut part, name).await?;
                add(&mut texts, name, text)?;
            } else {
                names.push(name.to_owned());
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
        let chunk = self.field.chunk().await;
        let chunk = chunk.map_err(|_| self.intake.malformed())?;
        self.intake.progress();
        Ok(chunk)
    }
}

/// Puts the boundary into quotes, which some clients leave out where it needs them. Parsers differ
/// in which of two they take, and how long one may be, so there is one of the length that the
/// standard allows. Returns it.
fn quote_boundary(headers: &mut HeaderMap) -> Result<String, ApiError> {
    let value = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let boundaries = value.unwrap_or_default().split(';').skip(1);
    let mut boundaries = boundaries
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"));
    let wrong = |reason| ApiError::field("Content-Type", reason);
    let boundary = match (boundaries.next(), boundaries.next()) {
        (Some((_, boundary)), None) => boundary.trim().trim_matches('"').to_owned(),
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
    Ok(boundary)
}

/// Reads the image; one that is too long is counted to its end, so that the answer can say how long
/// it was.
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
        0 => Err(ApiError::field(
            "image",
            "must not be empty: the file that came has no bytes",
        )),
        _ if actual > max => Err(ApiError::too_large("image", Limit::Bytes, max, actual)),
        _ => Ok(bytes.into()),
    }
}

/// Adds a text part; an empty one is none, as forms send what nobody filled in. Some clients send
/// `request` again as their language writes objects (`[object Object]`): beside an object, what is
/// none does not count.
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
    // Editors and shells of Windows write a byte order mark in front (RFC 8259, section 8.1, lets a
    // reader ignore it).
    if bytes.starts_with("\u{feff}".as_bytes()) {
        bytes.drain(..3);
    }
    let is_utf16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    String::from_utf8(bytes).map_err(|_| {
        let reason = if is_utf16 {
            "is text in UTF-16, and must be UTF-8"
        } else {
            "must be UTF-8"
        };
        ApiError::field(name, reason)
    })
}

/// Passes over a part; SHA-256 of it, its name and what it holds. All of them together must not be
/// long.
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
                Limit::Bytes,
                OVERHEAD_BYTES,
                *beside,
            ));
        }
    }
    Ok(hash.finalize().into())
}

/// Refuses a part that is declared as encoded: forms carry bytes as they are (RFC 7578 section
/// 4.7), and what is decoded by one reader and not by another is two images.
fn check_transfer_encoding(part: &Part<'_>, name: &str) -> Result<(), ApiError> {
    let declared = part.field.headers().get("content-transfer-encoding");
    let Some(declared) = declared.map(|value| String::from_utf8_lossy(value.as_bytes())) else {
        return Ok(());
    };
    let plain = ["binary", "8bit", "7bit"];
    if plain
        .iter()
        .any(|plain| declared.trim().eq_ignore_ascii_case(plain))
    {
        return Ok(());
    }
    let Some(known) = KNOWN_PARTS.into_iter().find(|known| *known == name) else {
        return Ok(());
    };
    let reason = format!(
        "is declared as Content-Transfer-Encoding {}, which forms do not use (RFC 7578, section 4.7): \
         send the bytes as they are, and without that header",
        quoted(&declared)
    );
    Err(ApiError::field(known, &reason))
}

/// Refuses a text part under another spelling of its name, unless it is there under its own as
/// well: it would be ignored.
fn check_spelling(texts: &HashMap<&'static str, String>, names: &[String]) -> Result<(), ApiError> {
    for known in TEXT_PARTS {
        let meant = names.iter().find(|name| is_spelt_alike(name, known));
        if let Some(name) = meant.filter(|_| !texts.contains_key(known)) {
            let reason = format!("has the name {} here; its name is {known:?}", quoted(name));
            return Err(ApiError::field(known, &reason));
        }
    }
    Ok(())
}

/// Names the parts that came in place of the image.
fn image_is_missing(names: &[String]) -> ApiError {
    let shown: Vec<String> = names
        .iter()
        .take(MOST_NAMED)
        .map(|name| quoted(name))
        .collect();
    let more = if names.len() > MOST_NAMED {
        ", and more"
    } else {
        ""
    };
    let reason = match shown.as_slice() {
        [] => "is required".to_owned(),
        [name] => format!("is required; the form has a part {name} instead"),
        several => format!(
            "is required; the form has the parts {}{more} instead",
            several.join(", ")
        ),
    };
    ApiError::field("image", &reason)
}
