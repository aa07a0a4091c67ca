//! A body with an image on its way in: how long it may be, the memory that it takes, and the pieces in which a form gets it.
//!
//! The parser of forms looks through all that it has each time something comes, until it finds the next part. So it gets pieces of
//! some size one by one, however small they come, and no more than a head may have while it finds nothing.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes, HttpBody};
use bytes::BytesMut;
use hyper::body::Frame;

use crate::{
    http::error::{ApiError, ErrorCode},
    service::uploads::Upload,
};

/// What a body may have beside its image, in bytes: boundaries, part headers, text parts.
pub(super) const OVERHEAD_BYTES: u64 = 1 << 20;

/// Longest head of a part, or text before the first one, in bytes.
const LONGEST_HEAD_BYTES: usize = 64 * 1024;

/// Least that is handed on at once, but for the end, in bytes.
const PIECE_BYTES: usize = 8 * 1024;

/// The body on its way in, and what was wrong with it.
#[derive(Debug)]
struct State {
    body: Body,
    received: u64,
    /// Longest image.
    max: u64,
    upload: Upload,
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
    /// Begins to count `body`, in which there may be an image of `max` bytes.
    pub(super) fn new(body: Body, max: u64, upload: Upload) -> Self {
        Self(Arc::new(Mutex::new(State {
            body,
            received: 0,
            max,
            upload,
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

    /// Why the body was not read on, which explains better what is wrong with a form than the form does.
    pub(super) fn refusal(&self) -> Option<ApiError> {
        self.with(|state| state.refused.take())
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
                "bytes",
                self.max,
                self.received,
            ));
        }
        if self.unused > LONGEST_HEAD_BYTES {
            return Err(ApiError::field(
                "body",
                "is not multipart/form-data, or has a part with too long a head",
            ));
        }
        let taken = self.upload.take(bytes);
        taken.map_err(|_| ApiError::new(ErrorCode::ServerBusy))
    }

    /// The next piece that is large enough, or the last one.
    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, axum::Error>>> {
        loop {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None if self.kept.is_empty() => return Poll::Ready(None),
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
