//! `GET /api/v1/audit` and `/head`: what was done in the tenant, by whom.

use std::collections::HashMap;

use axum::{extract::State, response::Response};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::page;
use crate::{
    domain::audit::{Action, ChainHash, Detail, Event, EventFilter},
    http::{
        error::ApiError,
        extract::VerifiedCaller,
        openapi::{Answer, Operation, Tag, example, schema::ONE_LINE},
        wire::{self, PageJson, Time},
    },
    service::{Context, audit},
};

/// Longest name of an actor or a subject, in bytes: its kind, and a user name of 256.
const LONGEST_NAME_BYTES: usize = 300;

/// An event: the members that are hashed, as they are hashed, and the hash. A client can check it
/// from this alone.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Event")]
pub(super) struct Item {
    /// The tenant whose log it is.
    tenant_id: String,
    /// Its place in the tenant's log, without gaps.
    #[schemars(range(min = 1))]
    sequence: i64,
    /// A UUID in small letters.
    #[schemars(extend("format" = "uuid", "minLength" = 36, "maxLength" = 36))]
    event_id: String,
    /// When it was, to the microsecond.
    #[schemars(with = "Time")]
    at: String,
    /// Who did it: `operator`, `server`, or `account:` or `application:` and a name.
    actor: String,
    /// What was done, one of the listed actions.
    #[schemars(schema_with = "actions")]
    action: String,
    /// What it was done to: its kind and its id.
    subject: String,
    /// More about it, by name.
    detail: Detail,
    /// Of the event before.
    previous_hash: ChainHash,
    /// SHA-256 of the other members.
    hash: ChainHash,
}

impl From<Event> for Item {
    fn from(event: Event) -> Self {
        Self {
            tenant_id: event.tenant.to_string(),
            sequence: event.sequence,
            event_id: event.id.to_string(),
            at: event.time(),
            actor: event.actor,
            action: event.action,
            subject: event.subject,
            detail: event.detail,
            previous_hash: event.previous_hash,
            hash: event.hash,
        }
    }
}

/// The names of actions.
fn actions(_: &mut SchemaGenerator) -> Schema {
    let actions: Vec<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
    json_schema!({ "type": "string", "enum": actions })
}

/// Where the chain ends.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditHead")]
struct HeadJson {
    /// The place of the last event; 0 where there is none.
    #[schemars(range(min = 0))]
    sequence: i64,
    /// The hash of that event; zeros where there is none.
    hash: ChainHash,
}

impl Item {
    /// An event of the documentation.
    pub(super) fn example() -> Self {
        Self {
            tenant_id: "demo".to_owned(),
            sequence: 7,
            event_id: "5f0f3c1e-6a0e-4a52-9f3b-0c7a5b8d1e42".to_owned(),
            at: "2027-01-15T08:00:00.000000Z".to_owned(),
            actor: "account:press".to_owned(),
            action: Action::PhotoDeleted.as_str().to_owned(),
            subject: format!("photo:{}", example::PHOTO),
            detail: Detail::new(),
            previous_hash: ChainHash::ZERO,
            hash: ChainHash::ZERO,
        }
    }
}

/// The parameters by which events are chosen.
pub(super) fn filtered(operation: Operation) -> Operation {
    let name = json!({ "type": "string", "maxLength": LONGEST_NAME_BYTES, "pattern": ONE_LINE });
    let action: Value = actions(&mut SchemaGenerator::default()).into();
    let moment = json!({ "type": "string", "format": "date-time" });
    operation
        .query("actor", "Only what this actor did.", &name)
        .query("action", "Only what is of this kind.", &action)
        .query("subject", "Only what was done to this.", &name)
        .query("from", "Only what was done then or later.", &moment)
        .query("to", "Only what was done before.", &moment)
}

/// Reads the parameters by which events are chosen.
pub(super) fn filter(query: &HashMap<String, String>) -> Result<EventFilter, ApiError> {
    let name = |field: &'static str| {
        let text = query.get(field);
        let fits =
            |text: &String| text.len() <= LONGEST_NAME_BYTES && !text.chars().any(char::is_control);
        match text {
            Some(text) if !fits(text) => Err(ApiError::field(
                field,
                "must be one line of at most 300 bytes",
            )),
            text => Ok(text.cloned()),
        }
    };
    let moment = |field: &'static str| {
        let read = |text: &String| OffsetDateTime::parse(text, &Rfc3339);
        let wrong = |_| ApiError::field(field, "must be a time as in 2026-11-01T00:00:00Z");
        query.get(field).map(read).transpose().map_err(wrong)
    };
    let action = query.get("action").map(|text| {
        let wrong = || ApiError::field("action", "is no action of the log");
        Action::parse(text).ok_or_else(wrong)
    });
    Ok(EventFilter {
        actor: name("actor")?,
        action: action.transpose()?,
        subject: name("subject")?,
        from: moment("from")?,
        to: moment("to")?,
    })
}

pub(in crate::http) fn describe() -> Operation {
    let operation = Operation::new(
        "listAuditEvents",
        Tag::Tenant,
        "What was done in the tenant, newest first",
    )
    .about(
        "Each event holds the hash of the one before it: SHA-256 of its canonical JSON (RFC 8785).",
    )
    .paged("^[0-9]{1,18}$");
    filtered(operation).answers(Answer::json(
        200,
        "A page of events.",
        &PageJson::whole(vec![Item::example()]),
    ))
}

pub(in crate::http) fn describe_head() -> Operation {
    let example = HeadJson {
        sequence: 7,
        hash: ChainHash::ZERO,
    };
    Operation::new(
        "getAuditHead",
        Tag::Tenant,
        "Where the log of what was done ends",
    )
    .about("Note it elsewhere: later, the log must still contain it.")
    .answers(Answer::json(
        200,
        "The last event, by place and hash.",
        &example,
    ))
}

/// Lists events, newest first, for an administrator of the tenant.
pub(in crate::http) async fn list(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    query: page::Received,
) -> Result<Response, ApiError> {
    let (query, limit) = page::read(query)?;
    let cursor = query.get("cursor").map(|text| {
        page::whole(text).ok_or_else(|| ApiError::field("cursor", "is not one of ours"))
    });
    let filter = filter(&query)?;
    let page = audit::list(&ctx, &caller.tenant, &filter, cursor.transpose()?, limit).await?;
    wire::json(&PageJson {
        items: page.items.into_iter().map(Item::from).collect(),
        // The place of the last event seen; in which tenant's chain, the token says.
        next: page.next.map(|sequence| sequence.to_string()),
    })
}

/// Tells where the chain ends.
pub(in crate::http) async fn head(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
) -> Result<Response, ApiError> {
    let head = audit::head(&ctx, &caller.tenant).await?;
    wire::json(&HeadJson {
        sequence: head.sequence,
        hash: head.hash,
    })
}
