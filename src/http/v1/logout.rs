//! `POST /api/v1/auth/logout`: the end of the session whose token calls.

use axum::{extract::State, response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    http::{
        error::ApiError,
        extract::VerifiedCaller,
        openapi::{Answer, Operation, Tag},
        wire,
    },
    service::{Context, logout},
};

/// The end of a session.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Farewell")]
struct Response {
    /// For a person; the same each time.
    message: &'static str,
}

const ENDED: Response = Response {
    message: "Session successfully terminated",
};

pub(in crate::http) fn describe() -> Operation {
    Operation::new("logout", Tag::SigningIn, "The end of the token that calls")
        .about("Counts as a call, and is never refused for a limit.")
        .never_limited()
        .answers(Answer::json(
            200,
            "The token is refused from now on.",
            &ENDED,
        ))
}

/// Ends the caller's session.
pub(in crate::http) async fn handler(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
) -> Result<response::Response, ApiError> {
    logout::logout(&ctx, caller.claims(), &caller.call).await?;
    wire::json(&ENDED)
}
