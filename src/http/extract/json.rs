//! JSON bodies: one object, none of its members twice, bounded in size and depth.

use std::{error::Error, fmt};

use axum::{
    body::{Bytes, to_bytes},
    extract::{FromRequest, Request},
    http::{
        HeaderMap,
        header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
    },
};
use http_body_util::LengthLimitError;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value, error::Category};

use crate::http::error::{ApiError, ErrorCode};

/// Longest JSON body or form in bytes.
const LONGEST_BODY_BYTES: usize = 64 * 1024;

/// The object in a JSON body.
#[derive(Debug)]
pub(in crate::http) struct Json(pub(in crate::http) Map<String, Value>);

impl<S: Sync> FromRequest<S> for Json {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        check_content_type(request.headers(), "application/json")?;
        let body = read_short(request).await?;
        parse_object(&body)
            .map(Self)
            .map_err(|reason| ApiError::field("body", &reason))
    }
}

/// Reads a body that must be short.
pub(super) async fn read_short(request: Request) -> Result<Bytes, ApiError> {
    let most = LONGEST_BODY_BYTES as u64;
    let too_large = |actual| ApiError::too_large("body", "bytes", most, actual);
    let length = request.headers().get(CONTENT_LENGTH);
    let length: Option<u64> = length.and_then(|value| value.to_str().ok()?.parse().ok());
    if let Some(length) = length.filter(|length| *length > most) {
        return Err(too_large(length));
    }
    let read = to_bytes(request.into_body(), LONGEST_BODY_BYTES).await;
    read.map_err(|error| {
        let too_long = |cause: &(dyn Error + 'static)| cause.is::<LengthLimitError>();
        if error.source().is_some_and(too_long) {
            too_large(most + 1)
        } else {
            ApiError::field("body", "is cut off")
        }
    })
}

/// Refuses another content type, a charset that cannot be read as UTF-8, and compressed bodies. Of a form's parts each has a charset
/// of its own (RFC 7578 section 4.5); clients in Java name one for all, which says nothing as long as it writes ASCII alike.
pub(super) fn check_content_type(headers: &HeaderMap, wanted: &str) -> Result<(), ApiError> {
    let text = |name| {
        headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap_or("?"))
    };
    let mut parts = text(CONTENT_TYPE).split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let charsets: &[&str] = match wanted {
        "multipart/form-data" => &["utf-8", "us-ascii", "iso-8859-1"],
        _ => &["utf-8"],
    };
    let utf8 = parts.all(|part| match part.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => charsets
            .iter()
            .any(|charset| value.trim_matches('"').eq_ignore_ascii_case(charset)),
        _ => true,
    });
    let encoding = text(CONTENT_ENCODING);
    let plain = encoding.is_empty() || encoding.eq_ignore_ascii_case("identity");
    // Of two, another reader could take the other one.
    let once = [CONTENT_TYPE, CONTENT_ENCODING]
        .into_iter()
        .all(|name| headers.get_all(name).iter().count() <= 1);
    if kind.eq_ignore_ascii_case(wanted) && utf8 && plain && once {
        return Ok(());
    }
    let message = format!("this endpoint takes {wanted} in UTF-8, not compressed");
    Err(ApiError::with_message(
        ErrorCode::UnsupportedContentType,
        message,
    ))
}

/// Reads one JSON object (RFC 8259) and nothing after it; says what is wrong otherwise.
pub(in crate::http) fn parse_object(json: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice::<Members>(json) {
        Err(error) if error.classify() == Category::Data => {
            Err("is JSON, but not an object".to_owned())
        }
        Err(error) => Err(format!(
            "is not JSON: line {}, column {}",
            error.line(),
            error.column()
        )),
        Ok(Members {
            repeated: Some(name),
            ..
        }) => Err(format!("the member {name:?} is given twice")),
        Ok(Members { map, .. }) => Ok(map),
    }
}

/// The members of an object, and the name of one that is there twice: a parser behind us could pick the other one of two.
struct Members {
    map: Map<String, Value>,
    repeated: Option<String>,
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members, A::Error> {
                let (mut map, mut repeated) = (Map::new(), None);
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if map.contains_key(&name) {
                        repeated = Some(name.clone());
                    }
                    map.insert(name, value);
                }
                Ok(Members { map, repeated })
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_plain_object_is_read() {
        assert!(parse_object(br#" {"a": [1, {"b": null}]} "#).is_ok());
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
        let utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bad in [
            b"".as_slice(),
            b"[]",
            b"null",
            b"{} x",
            b"{\"a\":1,\"a\":2}",
            b"{\"a\":1",
            b"\xef\xbb\xbf{}",
            b"{\"a\":\"\xff\"}",
            deep.as_bytes(),
            &utf16,
        ] {
            assert!(
                parse_object(bad).is_err(),
                "{:?}",
                bad.get(..40.min(bad.len()))
            );
        }
    }
}
