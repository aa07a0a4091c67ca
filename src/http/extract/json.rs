//! JSON bodies: one object, none of its members twice, bounded in size and depth.

use std::fmt;

use axum::extract::{FromRequest, Request};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value, error::Category};

use super::body::{check_content_type, read_short};
use crate::http::error::ApiError;

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
