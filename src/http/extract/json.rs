//! JSON bodies: one object, none of its members twice, bounded in size and depth.

use std::{fmt, ops::Deref};

use axum::extract::{FromRequest, Request};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value, error::Category};
use zeroize::Zeroize;

use super::{
    body::{check_content_type, read_short},
    names::quoted,
};
use crate::http::error::ApiError;

/// The object in a JSON body.
#[derive(Debug)]
pub(in crate::http) struct Json(pub(in crate::http) WipedObject);

/// The members of a body, whose texts are wiped when it is dropped: one may be a password.
#[derive(Debug)]
pub(in crate::http) struct WipedObject(Map<String, Value>);

impl Deref for WipedObject {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Map<String, Value> {
        &self.0
    }
}

impl Drop for WipedObject {
    fn drop(&mut self) {
        for value in self.0.values_mut() {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
    }
}

impl<S: Sync> FromRequest<S> for Json {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        check_content_type(request.headers(), "application/json")?;
        let body = read_short(request).await?;
        parse_object(&body)
            .map(|members| Self(WipedObject(members)))
            .map_err(|reason| ApiError::field("body", &reason))
    }
}

/// Reads one JSON object (RFC 8259) and nothing after it, but for a byte order mark in front, which
/// Windows writes and section 8.1 lets a reader ignore; says what is wrong otherwise.
pub(in crate::http) fn parse_object(json: &[u8]) -> Result<Map<String, Value>, String> {
    let json = json.strip_prefix("\u{feff}".as_bytes()).unwrap_or(json);
    match serde_json::from_slice::<Members>(json) {
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            Err(match (hint(json), error.classify()) {
                (Some(hint), _) => format!("is not JSON: {hint}"),
                (None, Category::Data) if is_encoded_twice(json) => {
                    "is a JSON object inside of a JSON string, encoded twice; send the object itself, without quotes around it"
                        .to_owned()
                }
                (None, Category::Data) => "is JSON, but not an object".to_owned(),
                _ => format!("is not JSON: line {line}, column {column}"),
            })
        }
        Ok(Members {
            repeated: Some(name),
            ..
        }) => Err(format!("the member {} is given twice", quoted(&name))),
        Ok(Members { mut map, .. }) => {
            // The same members in another order are the same request under an idempotency key.
            map.sort_keys();
            map.values_mut().for_each(Value::sort_all_objects);
            Ok(map)
        }
    }
}

/// Whether a JSON text is a string that holds an object.
fn is_encoded_twice(json: &[u8]) -> bool {
    let inner = serde_json::from_slice::<String>(json);
    inner.is_ok_and(|inner| serde_json::from_str::<Members>(&inner).is_ok())
}

/// What a text is that clients are known to send for JSON.
fn hint(json: &[u8]) -> Option<&'static str> {
    let text = json.trim_ascii_start();
    if text.starts_with(b"[object ") {
        Some("JavaScript wrote the name of an object for it; use JSON.stringify")
    } else if text.starts_with(b"{'") {
        Some("its names and texts must stand in double quotes")
    } else if text.starts_with(b"\xff\xfe")
        || text.starts_with(b"\xfe\xff")
        || text.starts_with(b"{\0")
    {
        Some("it is text in UTF-16, and must be UTF-8")
    } else {
        None
    }
}

/// The members of an object, and the name of one that is there twice: a parser behind us could pick
/// the other one of two.
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
    fn the_order_of_members_means_nothing() {
        let read = |json: &str| serde_json::to_string(&parse_object(json.as_bytes()).unwrap());
        let one = read(r#"{"b":{"d":1,"c":2},"a":3}"#).unwrap();
        assert_eq!(one, read(r#"{"a":3,"b":{"c":2,"d":1}}"#).unwrap());
    }

    #[test]
    fn only_one_plain_object_is_read() {
        assert!(parse_object(br#" {"a": [1, {"b": null}]} "#).is_ok());
        let marked = parse_object(b"\xef\xbb\xbf{\"a\":1}").unwrap();
        assert_eq!(marked["a"], 1, "a byte order mark");
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
        let utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bad in [
            b"".as_slice(),
            b"[]",
            b"null",
            b"{} x",
            b"{\"a\":1,\"a\":2}",
            b"{\"a\":1",
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
