//! The caller and its tenant: who it is, what was used, what was done.

use serde_json::{Value, json};

use super::{
    operation::{Answer, Operation},
    schema::{count, hash, list, object, one_of, or_null, page, text, time, uuid},
};
use crate::domain::{Scope, audit::Action};

const TAG: &str = "Tenant";

/// `GET /api/v1/me`.
pub(in crate::http) fn me() -> Operation {
    Operation::new("getMe", TAG, "Who calls, what it may do, and how often")
        .answers(Answer::json(
            200,
            "The caller.",
            "Me",
            &json!({
                "tenantId": "demo",
                "username": "demo",
                "role": "ROLE_USER",
                "scopes": ["photos:protect", "photos:verify", "photos:read", "photos:delete", "manifests:read"],
                "limits": {
                    "imageBytes": 26_214_400,
                    "imagePixels": 16_000_000,
                    "callsPerSecond": 50,
                    "callsAtOnce": 100,
                    "callsPerHour": 50_000,
                },
            }),
        ))
}

/// `GET /api/v1/usage`.
pub(in crate::http) fn usage() -> Operation {
    let day = |about: &str| {
        json!({
            "type": "string",
            "anyOf": [{ "format": "date" }, { "format": "date-time", "pattern": "T00:00:00Z$" }],
            "description": about,
        })
    };
    let example = json!({
        "tenantId": "demo",
        "from": "2026-11-01T00:00:00Z",
        "to": "2026-12-01T00:00:00Z",
        "operations": { "register": 5, "protect": 3, "verify": 120, "identify": 7 },
        "days": [{ "day": "2026-11-22", "register": 5, "protect": 3, "verify": 120, "identify": 7 }],
    });
    Operation::new("getUsage", TAG, "What the tenant used, by kind of work and day")
        .about("Whole days of UTC, at most 366 of them; without `from` and `to`, the present month. `to` is after `from`. Days without calls are left out.")
        .query("from", &day("The first day."))
        .query("to", &day("The day after the last."))
        .answers(Answer::json(200, "What was used.", "Usage", &example))
}

/// `GET /api/v1/audit`.
pub(in crate::http) fn audit() -> Operation {
    let example = json!({
        "items": [{
            "tenantId": "demo",
            "sequence": 7,
            "eventId": "5f0f3c1e-6a0e-4a52-9f3b-0c7a5b8d1e42",
            "at": "2027-01-15T08:00:00.000000Z",
            "actor": "account:press",
            "action": "photo.deleted",
            "subject": "photo:9b1c8a57-0a4e-4e0f-8d3f-6a1b2c3d4e5f",
            "detail": {},
            "previousHash": "5b0c1de0c4a6b2f5d4b98cfe3d8a0b7c6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b",
            "hash": "0e9f8a7b6c5d4e3f2a1b5b0c1de0c4a6b2f5d4b98cfe3d8a0b7c6e5f4a3b2c1d",
        }],
        "next": null,
    });
    Operation::new(
        "listAuditEvents",
        TAG,
        "What was done in the tenant, newest first",
    )
    .about(
        "Each event holds the hash of the one before it: SHA-256 of its canonical JSON (RFC 8785).",
    )
    .paged("^[0-9]{1,18}$")
    .answers(Answer::json(
        200,
        "A page of events.",
        "EventPage",
        &example,
    ))
}

/// The schemas of this file's bodies.
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let scopes: Vec<&str> = Scope::ALL.into_iter().map(Scope::as_str).collect();
    let limits = object(
        &[],
        [
            ("imageBytes", count("Bytes of an image, at most.")),
            (
                "imagePixels",
                count("Pixels of an image, at most; the operator may set it for a tenant."),
            ),
            (
                "callsPerSecond",
                or_null(count("Of the tenant, on average; null for any number.")),
            ),
            (
                "callsAtOnce",
                or_null(count("Of the tenant, at once; null for any number.")),
            ),
            (
                "callsPerHour",
                or_null(count("Of the tenant; null for any number.")),
            ),
        ],
    );
    let me = object(
        &[],
        [
            ("tenantId", text("The tenant.")),
            (
                "username",
                text("The account, or the name under which an application acts."),
            ),
            ("role", one_of(&["ROLE_USER", "ROLE_ADMIN"], "Its role.")),
            ("scopes", list(&one_of(&scopes, "What the token may do."))),
            ("limits", limits),
        ],
    );
    let usage = object(
        &[],
        [
            ("tenantId", text("The tenant.")),
            ("from", time("Included.")),
            ("to", time("Not included.")),
            ("operations", sums(&[])),
            (
                "days",
                list(&sums(&[(
                    "day",
                    json!({ "type": "string", "format": "date" }),
                )])),
            ),
        ],
    );
    vec![
        ("Me", me),
        ("Usage", usage),
        ("Event", event()),
        ("EventPage", page("Event")),
    ]
}

/// How often each kind of work was done.
fn sums(besides: &[(&str, Value)]) -> Value {
    let mut schema = object(
        &[],
        [
            ("register", count("Photos that were registered.")),
            ("protect", count("Photos that were protected.")),
            ("verify", count("Images that were verified.")),
            ("identify", count("Images that were looked for.")),
        ],
    );
    for (name, member) in besides {
        schema["properties"][name] = member.clone();
        if let Some(required) = schema["required"].as_array_mut() {
            required.push(json!(name));
        }
    }
    schema
}

fn event() -> Value {
    let actions: Vec<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
    object(
        &[],
        [
            ("tenantId", text("The tenant.")),
            (
                "sequence",
                json!({ "type": "integer", "minimum": 1, "description": "Its place." }),
            ),
            ("eventId", uuid("The event.")),
            ("at", time("When it was.")),
            (
                "actor",
                text("Who did it: `operator`, `account:` or `application:` and a name."),
            ),
            ("action", one_of(&actions, "What was done.")),
            ("subject", text("What it was done to: its kind and its id.")),
            (
                "detail",
                json!({ "type": "object", "additionalProperties": { "type": "string" } }),
            ),
            ("previousHash", hash("Of the event before.")),
            ("hash", hash("Of this event.")),
        ],
    )
}
