//! `GET /api/v1/health`, `GET /livez`, `GET /readyz`: for people, containers and load balancers.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    http::{
        ErrorCode,
        error::ApiError,
        openapi::{Answer, Operation, Tag},
        page::{self, Page},
        wire::{self, Time},
    },
    service::Context,
};

/// The state of the server, whose only value is that it works: any other is an error.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
enum Status {
    #[serde(rename = "UP")]
    Up,
}

/// That the server answers.
#[derive(Serialize, JsonSchema)]
struct Health {
    status: Status,
    /// The server's clock, in UTC.
    timestamp: Time,
}

/// That the server can do its work.
#[derive(Serialize, JsonSchema)]
struct Ready {
    status: Status,
}

pub(in crate::http) fn describe() -> Operation {
    Operation::new("getHealth", Tag::Server, "The server answers").answers(
        Answer::json(
            200,
            "It does.",
            &Health {
                status: Status::Up,
                timestamp: Time::EXAMPLE,
            },
        )
        .with("text/html", page::schema()),
    )
}

pub(in crate::http) fn describe_live() -> Operation {
    Operation::new("isAlive", Tag::Server, "The process lives")
        .answers(Answer::empty(200, "It does."))
}

pub(in crate::http) fn describe_ready() -> Operation {
    Operation::new("isReady", Tag::Server, "The server can do its work")
        .answers(Answer::json(
            200,
            "The database answers, takes changes and has room; the disk has room; there is a certificate to sign with.",
            &Ready { status: Status::Up },
        ).with("text/html", page::schema()))
        .about(
            "Answered at once, from a look that is taken four times a second. What is wrong is named in `errors`, by `code`.",
        )
        .refuses(&[
            ErrorCode::DatabaseUnavailable,
            ErrorCode::SignerUnavailable,
            ErrorCode::NotReady,
        ])
}

/// Asks nothing of the database.
pub(in crate::http) async fn handler(
    headers: HeaderMap,
    State(ctx): State<Context>,
) -> Result<response::Response, ApiError> {
    if page::is_wanted(&headers) {
        return Ok(works(
            "This server answers",
            "Whether it can do all of its work, /readyz says.",
        ));
    }
    wire::json(&Health {
        status: Status::Up,
        timestamp: Time(ctx.clock.now()),
    })
}

/// Asks nothing: a stalled runtime does not answer.
pub(in crate::http) async fn live() -> StatusCode {
    StatusCode::OK
}

/// What the last look saw. It is not taken for the sake of who asks, so that any number may.
pub(in crate::http) async fn ready(
    headers: HeaderMap,
    State(ctx): State<Context>,
) -> Result<response::Response, ApiError> {
    let reasons = ctx.readiness.ask();
    if !reasons.is_empty() {
        return Err(ApiError::not_ready(&reasons));
    }
    if page::is_wanted(&headers) {
        return Ok(works(
            "This server works",
            "The database answers and takes changes, the disk has room, and files can be signed.",
        ));
    }
    wire::json(&Ready { status: Status::Up })
}

/// The same for a person.
fn works(title: &str, text: &str) -> response::Response {
    let facts = vec![("Version", env!("CARGO_PKG_VERSION"))];
    Page { title, text, facts }.answer()
}
