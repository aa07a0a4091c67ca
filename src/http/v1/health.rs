//! `GET /api/v1/health`, `GET /livez`, `GET /readyz`: for people, containers and load balancers.

use axum::{extract::State, http::StatusCode, response::Response};
use serde_json::json;

use super::wire;
use crate::{
    http::error::ApiError,
    service::{self, Context},
};

/// The service answers.
pub(in crate::http) async fn handler(State(ctx): State<Context>) -> Result<Response, ApiError> {
    wire::json(&json!({ "status": "UP", "timestamp": wire::time(ctx.clock.now())? }))
}

/// The process lives.
pub(in crate::http) async fn live() -> StatusCode {
    StatusCode::OK
}

/// The service can do its work: the database answers too.
pub(in crate::http) async fn ready(State(ctx): State<Context>) -> Result<Response, ApiError> {
    ctx.db.ping().await.map_err(service::Error::from)?;
    wire::json(&json!({ "status": "UP" }))
}
