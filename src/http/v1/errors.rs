//! `GET /errors/{code}`: where the `type` of an error leads.

use axum::{extract::Path, response::Response};
use serde_json::json;

use super::wire;
use crate::http::error::{ApiError, ErrorCode};

/// Says what an error code means and what to do about it.
pub(in crate::http) async fn handler(Path(code): Path<String>) -> Result<Response, ApiError> {
    let rows: Vec<_> = ErrorCode::ALL
        .iter()
        .map(|known| known.row())
        .filter(|row| row.code == code)
        .map(|row| json!({ "status": row.status.as_u16(), "title": row.title, "action": row.action }))
        .collect();
    if rows.is_empty() {
        return Err(ApiError::new(ErrorCode::NotFound));
    }
    wire::json(&json!({ "code": code, "meanings": rows }))
}
