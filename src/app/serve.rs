//! The listener of the API: accepts connections, and stops without breaking off requests.

use std::{error::Error, future::Future, io, sync::Arc, time::Duration};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{Instant, sleep_until},
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower_http::add_extension::AddExtension;

use super::{
    background::Background,
    client_stream::{ClientStream, Cut},
};
use crate::{connection, http, service::Context};

/// How long running requests may take to finish when the server stops.
const GRACE: Duration = Duration::from_secs(20);

/// How long a client may take to send the head of a request.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// How often a client of HTTP/2 is asked whether it is still there.
const PING: Duration = Duration::from_secs(30);

/// How long a client may take nothing of what is being sent to it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);

/// How long the other requests on a connection have once one of its answers was given up. A client
/// that uses HTTP/2 as it should opens another connection meanwhile.
const LINGER: Duration = Duration::from_secs(5);

/// How long to wait after a connection could not be accepted.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Runs a server until `stop` completes. Then `/readyz` says so, and if somebody watches it, the
/// server goes on for a while, so that they send no more requests before the listener closes.
/// Requests finish first, background tasks end next, and the database is closed last, because both
/// use it.
pub async fn run(
    listener: TcpListener,
    ctx: Context,
    background: Background,
    stop: impl Future<Output = ()>,
) {
    let leave = async {
        stop.await;
        ctx.readiness.stop();
        let delay = ctx.settings.stop_delay;
        if ctx.readiness.is_watched() && !delay.is_zero() {
            tracing::info!(
                stop_delay_seconds = delay.as_secs(),
                "not ready any more; the listener closes later"
            );
            tokio::time::sleep(delay).await;
        }
    };
    serve(listener, ctx.clone(), leave).await;
    background.stop().await;
    if let Some(standby) = &ctx.standby {
        standby.close().await;
    }
    ctx.db.close().await;
}

/// Accepts connections until `stop` completes, then lets running requests finish, for at most
/// [`GRACE`].
pub async fn serve(listener: TcpListener, ctx: Context, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(ctx.settings.most_connections));
    let router = http::router(ctx);
    let connections = TaskTracker::new();
    let stopping = CancellationToken::new();
    tokio::pin!(stop);
    loop {
        let accept = async {
            // The others wait in the listener's backlog.
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, stream, peer) = tokio::select! {
            () = &mut stop => break,
            accepted = accept => match accepted {
                (place, Ok((stream, peer))) => (place, stream, peer),
                // Out of file descriptors, most likely: other connections will close some.
                (_, Err(error)) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        stream.set_nodelay(true).ok();
        let (router, peer) = (router.clone(), http::Peer(peer.ip()));
        let stopping = stopping.clone();
        connections.spawn(async move {
            serve_connection(stream, router, peer, stopping).await;
            drop(place);
        });
    }
    drop(listener);
    stopping.cancel();
    connections.close();
    if tokio::time::timeout(GRACE, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!("some requests did not finish in time");
    }
}

/// Serves one connection until it ends, is told to stop, or does not take its answers.
async fn serve_connection(
    stream: TcpStream,
    router: Router,
    peer: http::Peer,
    stopping: CancellationToken,
) {
    // A connection on which nothing has come yet does not hold up the stop.
    let begun = connection::has_begun(&stream, HEAD_TIMEOUT);
    if stopping.run_until_cancelled(begun).await != Some(true) {
        return;
    }
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    server
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(HEAD_TIMEOUT);
    let departures = http::Departures::default();
    let service = AddExtension::new(AddExtension::new(router, peer), departures.clone());
    // What has been handed to the connection is no longer the answers' to give up.
    let cut = Cut::default();
    let mut stream = TimeoutStream::new(ClientStream::new(stream, cut.clone()));
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let stream = TokioIo::new(Box::pin(stream));
    let connection = server.serve_connection(stream, TowerToHyperService::new(service));
    tokio::pin!(connection);
    let mut stops = false;
    let mut closes_at = None;
    loop {
        tokio::select! {
            ended = &mut connection => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                    if is_timeout(&*error) {
                        cut.cut();
                    }
                }
                return;
            }
            () = stopping.cancelled(), if !stops => {
                stops = true;
                connection.as_mut().graceful_shutdown();
            }
            () = departures.stalled(), if closes_at.is_none() => {
                tracing::info!("a client does not take its answer: its connection ends");
                connection.as_mut().graceful_shutdown();
                cut.cut();
                closes_at = Some(Instant::now() + LINGER);
            }
            () = sleep_until(closes_at.unwrap_or_else(Instant::now)), if closes_at.is_some() => return,
        }
    }
}

/// Whether a connection ended because its client took nothing.
fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::TimedOut) {
            return true;
        }
        cause = error.source();
    }
    false
}
