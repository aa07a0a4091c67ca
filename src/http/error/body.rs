//! The JSON of an error: RFC 9457 with our members.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, json_schema};
use serde::Serialize;

use super::ErrorCode;
use crate::{
    domain::Scope,
    http::openapi::schema::without_null,
    service::{FieldError, readiness::Unready},
};

/// An error, as it is sent.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Problem<'a> {
    /// What happened, for a program. Stable.
    #[schemars(schema_with = "codes")]
    pub(in crate::http) code: &'static str,
    /// What happened, for a person.
    pub(in crate::http) message: &'a str,
    /// What to do about it.
    pub(in crate::http) action: &'static str,
    /// The header `X-Request-Id`; stands in the server's log.
    #[schemars(length(min = 1))]
    pub(in crate::http) trace_id: &'a str,
    /// Leads to the meaning of the code (RFC 9457).
    #[serde(rename = "type")]
    pub(in crate::http) kind: String,
    /// What the code means.
    pub(in crate::http) title: &'static str,
    /// The HTTP status of the answer.
    #[schemars(range(min = 400, max = 599))]
    pub(in crate::http) status: u16,
    /// The same as `message`.
    pub(in crate::http) detail: &'a str,
    /// The path that was called.
    pub(in crate::http) instance: &'a str,
    /// The fields at fault.
    pub(in crate::http) errors: Cow<'a, [ProblemField]>,
    /// The same as `message`, under `/c2pa/v1` alone, whose API has this member and no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(in crate::http) error: Option<&'a str>,
}

impl<'a> Problem<'a> {
    /// The error of that code as the server at `public_url` sends it.
    pub(in crate::http) fn new(code: ErrorCode, message: &'a str, public_url: &str) -> Self {
        let row = code.row();
        Self {
            code: row.code,
            message,
            action: row.action,
            trace_id: "",
            kind: format!("{public_url}/errors/{}", row.code),
            title: row.title,
            status: row.status.as_u16(),
            detail: message,
            instance: "",
            errors: Cow::Borrowed(&[]),
            error: None,
        }
    }
}

/// A field at fault.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(transform = without_null)]
pub(in crate::http) struct ProblemField {
    /// The field at fault.
    pub(in crate::http) field: &'static str,
    /// What is wrong with it.
    pub(in crate::http) reason: Cow<'static, str>,
    /// Which limit was passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) limit: Option<Limit>,
    /// The limit, in the unit that its `limit` names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) max: Option<u64>,
    /// What was sent, in the same unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) actual: Option<u64>,
    /// What keeps the server from being ready, for a program. Stable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "unready_codes")]
    pub(in crate::http) code: Option<&'static str>,
    /// A scope that the token lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(in crate::http) scope: Option<Scope>,
}

impl ProblemField {
    /// A field and what is wrong with it.
    pub(in crate::http) fn new(field: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field,
            reason: reason.into(),
            limit: None,
            max: None,
            actual: None,
            code: None,
            scope: None,
        }
    }
}

impl From<FieldError> for ProblemField {
    fn from(wrong: FieldError) -> Self {
        Self::new(wrong.field, wrong.reason)
    }
}

impl From<Unready> for ProblemField {
    fn from(wrong: Unready) -> Self {
        Self {
            code: Some(wrong.code()),
            ..Self::new(wrong.part(), wrong.reason())
        }
    }
}

/// A limit that an image or a body can pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum Limit {
    Bytes,
    Pixels,
}

impl Limit {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Pixels => "pixels",
        }
    }
}

/// Everything that keeps a server from being ready.
fn unready_codes(_: &mut schemars::SchemaGenerator) -> Schema {
    let codes: Vec<&str> = Unready::ALL.iter().map(|wrong| wrong.code()).collect();
    json_schema!({ "type": "string", "enum": codes })
}

/// Every code once: some stand for two statuses.
fn codes(_: &mut schemars::SchemaGenerator) -> Schema {
    let mut codes: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.row().code).collect();
    codes.sort_unstable();
    codes.dedup();
    json_schema!({ "type": "string", "enum": codes })
}
