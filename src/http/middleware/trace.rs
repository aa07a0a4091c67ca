//! One id, one span and one access line per request, and the headers that every answer has.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, header::X_CONTENT_TYPE_OPTIONS},
    middleware::Next,
    response::Response,
};
use tracing::Instrument;
use uuid::Uuid;

use crate::service::Context;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request: the client's, when it is well-formed, else a new one. Also the `traceId` of
/// errors.
#[derive(Debug, Clone, Default)]
pub(in crate::http) struct RequestId(Arc<str>);

impl RequestId {
    fn of(request: &Request) -> Self {
        let given = request
            .headers()
            .get(X_REQUEST_ID)
            .and_then(|value| value.to_str().ok());
        let well_formed = |id: &&str| {
            (1..=128).contains(&id.len())
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
        };
        given.filter(well_formed).map_or_else(
            || Self(Uuid::new_v4().to_string().into()),
            |id| Self(id.into()),
        )
    }

    /// The id as text.
    pub(in crate::http) fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as text that is shared.
    pub(in crate::http) fn into_inner(self) -> Arc<str> {
        self.0
    }
}

/// Gives the request its id and span, counts it, and logs how it was answered.
pub(in crate::http) async fn trace(
    State(ctx): State<Context>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = RequestId::of(&request);
    // The template, not the path: ids of photos belong neither in spans nor in labels of metrics.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", |path| path.as_str())
        .to_owned();
    let span = tracing::info_span!(
        "request",
        trace.id = id.as_str(),
        http.method = %request.method(),
        http.route = route,
        tenant.id = tracing::field::Empty,
    );
    let in_flight = ctx.metrics.begin_request(request.method().as_str(), route);
    request.extensions_mut().insert(id.clone());
    async move {
        let started = Instant::now();
        let mut response = next.run(request).await;
        let (status, duration) = (response.status().as_u16(), started.elapsed());
        in_flight.answered(status, duration);
        tracing::info!(
            http.status = status,
            duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            "answered"
        );
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            headers.insert(X_REQUEST_ID, value);
        }
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
    .instrument(span)
    .await
}
