//! `GET /api/v1/audit`: what was done in the tenant, by whom.

use axum::{extract::State, response::Response};
use serde_json::{Value, json};

use super::{page, wire};
use crate::{
    domain::audit::Event,
    http::{error::ApiError, extract::VerifiedCaller},
    service::{Context, audit},
};

/// Lists events, newest first, to who administers the tenant.
pub(in crate::http) async fn list(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    query: page::Received,
) -> Result<Response, ApiError> {
    let (query, limit) = page::read(query)?;
    let cursor = query.get("cursor").map(|text| {
        read_cursor(text).ok_or_else(|| ApiError::field("cursor", "is not one of ours"))
    });
    let page = audit::list(&ctx, &caller.tenant, cursor.transpose()?, limit).await?;
    let items: Vec<Value> = page.items.iter().map(item).collect();
    wire::json(&json!({ "items": items, "next": page.next.map(write_cursor) }))
}

/// The members that are hashed, as they are hashed, and the hash: a client can check it from this alone.
fn item(event: &Event) -> Value {
    json!({
        "tenantId": event.tenant.as_str(),
        "sequence": event.sequence,
        "eventId": event.id.to_string(),
        "at": event.time(),
        "actor": event.actor,
        "action": event.action,
        "subject": event.subject,
        "detail": event.detail,
        "previousHash": event.previous_hash.to_string(),
        "hash": event.hash.to_string(),
    })
}

/// A cursor is the place of the last event seen; in which tenant's chain, the token says.
fn write_cursor(sequence: i64) -> String {
    sequence.to_string()
}

fn read_cursor(text: &str) -> Option<i64> {
    page::whole(text)
}
