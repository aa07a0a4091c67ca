//! A body with an image on its way in: how long it may be, the memory that it takes, and the pieces
//! in which a form gets it.
//!
//! The parser of forms looks through all that it has each time something comes, until it finds the
//! next part. So it gets pieces of some size one by one, however small they come, and no more than
//! a head may have while it finds nothing.
//!
//! What the parser says of a form that it cannot read leads to no cause, so the start and the end
//! of the body are kept, and [`Intake::malformed`] tells from them what is wrong.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes, HttpBody};
use bytes::BytesMut;
use hyper::body::Frame;

use super::names::quoted;
use crate::{
    http::error::{ApiError, Limit},
    service::admission::bodies::BodyMemory,
};

/// What a body may have beside its image, in bytes: boundaries, part headers, text parts.
pub(super) const OVERHEAD_BYTES: u64 = 1 << 20;

/// Longest head of a part, or text before the first one, in bytes.
const LONGEST_HEAD_BYTES: usize = 64 * 1024;

/// Least that is handed on at once, but for the end, in bytes.
const PIECE_BYTES: usize = 8 * 1024;

/// How much of the start of a body is kept, in bytes: the first boundary and the head of the first
/// part.
const KEPT_START_BYTES: usize = 1024;

/// How much of its end: the last boundary and what clients put behind it.
const KEPT_END_BYTES: usize = 256;

/// The body on its way in, and what was wrong with it.
#[derive(Debug)]
struct State {
    body: Body,
    received: u64,
    /// Longest image, in bytes.
    max: u64,
    memory: BodyMemory,
    boundary: String,
    start: Vec<u8>,
    end: Vec<u8>,
    /// All of it came, or nothing more will.
    ended: bool,
    /// What came and is too little to be handed on.
    kept: BytesMut,
    /// What was handed on since the form last found something in it.
    unused: usize,
    /// The form had a piece and has not looked at it yet.
    served: bool,
    refused: Option<ApiError>,
}

/// Counts a body while somebody else reads it, and holds the memory for it until it is dropped.
#[derive(Debug, Clone)]
pub(super) struct Intake(Arc<Mutex<State>>);

/// The body is refused; why stands in [`State::refused`].
#[derive(Debug, thiserror::Error)]
#[error("the body is refused")]
struct Refused;

impl Intake {
    /// Begins to count `body`, a form with that boundary in which there may be an image of `max`
    /// bytes.
    pub(super) fn new(body: Body, boundary: String, max: u64, memory: BodyMemory) -> Self {
        Self(Arc::new(Mutex::new(State {
            body,
            received: 0,
            max,
            memory,
            boundary,
            start: Vec::new(),
            end: Vec::new(),
            ended: false,
            kept: BytesMut::new(),
            unused: 0,
            served: false,
            refused: None,
        })))
    }

    /// The form found something in what it got: a part, or some of its content.
    pub(super) fn progress(&self) {
        self.with(|state| state.unused = 0);
    }

    /// Why the body was not read on, which explains better what is wrong with a form than the form
    /// does.
    pub(super) fn refusal(&self) -> Option<ApiError> {
        self.with(|state| state.refused.take())
    }

    /// What is wrong with a form that cannot be read.
    pub(super) fn malformed(&self) -> ApiError {
        let reason = self.with(|state| state.diagnose());
        ApiError::field(
            "body",
            reason
                .as_deref()
                .unwrap_or("is not well-formed multipart/form-data"),
        )
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// Counts what came; an error when it is too much.
    fn count(&mut self, bytes: usize) -> Result<(), ApiError> {
        self.received += bytes as u64;
        if self.received > self.max + OVERHEAD_BYTES {
            return Err(ApiError::too_large(
                "image",
                Limit::Bytes,
                self.max,
                self.received,
            ));
        }
        if self.unused > LONGEST_HEAD_BYTES {
            let reason = self.diagnose();
            let reason = reason.as_deref();
            return Err(ApiError::field(
                "body",
                reason.unwrap_or("has a part with too long a head"),
            ));
        }
        self.memory.take(bytes).map_err(ApiError::busy)
    }

    /// Keeps the start and the end of what comes.
    fn keep_ends(&mut self, data: &[u8]) {
        let room = KEPT_START_BYTES - self.start.len();
        self.start.extend_from_slice(&data[..room.min(data.len())]);
        let tail = &data[data.len().saturating_sub(KEPT_END_BYTES)..];
        self.end.extend_from_slice(tail);
        let old = self.end.len().saturating_sub(KEPT_END_BYTES);
        self.end.drain(..old);
    }

    /// The likeliest fault of a form that cannot be read, if it is one that clients are known for.
    fn diagnose(&self) -> Option<String> {
        let delimiter = format!("--{}", self.boundary);
        let has = |place: &[u8], what: &[u8]| position(place, what).is_some();
        let Some(at) = position(&self.start, delimiter.as_bytes()) else {
            return Some(self.without_boundary());
        };
        // From the first boundary to the end of the first head.
        let head = &self.start[at..];
        let line_feeds = position(head, b"\n\n");
        let proper = position(head, b"\r\n\r\n");
        if line_feeds.is_some_and(|feeds| proper.is_none_or(|proper| feeds < proper))
            || has(head, format!("{delimiter}\n").as_bytes())
        {
            return Some(
                "has lines that end in a line feed alone; the lines of a form end in a carriage return and a line feed \
                 (CRLF; RFC 2046, section 4.1.1)"
                    .to_owned(),
            );
        }
        let closed = has(&self.end, format!("{delimiter}--").as_bytes());
        (self.ended && !closed).then(|| {
            "is cut off: its last boundary, with two hyphens behind it, did not come".to_owned()
        })
    }

    /// What came instead of a form with this boundary.
    fn without_boundary(&self) -> String {
        let first = self.start.split(|byte| b"\r\n".contains(byte));
        let first = first
            .map(String::from_utf8_lossy)
            .find(|line| !line.is_empty());
        match first.as_deref() {
            None => "is empty, without the parts of a form".to_owned(),
            Some(line) if line.starts_with("--") => format!(
                "begins with the boundary {}, and Content-Type names the boundary {}",
                quoted(&line[2..]),
                quoted(&self.boundary)
            ),
            Some(_) => format!(
                "does not begin with the boundary that Content-Type names, which is {}: it is not a form, or was made for another request",
                quoted(&self.boundary)
            ),
        }
    }

    /// The next piece that is large enough, or the last one.
    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, axum::Error>>> {
        loop {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None if self.kept.is_empty() => {
                    self.ended = true;
                    return Poll::Ready(None);
                }
                None => return Poll::Ready(Some(Ok(self.kept.split().freeze()))),
            };
            // Trailers say nothing here.
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if let Err(error) = self.count(data.len()) {
                self.refused = Some(error);
                return Poll::Ready(Some(Err(axum::Error::new(Refused))));
            }
            self.keep_ends(&data);
            if self.kept.is_empty() && data.len() >= PIECE_BYTES {
                return Poll::Ready(Some(Ok(data)));
            }
            self.kept.extend_from_slice(&data);
            if self.kept.len() >= PIECE_BYTES {
                return Poll::Ready(Some(Ok(self.kept.split().freeze())));
            }
        }
    }
}

/// Index of the first `what` in `place`.
fn position(place: &[u8], what: &[u8]) -> Option<usize> {
    place.windows(what.len()).position(|part| part == what)
}

impl HttpBody for Intake {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.with(|state| {
            if std::mem::take(&mut state.served) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let piece = ready!(state.next(cx));
            if let Some(Ok(piece)) = &piece {
                state.unused += piece.len();
                state.served = true;
            }
            Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
        })
    }
}
