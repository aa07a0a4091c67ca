//! The pace of answers. A client that reads more slowly than [`Pace`] allows is given up: what is
//! left of the answer is freed, and its connection ends.
//!
//! The server's own machinery asks a body for more only when there is room to send it, so a body
//! cannot end itself. Each connection therefore knows the answers that are leaving on it:
//! [`Departures::stalled`] tells it when one does not.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, ready},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    middleware::Next,
    response::Response,
};
use hyper::body::{Frame, SizeHint};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::pace::Pace;
use crate::service::admission::bodies::BodyMemory;

/// How much is handed on at once, in bytes: what has been handed on counts as moved.
const PIECE_BYTES: usize = 64 << 10;

/// The answers that are leaving on one connection; clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Departures(Arc<Leavings>);

#[derive(Debug, Default)]
struct Leavings {
    leaving: Mutex<Vec<Weak<Mutex<Leaving>>>>,
    added: Notify,
}

/// An answer on its way out.
#[derive(Debug)]
struct Leaving {
    body: Body,
    /// What came of the body and has not been handed on.
    rest: Bytes,
    /// What it counts in the budget, until it is part of its bytes.
    memory: Option<BodyMemory>,
    pace: Pace,
    given_up: bool,
}

/// The client read too slowly.
#[derive(Debug, thiserror::Error)]
#[error("the client read the answer too slowly")]
struct TooSlowReader;

/// Bytes that count in the budget for as long as a piece of them is somewhere on its way.
struct BudgetedBytes {
    bytes: Bytes,
    _memory: BodyMemory,
}

impl AsRef<[u8]> for BudgetedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Leaving {
    fn give_up(&mut self) {
        self.given_up = true;
        self.body = Body::empty();
        self.rest = Bytes::new();
        self.memory = None;
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.given_up {
            return Poll::Ready(Some(Err(axum::Error::new(TooSlowReader))));
        }
        while self.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                end => return Poll::Ready(end),
            };
            let bytes = match frame.into_data() {
                Ok(bytes) => bytes,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            };
            self.rest = match self.memory.take() {
                Some(memory) => Bytes::from_owner(BudgetedBytes {
                    bytes,
                    _memory: memory,
                }),
                None => bytes,
            };
        }
        let piece = self.rest.split_to(self.rest.len().min(PIECE_BYTES));
        self.pace.moved(piece.len());
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

/// The server's end of [`Leaving`].
struct AnswerBody(Arc<Mutex<Leaving>>);

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        lock(&self.0).next(cx)
    }

    fn is_end_stream(&self) -> bool {
        let leaving = lock(&self.0);
        leaving.rest.is_empty() && leaving.body.is_end_stream() && !leaving.given_up
    }

    fn size_hint(&self) -> SizeHint {
        let leaving = lock(&self.0);
        let rest = leaving.rest.len() as u64;
        let body = leaving.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower() + rest);
        if let Some(upper) = body.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

impl Departures {
    fn add(&self, leaving: &Arc<Mutex<Leaving>>) {
        let mut all = lock(&self.0.leaving);
        all.retain(|answer| answer.strong_count() > 0);
        all.push(Arc::downgrade(leaving));
        drop(all);
        self.0.added.notify_one();
    }

    /// Completes when an answer has been given up because it left too slowly.
    pub async fn stalled(&self) {
        loop {
            let deadlines = lock(&self.0.leaving)
                .iter()
                .filter_map(Weak::upgrade)
                .map(|leaving| lock(&leaving).pace.deadline())
                .min();
            match deadlines {
                None => self.0.added.notified().await,
                Some(deadline) => sleep_until(deadline).await,
            }
            if self.give_up_late() {
                return;
            }
        }
    }

    /// Gives up the answers that are late; whether there were any.
    fn give_up_late(&self) -> bool {
        let now = Instant::now();
        let mut some = false;
        lock(&self.0.leaving).retain(|answer| {
            let Some(leaving) = answer.upgrade() else {
                return false;
            };
            let mut leaving = lock(&leaving);
            let late = leaving.pace.deadline() <= now;
            if late {
                leaving.give_up();
                some = true;
            }
            !late
        });
        some
    }
}

/// Watches the body of the answer, on a connection that asks for it.
pub(in crate::http) async fn answer(request: Request, next: Next) -> Response {
    let departures = request.extensions().get::<Departures>().cloned();
    let mut response = next.run(request).await;
    let Some(departures) = departures else {
        return response;
    };
    if response.body().is_end_stream() {
        return response;
    }
    let memory = response.extensions_mut().remove::<Arc<BodyMemory>>();
    response.map(|body| {
        let leaving = Arc::new(Mutex::new(Leaving {
            body,
            rest: Bytes::new(),
            memory: memory.and_then(Arc::into_inner),
            pace: Pace::begin(),
            given_up: false,
        }));
        departures.add(&leaving);
        Body::new(AnswerBody(leaving))
    })
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::{domain::TenantId, service::admission::bodies::Bodies};

    /// An answer of so many bytes on a connection, and the budget that it counts in.
    fn leaving(bytes: usize) -> (Departures, AnswerBody, Bodies) {
        let bodies = Bodies::new(usize::MAX, usize::MAX);
        let tenant = TenantId::parse("acme").unwrap();
        let leaving = Arc::new(Mutex::new(Leaving {
            body: Body::from(vec![7; bytes]),
            rest: Bytes::new(),
            memory: Some(bodies.send(&tenant, bytes)),
            pace: Pace::begin(),
            given_up: false,
        }));
        let departures = Departures::default();
        departures.add(&leaving);
        (departures, AnswerBody(leaving), bodies)
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_reads_is_given_up_and_its_memory_is_free() {
        let (departures, mut body, bodies) = leaving(15 << 20);
        let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(piece.len(), PIECE_BYTES);
        let started = Instant::now();
        departures.stalled().await;
        assert_eq!(started.elapsed().as_secs(), 20);
        assert_eq!(bodies.held(), 15 << 20, "a piece is still on its way");
        drop(piece);
        assert_eq!(bodies.held(), 0);
        assert!(body.frame().await.unwrap().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_read_leaves_whole_and_one_that_trickles_does_not() {
        for (pause, arrives) in [(1, true), (6, false)] {
            let (departures, mut body, bodies) = leaving(3 << 20);
            let reading = async {
                let mut read = 0;
                while let Some(Ok(frame)) = body.frame().await {
                    read += frame.into_data().unwrap().len();
                    tokio::time::sleep(std::time::Duration::from_secs(pause)).await;
                }
                read
            };
            tokio::select! {
                read = reading => assert!(arrives && read == 3 << 20, "{pause}"),
                () = departures.stalled() => assert!(!arrives, "{pause}"),
            }
            drop(body);
            assert_eq!(bodies.held(), 0);
        }
    }
}
