//! JSON bodies: how answers are sent, and how domain values are written and described in them.

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::Response,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use serde_json::json;
use time::{OffsetDateTime, macros::datetime, serde::rfc3339};

use super::error::ApiError;
use crate::{
    credentials::Trust,
    domain::{
        AccountStatus, CheckPolicy, ContentHash, ContentHashPolicy, CredentialId, FileFormat,
        ManifestPolicy, MarkStrength, PhotoId, Place, Privacy, PublicationPolicy, Role, Scope,
        Scopes, Username,
        audit::ChainHash,
        check::CheckAnswer,
        verdict::{Alteration, C2paStatus, Policy, TamperClass, Verdict, WatermarkStatus},
    },
    imaging::MetadataPolicy,
    service,
};

/// A 200 with a JSON body that caches must not keep.
pub(super) fn json(value: &impl Serialize) -> Result<Response, ApiError> {
    let body = serde_json::to_vec(value).map_err(service::Error::internal)?;
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// A 201 with a JSON body that caches must not keep.
pub(super) fn created(value: &impl Serialize) -> Result<Response, ApiError> {
    let mut response = json(value)?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// A moment, written as RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Time(#[serde(with = "rfc3339")] pub(super) OffsetDateTime);

impl Time {
    /// The moment in examples.
    pub(super) const EXAMPLE: Self = Self(datetime!(2027-01-15 08:00 UTC));
}

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub(super) struct PageJson<T> {
    /// The items in their order.
    pub(super) items: Vec<T>,
    /// The cursor of the next page; null on the last one.
    pub(super) next: Option<String>,
}

impl<T> PageJson<T> {
    /// A list that is never so long that it needs a second page.
    pub(super) fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

/// Domain values that are written as their `Display` has them.
macro_rules! texts {
    ($($type:ty => $schema:tt;)+) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )+};
}

texts! {
    PhotoId => { "type": "string", "format": "uuid", "minLength": 36, "maxLength": 36 };
    CredentialId => { "type": "string", "format": "uuid", "minLength": 36, "maxLength": 36 };
    ContentHash => { "type": "string", "pattern": "^[0-9a-f]{64}$" };
    ChainHash => { "type": "string", "pattern": "^[0-9a-f]{64}$" };
    Scopes => { "type": "string" };
    Username => { "type": "string", "minLength": 1 };
}

/// Closed sets, written as their `as_str` has them. One with a description is a component of the
/// document, the others stand where they are used.
macro_rules! closed_sets {
    ($($set:ident { $($variant:ident),+ } $($description:literal)?;)+) => {$(
        impl Serialize for $set {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl JsonSchema for $set {
            fn inline_schema() -> bool {
                let descriptions: &[&str] = &[$($description)?];
                descriptions.is_empty()
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($set).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                // A variant that is not listed does not compile.
                const _: fn($set) = |value| match value { $($set::$variant => {})+ };
                json_schema!({
                    "type": "string",
                    "enum": [$($set::$variant.as_str()),+],
                    $("description": $description,)?
                })
            }
        }
    )+};
}

closed_sets! {
    Role { User, Admin };
    AccountStatus { Enabled, Disabled };
    FileFormat { Jpeg, Png, WebP };
    MarkStrength { Full, Limited };
    Scope {
        Protect, Verify, Read, Delete, ReadManifests, FetchManifests, StoreManifests, StoreBindings, Admin
    };
    Policy { Standard, Strict };
    Privacy { Full, Strict };
    ContentHashPolicy { Strict, Format };
    ManifestPolicy { Keep, None };
    CheckPolicy { Off, On };
    PublicationPolicy { Off, On };
    MetadataPolicy { Keep, StripGps, StripAll };
    C2paStatus { Valid, Invalid, Missing, Tampered }
        "`VALID`: the manifest is sound and the bytes are those that were signed. `INVALID`: there is \
         one, and it is malformed, or its signature, certificate or assertions do not hold. \
         `MISSING`: the file carries none. `TAMPERED`: the signature is good, and the bytes differ.";
    Trust { Trusted, Untrusted, Unknown }
        "Whether this server's trust lists lead to the signer of a sound manifest.";
    TamperClass { None, Compression, Resize, Crop, StructuralAlteration };
    Verdict { Intact, Recovered, Altered, Conflict, Unknown }
        "`INTACT`: the very file. `RECOVERED`: the mark is there, the file has changed; `authentic` \
         tells whether its content is vouched for. `ALTERED`: the mark is there, parts of the \
         picture, or the content credentials, are not what was protected. `CONFLICT`: the mark or \
         the manifest sits on other content, or they name different photos. `UNKNOWN`: no mark of \
         this photo.";
    CheckAnswer { Unchanged, Changed, Known, Unknown }
        "`UNCHANGED`: a photo of the tenant's, and what `verify` calls authentic. `CHANGED`: it was altered, or its \
         mark sits on other content. `KNOWN`: a photo of the tenant's; whether it was changed cannot be told, \
         or is told no more today. `UNKNOWN`: no photo of the tenant's was recognised, which does not \
         mean that the picture is false.";
    WatermarkStatus { Detected, Marginal, NotFound } "`MARGINAL` is too weak to count.";
    Alteration { NoneFound, Found, Uncertain, NotExamined }
        "Whether content was replaced, erased, painted over or recoloured. `FOUND`: in \
         `tamperedRegions`, or all of it under `CONFLICT`. `UNCERTAIN`: something deviates, or the \
         content agrees only in part; never authentic. `NOT_EXAMINED`: the record of strict privacy \
         cannot tell, or no mark was detected.";
}

/// `latitude` and `longitude` of a request, both or neither.
impl JsonSchema for Place {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Place".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let both = |one: &str, other: &str| {
            let is_there = |name: &str| json!({ "required": [name], "properties": { name: { "type": "number" } } });
            json!({ "if": is_there(one), "then": is_there(other) })
        };
        json_schema!({
            "type": "object",
            "properties": {
                "latitude": {
                    "type": ["number", "null"], "minimum": -90, "maximum": 90,
                    "description": "In degrees; beside `longitude` only.",
                },
                "longitude": {
                    "type": ["number", "null"], "minimum": -180, "maximum": 180,
                    "description": "In degrees; beside `latitude` only.",
                },
            },
            "allOf": [both("latitude", "longitude"), both("longitude", "latitude")],
        })
    }
}
