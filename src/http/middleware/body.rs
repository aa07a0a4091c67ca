//! The pace and the end of request bodies.
//!
//! A body that comes more slowly than [`Pace`] allows ends with 408. And when a handler answers
//! before it has read all, the rest is read and thrown away before the answer goes out, within
//! bounds: most clients send everything before they look at the answer, and a connection closed
//! under them loses it. A client that sent `Expect: 100-continue` looks first, so it is answered at
//! once, unless it was asked for its body already. Where there is too much to do, hardly anything
//! is read on: what refusals cost is taken from the work that is not refused.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{
        HeaderValue, StatusCode, Version,
        header::{CONNECTION, EXPECT},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep_until, timeout};

use super::pace::Pace;
use crate::http::error::{ApiError, ErrorCode};

/// Most that is read of a body that nobody wants any more, in bytes.
const LONGEST_DRAIN_BYTES: usize = 128 << 20;

/// The same when the server or the tenant has too much to do (429, 503).
const LONGEST_DRAIN_WHEN_BUSY_BYTES: usize = 64 << 10;

/// Longest that such reading may take, and wait for the next piece.
const LONGEST_DRAIN: Duration = Duration::from_secs(10);
const LONGEST_DRAIN_PAUSE: Duration = Duration::from_secs(2);

/// A body that came too slowly.
#[derive(Debug, thiserror::Error)]
#[error("the body came too slowly")]
struct TooSlow;

/// The body on its way in, shared between the handler and this layer.
struct Incoming {
    body: Body,
    pace: Pace,
    deadline: Pin<Box<Sleep>>,
    /// All of it came; the server's own body does not tell that of chunks.
    ended: bool,
    too_slow: bool,
}

/// The handler's end of [`Incoming`].
#[derive(Clone)]
struct Shared(Arc<Mutex<Incoming>>);

impl Shared {
    fn with<T>(&self, work: impl FnOnce(&mut Incoming) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.with(|incoming| {
            if let Poll::Ready(frame) = Pin::new(&mut incoming.body).poll_frame(cx) {
                if let Some(data) = frame.as_ref().and_then(|f| f.as_ref().ok()?.data_ref()) {
                    incoming.pace.moved(data.len());
                    let deadline = incoming.pace.deadline();
                    incoming.deadline.as_mut().reset(deadline);
                }
                incoming.ended |= frame.is_none();
                return Poll::Ready(frame);
            }
            ready!(incoming.deadline.as_mut().poll(cx));
            incoming.too_slow = true;
            Poll::Ready(Some(Err(axum::Error::new(TooSlow))))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.with(|incoming| incoming.ended || incoming.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|incoming| incoming.body.size_hint())
    }
}

/// Watches the body of a request.
pub(in crate::http) async fn body(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let looks_first = request.headers().contains_key(EXPECT);
    let version = request.version();
    let (parts, body) = request.into_parts();
    let pace = Pace::begin();
    let mut shared = Shared(Arc::new(Mutex::new(Incoming {
        body,
        deadline: Box::pin(sleep_until(pace.deadline())),
        pace,
        ended: false,
        too_slow: false,
    })));
    let mut response = next
        .run(Request::from_parts(parts, Body::new(shared.clone())))
        .await;
    if shared.with(|incoming| incoming.too_slow) {
        response = ApiError::new(ErrorCode::RequestTimeout).into_response();
    } else if !looks_first || shared.with(|incoming| incoming.pace.bytes() > 0) {
        let longest = match response.status() {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                LONGEST_DRAIN_WHEN_BUSY_BYTES
            }
            _ => LONGEST_DRAIN_BYTES,
        };
        let drain = async {
            let mut dropped = 0;
            while let Ok(Some(Ok(frame))) = timeout(LONGEST_DRAIN_PAUSE, shared.frame()).await {
                dropped += frame.data_ref().map_or(0, Bytes::len);
                if dropped > longest {
                    break;
                }
            }
        };
        // Whether it ended or was cut off, the answer goes out now.
        timeout(LONGEST_DRAIN, drain).await.ok();
    }
    if !shared.is_end_stream() && version <= Version::HTTP_11 {
        // What is still to come cannot be told from a next request: the connection ends, and the
        // client knows.
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::to_bytes, middleware::from_fn, routing::post};
    use http_body_util::channel::Channel;
    use tower::ServiceExt;

    use tokio::time::Instant;

    use super::*;
    use crate::http::middleware::pace::LONGEST_PAUSE;

    /// Sends `bytes`, then nothing more; what the answer is, and after how long it comes.
    async fn stall(bytes: usize, reads: bool) -> (StatusCode, bool, Duration) {
        let handler = move |body: Body| async move {
            if reads {
                to_bytes(body, usize::MAX).await.ok();
            }
            StatusCode::OK
        };
        let app = Router::new().route("/", post(handler)).layer(from_fn(body));
        let (mut sender, body) = Channel::<Bytes, axum::Error>::new(1);
        let sending = tokio::spawn(async move {
            sender.send_data(vec![0; bytes].into()).await.ok();
            std::future::pending::<()>().await;
        });
        let started = Instant::now();
        let request = Request::post("/").body(Body::new(body)).unwrap();
        let response = app.oneshot(request).await.unwrap();
        sending.abort();
        let closes = response.headers().contains_key(CONNECTION);
        (response.status(), closes, started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_ends_soon_however_much_of_it_came() {
        for bytes in [1, 1 << 20, 24 << 20] {
            let (status, closes, after) = stall(bytes, true).await;
            assert_eq!(status, StatusCode::REQUEST_TIMEOUT, "{bytes}");
            assert!(closes, "{bytes}");
            assert_eq!(after.as_secs(), LONGEST_PAUSE.as_secs(), "{bytes}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_waits_for_the_rest_of_a_body_only_while_it_comes() {
        let (status, closes, after) = stall(1000, false).await;
        assert_eq!(status, StatusCode::OK);
        assert!(closes, "the rest could be taken for a request");
        assert_eq!(after.as_secs(), LONGEST_DRAIN_PAUSE.as_secs());
    }

    /// How long an answer waits for who sent `Expect: 100-continue` and goes on sending, slowly.
    async fn expects(reads_some: bool) -> Duration {
        let handler = move |mut body: Body| async move {
            if reads_some {
                body.frame().await;
            }
            StatusCode::PAYLOAD_TOO_LARGE
        };
        let app = Router::new().route("/", post(handler)).layer(from_fn(body));
        let (mut sender, body) = Channel::<Bytes, axum::Error>::new(1);
        let sending = tokio::spawn(async move {
            for _ in 0..3 {
                sender.send_data(vec![0; 1000].into()).await.ok();
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        let started = Instant::now();
        let request = Request::post("/").header(EXPECT, "100-continue");
        let request = request.body(Body::new(body)).unwrap();
        let response = app.oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        sending.abort();
        started.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn who_looks_first_is_answered_at_once_unless_it_was_asked_to_send() {
        assert_eq!(expects(false).await.as_secs(), 0);
        assert_eq!(expects(true).await.as_secs(), 3, "all of it was read");
    }
}
