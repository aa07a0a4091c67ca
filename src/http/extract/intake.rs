//! A body with an image on its way in: how long it may be, and the memory that it takes.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;

use crate::{
    http::error::{ApiError, ErrorCode},
    service::uploads::Upload,
};

/// What a body may have beside its image, in bytes: boundaries, part headers, text parts.
pub(super) const OVERHEAD_BYTES: u64 = 1 << 20;

/// The body on its way in, and what was wrong with it.
#[derive(Debug)]
struct State {
    body: Body,
    received: u64,
    /// Longest image.
    max: u64,
    upload: Upload,
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
            refused: None,
        })))
    }

    /// Why the body was not read on, which explains better what is wrong with a form than the form does.
    pub(super) fn refusal(&self) -> Option<ApiError> {
        self.with(|state| state.refused.take())
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
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
            let frame = ready!(Pin::new(&mut state.body).poll_frame(cx));
            let data = frame.as_ref().and_then(|f| f.as_ref().ok()?.data_ref());
            let bytes = data.map_or(0, Bytes::len);
            state.received += bytes as u64;
            if state.received > state.max + OVERHEAD_BYTES {
                let (max, actual) = (state.max, state.received);
                state.refused = Some(ApiError::too_large("image", "bytes", max, actual));
            } else if state.upload.take(bytes).is_err() {
                state.refused = Some(ApiError::new(ErrorCode::ServerBusy));
            }
            Poll::Ready(match state.refused {
                Some(_) => Some(Err(axum::Error::new(Refused))),
                None => frame,
            })
        })
    }
}
