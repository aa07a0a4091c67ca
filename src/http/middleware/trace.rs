//! One id, one span and one access line per request, its place in a trace, and the headers that
//! every answer has.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, header::X_CONTENT_TYPE_OPTIONS},
    middleware::Next,
    response::Response,
};
use tracing::{Instrument, Span, field::Empty};
use uuid::Uuid;

use super::access_line::{AccessLine, count_body};
use crate::{
    request_scope::{RequestScope, TRACES},
    service::Context,
    trace_context::TraceContext,
};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

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

/// The place in a trace that the client names; of two headers none counts.
fn parent(request: &Request) -> Option<TraceContext> {
    let mut values = request.headers().get_all(TRACEPARENT).iter();
    let (first, second) = (values.next()?, values.next());
    let text = first.to_str().ok().filter(|_| second.is_none())?;
    text.parse().ok()
}

/// The span that a collector is sent, by the names of OpenTelemetry's conventions for HTTP.
fn exported(request: &Request, id: &RequestId, route: &str) -> Span {
    let method = request.method().as_str();
    tracing::info_span!(
        target: TRACES,
        parent: None,
        "request",
        otel.name = format_args!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        "error.type" = Empty,
        request.id = id.as_str(),
    )
}

/// Gives the request its id, span and scope, counts it, and logs how it was answered.
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
    let exported = exported(&request, &id, &route);
    let scope = RequestScope::begin(parent(&request), exported.clone());
    // Of the highest level, so that what is logged of the request has its fields at every level.
    let span = tracing::error_span!(
        "request",
        request.id = id.as_str(),
        trace.id = scope.trace().trace_id(),
        http.method = %request.method(),
        http.route = route,
        tenant.id = Empty,
    );
    let (request_body, bytes_in) = count_body(&mut request);
    *request.body_mut() = request_body;
    let line = AccessLine::begin(scope.clone(), &route, bytes_in);
    let in_flight = ctx.metrics.begin_request(request.method().as_str(), route);
    request.extensions_mut().insert(id.clone());
    let answer = async move {
        let mut response = next.run(request).await;
        let told = line.answered(&response);
        in_flight.answered(response.status().as_u16(), told.took);
        exported.record("http.response.status_code", response.status().as_u16());
        if let Some(code) = told.code {
            exported.record("error.type", code);
        }
        if response.status().is_server_error() {
            exported.record("otel.status_code", "ERROR");
        }
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            headers.insert(X_REQUEST_ID, value);
        }
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    };
    scope.hold(answer.instrument(span)).await
}
