//! The access line: one for each request, when the head of its answer is ready, or when its client
//! has gone away.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    response::Response,
};
use hyper::body::{Frame, SizeHint};

use crate::{
    http::error::RefusalCode,
    request_scope::{ImageFacts, RequestScope},
};

/// What is asked every few seconds by machines, and logged at level DEBUG.
const PROBES: [&str; 3] = ["/livez", "/readyz", "/api/v1/health"];

/// A request that has not been answered. Dropped without [`AccessLine::answered`], it says that the
/// client has gone away.
pub(super) struct AccessLine {
    scope: RequestScope,
    began: Instant,
    bytes_in: Arc<AtomicU64>,
    probe: bool,
    answered: bool,
}

/// What the line says that others ask for, too.
pub(super) struct Told {
    /// How long the request took.
    pub(super) took: Duration,
    /// The code of a refusal or failure.
    pub(super) code: Option<&'static str>,
}

/// The numbers of a line.
struct Figures {
    duration_ms: u64,
    bytes_in: u64,
    format: Option<&'static str>,
    megapixels: Option<f64>,
    queue_wait_ms: Option<u64>,
}

impl AccessLine {
    /// Begins to take the time. `route` is the route's template.
    pub(super) fn begin(scope: RequestScope, route: &str, bytes_in: Arc<AtomicU64>) -> Self {
        Self {
            scope,
            began: Instant::now(),
            bytes_in,
            probe: PROBES.contains(&route),
            answered: false,
        }
    }

    /// Writes the line of an answer.
    pub(super) fn answered(mut self, response: &Response) -> Told {
        self.answered = true;
        let told = Told {
            took: self.began.elapsed(),
            code: (response.extensions())
                .get::<RefusalCode>()
                .map(|refusal| refusal.0),
        };
        let figures = self.figures(told.took);
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    http.status = response.status().as_u16(),
                    error.code = told.code,
                    duration_ms = figures.duration_ms,
                    bytes_in = figures.bytes_in,
                    bytes_out = response.body().size_hint().exact(),
                    image.format = figures.format,
                    image.megapixels = figures.megapixels,
                    queue_wait_ms = figures.queue_wait_ms,
                    "answered"
                )
            };
        }
        if self.probe {
            line!(debug);
        } else {
            line!(info);
        }
        told
    }

    fn figures(&self, took: Duration) -> Figures {
        let ImageFacts {
            format,
            pixels,
            waited,
        } = self.scope.image();
        #[expect(
            clippy::cast_precision_loss,
            reason = "pictures have fewer pixels than 2^53"
        )]
        let megapixels = |pixels: u64| (pixels as f64 / 1e4).round() / 100.0;
        Figures {
            duration_ms: milliseconds(took),
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            format,
            megapixels: pixels.map(megapixels),
            queue_wait_ms: waited.map(milliseconds),
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Drop for AccessLine {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        let figures = self.figures(self.began.elapsed());
        tracing::info!(
            duration_ms = figures.duration_ms,
            bytes_in = figures.bytes_in,
            image.format = figures.format,
            image.megapixels = figures.megapixels,
            queue_wait_ms = figures.queue_wait_ms,
            "the client went away"
        );
    }
}

/// A body whose bytes are counted as they come.
struct CountedBody {
    body: Body,
    bytes: Arc<AtomicU64>,
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(data) = frame.as_ref().and_then(|f| f.as_ref().ok()?.data_ref()) {
            self.bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Takes the body out of a request; returns one to put in its place, and the count of its bytes.
pub(super) fn count_body(request: &mut Request) -> (Body, Arc<AtomicU64>) {
    let body = std::mem::take(request.body_mut());
    let bytes = Arc::new(AtomicU64::new(0));
    if body.is_end_stream() {
        return (body, bytes);
    }
    let counted = CountedBody {
        body,
        bytes: Arc::clone(&bytes),
    };
    (Body::new(counted), bytes)
}
