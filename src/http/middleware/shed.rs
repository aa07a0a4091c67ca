//! Refuses work for which there is no room, before it has cost anything: after the token, since the
//! gate is fair between tenants, and before the database is asked or the body is read.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    http::{error::ApiError, extract::VerifiedCaller},
    service::Context,
};

/// Asks the gate for image work whether it would take a job of the caller's tenant.
pub(in crate::http) async fn shed(
    State(ctx): State<Context>,
    caller: VerifiedCaller,
    request: Request,
    next: Next,
) -> Response {
    match ctx.images.admits(&Some(caller.tenant.clone())) {
        Ok(()) => next.run(request).await,
        Err(busy) => ApiError::busy(busy).into_response(),
    }
}
