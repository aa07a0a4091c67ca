//! `GET /api/v1/audit/export`: the log of what was done as a file, an event a line.

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    response::Response,
};
use futures_util::stream::try_unfold;
use serde_json::json;
use tracing::{Instrument, Span};

use super::{
    audit::{Item, filter, filtered},
    page,
};
use crate::{
    http::{
        error::{ApiError, log_failure},
        extract::VerifiedCaller,
        openapi::{Answer, Operation, Tag},
    },
    service::{
        self, Context,
        admission::bodies::BodyMemory,
        audit_export::{self, Export},
    },
};

/// JSON objects, one a line (<https://github.com/ndjson/ndjson-spec>).
const LINES: &str = "application/x-ndjson";

pub(in crate::http) fn describe() -> Operation {
    let line = serde_json::to_string(&Item::example()).unwrap_or_default();
    let operation = Operation::new(
        "exportAuditEvents",
        Tag::Tenant,
        "What was done in the tenant, oldest first, as a file",
    )
    .about(
        "An `Event` a line, as in the list, up to the last one when the export began, which is the export itself. An answer that \
         is broken off is not whole.",
    );
    let schema = json!({ "type": "string", "description": "Each line is an `Event`." });
    let content = json!({ "schema": schema, "example": line + "\n" });
    filtered(operation).answers(
        Answer::empty(200, "The events.")
            .with(LINES, content)
            .headers(&["Content-Disposition"]),
    )
}

/// The export could not be read to its end; why stands in the log.
#[derive(Debug, thiserror::Error)]
#[error("the export broke off")]
struct BrokenOff;

/// The rest of an export.
struct Rest {
    ctx: Context,
    export: Export,
    /// Of the events that are on their way to the client.
    memory: Option<BodyMemory>,
}

/// Sends the log, for an administrator of the tenant.
pub(in crate::http) async fn handler(
    caller: VerifiedCaller,
    State(ctx): State<Context>,
    query: page::Received,
) -> Result<Response, ApiError> {
    let filter = filter(&page::parameters(query)?)?;
    let export = audit_export::begin(&ctx, &caller, filter).await?;
    let file = format!(
        "attachment; filename=\"audit_{}_{}.ndjson\"",
        export.tenant(),
        export.last()
    );
    let rest = Rest {
        ctx,
        export,
        memory: None,
    };
    let span = Span::current();
    let lines = try_unfold(rest, move |rest| next(rest).instrument(span.clone()));
    let mut response = Response::new(Body::from_stream(lines));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(LINES));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let file = HeaderValue::from_str(&file).map_err(service::Error::internal)?;
    headers.insert(CONTENT_DISPOSITION, file);
    Ok(response)
}

/// The next lines. An error ends the answer without its end, which clients see as broken off.
async fn next(mut rest: Rest) -> Result<Option<(Bytes, Rest)>, BrokenOff> {
    // Those before have been handed on.
    rest.memory = None;
    match lines(&mut rest).await {
        Ok(lines) => Ok((!lines.is_empty()).then_some((lines, rest))),
        Err(error) => {
            log_failure(&error.into());
            Err(BrokenOff)
        }
    }
}

async fn lines(rest: &mut Rest) -> Result<Bytes, service::Error> {
    let mut lines = Vec::new();
    for event in rest.export.next().await? {
        serde_json::to_writer(&mut lines, &Item::from(event)).map_err(service::Error::internal)?;
        lines.push(b'\n');
    }
    rest.memory = Some(rest.ctx.bodies.send(rest.export.tenant(), lines.len()));
    Ok(lines.into())
}
