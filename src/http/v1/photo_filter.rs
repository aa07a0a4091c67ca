//! The filters of `GET /api/v1/photos` and `GET /api/v1/photos/count`.

use std::collections::HashMap;

use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    domain::{ContentHash, MarkStrength, PhotoFilter},
    http::{
        error::ApiError,
        extract::Fields,
        openapi::{
            Operation,
            schema::{self, ONE_LINE},
        },
        wire::Time,
    },
};

/// Describes the parameters.
pub(super) fn describe(operation: Operation) -> Operation {
    let hash = schema::inline::<ContentHash>();
    let words = json!({ "type": "string", "maxLength": 256, "pattern": ONE_LINE });
    let level = schema::inline::<MarkStrength>();
    let time = schema::inline::<Time>();
    [
        (
            "contentHash",
            "Only those whose registered file has this SHA-256.",
            &hash,
        ),
        (
            "protectedSha256",
            "Only those whose protected file has this SHA-256.",
            &hash,
        ),
        (
            "externalId",
            "Only those with exactly this id of the client's.",
            &words,
        ),
        (
            "label",
            "Only those with this in their label, in small letters or capitals.",
            &words,
        ),
        (
            "level",
            "Only those whose mark is of this `protectionLevel`.",
            &level,
        ),
        (
            "from",
            "Only those that were registered at this time or later.",
            &time,
        ),
        (
            "to",
            "Only those that were registered before this time.",
            &time,
        ),
    ]
    .into_iter()
    .fold(operation, |operation, (name, about, schema)| {
        operation.query(name, about, schema)
    })
}

/// Reads the parameters, of which each has a value.
pub(super) fn read(query: &HashMap<String, String>) -> Result<PhotoFilter, ApiError> {
    let members = query
        .iter()
        .map(|(name, text)| (name.clone(), Value::from(text.as_str())))
        .collect();
    let mut fields = Fields::new(&members);
    let mut hash = |field| {
        let text = fields.text(field)?;
        let hash = ContentHash::parse(text);
        if hash.is_none() {
            fields.refuse(field, "must be 64 lowercase hexadecimal digits");
        }
        hash
    };
    let (content_hash, protected_sha256) = (hash("contentHash"), hash("protectedSha256"));
    let (external_id, label) = (fields.words("externalId"), fields.words("label"));
    let level = fields.text("level").and_then(|text| {
        let level = MarkStrength::parse(text);
        if level.is_none() {
            fields.refuse("level", "must be FULL or LIMITED");
        }
        level
    });
    let mut time = |field| {
        let time = OffsetDateTime::parse(fields.text(field)?, &Rfc3339).ok();
        if time.is_none() {
            fields.refuse(
                field,
                "must be a time as in 2026-11-01T00:00:00Z; in a URL, a + is %2B",
            );
        }
        time
    };
    let (from, to) = (time("from"), time("to"));
    fields.finish()?;
    Ok(PhotoFilter {
        content_hash,
        protected_sha256,
        external_id,
        label,
        level,
        from,
        to,
    })
}
