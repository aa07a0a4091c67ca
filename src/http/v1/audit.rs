//! `GET /api/v1/audit`: what was done in the tenant, by whom.

use axum::{extract::State, response::Response};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use super::page;
use crate::{
    domain::audit::{Action, ChainHash, Detail, Event},
    http::{
        error::ApiError,
        extract::VerifiedCaller,
        openapi::{Answer, Operation, Tag, example},
        wire::{self, PageJson, Time},
    },
    service::{Context, audit},
};

/// An event: the members that are hashed, as they are hashed, and the hash. A client can check it
/// from this alone.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Event")]
struct Item {
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

fn actions(_: &mut SchemaGenerator) -> Schema {
    let actions: Vec<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
    json_schema!({ "type": "string", "enum": actions })
}

pub(in crate::http) fn describe() -> Operation {
    let event = Item {
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
    };
    Operation::new(
        "listAuditEvents",
        Tag::Tenant,
        "What was done in the tenant, newest first",
    )
    .about(
        "Each event holds the hash of the one before it: SHA-256 of its canonical JSON (RFC 8785).",
    )
    .paged("^[0-9]{1,18}$")
    .answers(Answer::json(
        200,
        "A page of events.",
        &PageJson::whole(vec![event]),
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
    let page = audit::list(&ctx, &caller.tenant, cursor.transpose()?, limit).await?;
    wire::json(&PageJson {
        items: page.items.into_iter().map(Item::from).collect(),
        // The place of the last event seen; in which tenant's chain, the token says.
        next: page.next.map(|sequence| sequence.to_string()),
    })
}
