//! Before a stop: answers that end their connection, so that the next request goes elsewhere.

use axum::{
    extract::{Request, State},
    http::{HeaderValue, Version, header::CONNECTION},
    middleware::Next,
    response::Response,
};

use crate::service::Context;

/// Adds `Connection: close` once the server is about to stop (RFC 9112 section 9.6). A balancer
/// that keeps connections would else send a request on one that is being closed. HTTP/2 has a frame
/// for that, which is sent with the stop.
pub(in crate::http) async fn last_answers(
    State(ctx): State<Context>,
    request: Request,
    next: Next,
) -> Response {
    let version = request.version();
    let mut response = next.run(request).await;
    if version < Version::HTTP_2 && ctx.readiness.is_stopping() {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}
