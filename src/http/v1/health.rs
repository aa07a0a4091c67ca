//! `GET /api/v1/health`, `GET /livez`, `GET /readyz`: for people, containers and load balancers.

use axum::{extract::State, http::StatusCode, response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    http::{
        ErrorCode,
        error::ApiError,
        openapi::{Answer, Operation, Tag},
        wire::{self, Time},
    },
    service::{self, Context},
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
    Operation::new("getHealth", Tag::Server, "The server answers").answers(Answer::json(
        200,
        "It does.",
        &Health {
            status: Status::Up,
            timestamp: Time::EXAMPLE,
        },
    ))
}

pub(in crate::http) fn describe_live() -> Operation {
    Operation::new("isAlive", Tag::Server, "The process lives")
        .answers(Answer::empty(200, "It does."))
}

pub(in crate::http) fn describe_ready() -> Operation {
    Operation::new("isReady", Tag::Server, "The server can do its work")
        .answers(Answer::json(
            200,
            "The database answers and takes changes, too.",
            &Ready { status: Status::Up },
        ))
        .refuses(&[ErrorCode::DatabaseUnavailable])
}

/// Asks nothing of the database.
pub(in crate::http) async fn handler(
    State(ctx): State<Context>,
) -> Result<response::Response, ApiError> {
    wire::json(&Health {
        status: Status::Up,
        timestamp: Time(ctx.clock.now()),
    })
}

/// Asks nothing: a stalled runtime does not answer.
pub(in crate::http) async fn live() -> StatusCode {
    StatusCode::OK
}

/// The service can do its work: the database answers and takes changes, too.
pub(in crate::http) async fn ready(
    State(ctx): State<Context>,
) -> Result<response::Response, ApiError> {
    ctx.db
        .check_writable()
        .await
        .map_err(service::Error::from)?;
    wire::json(&Ready { status: Status::Up })
}
