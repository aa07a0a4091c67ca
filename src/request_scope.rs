//! What belongs to the request that a task serves and is no argument of its work: its place in a
//! trace, and what its image came to. The access line and outgoing requests ask for it.
//!
//! It travels in a task-local, as the span of the log does, and `CpuGate` takes it along to its
//! threads. Nothing that decides anything may be kept here.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::trace_context::TraceContext;

/// The target of the spans that are exported as traces, and of nothing else. Without a collector
/// they are disabled, and cost a look at a flag.
pub const TRACES: &str = "lumatrace::traces";

tokio::task_local! {
    static CURRENT: RequestScope;
}

/// What belongs to one request; clones are the same.
#[derive(Debug, Clone)]
pub struct RequestScope(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    trace: TraceContext,
    exported: Span,
    image: Mutex<ImageFacts>,
}

/// What is known of the image of a request, for its access line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImageFacts {
    /// Its container, told by its bytes: `jpg`, `png`, `webp` or `other`.
    pub format: Option<&'static str>,
    /// The pixels that its header claims.
    pub pixels: Option<u64>,
    /// How long it waited for a worker, all its jobs together; `None` if it never asked for one.
    pub waited: Option<Duration>,
}

impl RequestScope {
    /// The scope of a request whose client sent `parent`, or no good one, and whose exported span
    /// is `exported`, a disabled one where nothing is exported.
    pub fn begin(parent: Option<TraceContext>, exported: Span) -> Self {
        let trace = joined(&exported, parent)
            .unwrap_or_else(|| parent.map_or_else(TraceContext::begin, TraceContext::child));
        Self(Arc::new(Inner {
            trace,
            exported,
            image: Mutex::default(),
        }))
    }

    /// The scope of the request that this task serves.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Does `work` in this scope.
    pub async fn hold<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// Does `work` on this thread, in this scope.
    pub fn hold_sync<T>(self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, work)
    }

    /// The place of the request's own span.
    pub fn trace(&self) -> TraceContext {
        self.0.trace
    }

    /// The span that is exported, a parent of others.
    pub fn exported(&self) -> &Span {
        &self.0.exported
    }

    /// Adds what a job found out about the image of the request.
    pub fn note_image(&self, facts: ImageFacts) {
        let mut image = self.image_facts();
        image.format = facts.format.or(image.format);
        image.pixels = facts.pixels.or(image.pixels);
        let waited = image.waited.unwrap_or_default() + facts.waited.unwrap_or_default();
        image.waited = Some(waited);
    }

    /// What is known of its image by now.
    pub fn image(&self) -> ImageFacts {
        *self.image_facts()
    }

    fn image_facts(&self) -> MutexGuard<'_, ImageFacts> {
        self.0.image.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a span that is exported a child of `parent`, and tells where it came to be; `None` for one
/// that is not exported.
fn joined(exported: &Span, parent: Option<TraceContext>) -> Option<TraceContext> {
    if exported.is_disabled() {
        return None;
    }
    if let Some(parent) = parent {
        let flags = if parent.sampled {
            TraceFlags::SAMPLED
        } else {
            TraceFlags::NOT_SAMPLED
        };
        let remote = SpanContext::new(
            TraceId::from(parent.trace),
            SpanId::from(parent.span),
            flags,
            true,
            TraceState::NONE,
        );
        let remote = opentelemetry::Context::new().with_remote_span_context(remote);
        // Refused for a span that has begun, which this one has not.
        exported.set_parent(remote).ok();
    }
    let own = exported.context();
    let own = own.span().span_context().clone();
    own.is_valid().then(|| TraceContext {
        trace: u128::from_be_bytes(own.trace_id().to_bytes()),
        span: u64::from_be_bytes(own.span_id().to_bytes()),
        sampled: own.is_sampled(),
    })
}

/// The value of `traceparent` for a request that the server makes itself on behalf of the one that
/// it serves here; `None` outside of one.
pub fn traceparent() -> Option<String> {
    RequestScope::current().map(|scope| scope.trace().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_of_a_request_finds_its_trace_and_other_work_finds_none() {
        assert_eq!(traceparent(), None);
        let parent: TraceContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            .parse()
            .unwrap();
        let scope = RequestScope::begin(Some(parent), Span::none());
        let sent = scope.clone().hold(async { traceparent() }).await;
        let on_a_thread = scope.clone().hold_sync(traceparent);
        let own = scope.trace().to_string();
        assert_eq!(
            (sent.as_ref(), on_a_thread.as_ref()),
            (Some(&own), Some(&own))
        );
        assert!(own.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && own.ends_with("-01"));
        assert_ne!(scope.trace().span, parent.span);
        assert_eq!(traceparent(), None);
    }

    #[test]
    fn waits_of_an_image_add_up_and_what_is_known_stays() {
        let scope = RequestScope::begin(None, Span::none());
        assert_eq!(scope.image(), ImageFacts::default());
        let waited = Some(Duration::from_millis(3));
        scope.note_image(ImageFacts {
            format: Some("png"),
            pixels: Some(9),
            waited,
        });
        scope.note_image(ImageFacts {
            format: None,
            pixels: None,
            waited,
        });
        let facts = scope.image();
        assert_eq!((facts.format, facts.pixels), (Some("png"), Some(9)));
        assert_eq!(facts.waited, Some(Duration::from_millis(6)));
    }
}
