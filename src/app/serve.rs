//! The listener of the API: accepts connections, and stops without breaking off requests.

use std::{future::Future, time::Duration};

use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::watch};
use tower_http::add_extension::AddExtension;

use super::background::{Background, release_memory};
use crate::{connection, http, service::Context};

/// How long running requests may take to finish when the server stops.
const GRACE: Duration = Duration::from_secs(20);

/// How long a client may take to send the head of a request.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// How often a client of HTTP/2 is asked whether it is still there.
const PING: Duration = Duration::from_secs(30);

/// How long to wait after a connection could not be accepted.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Runs a server until `stop` completes. Then requests finish first, background tasks end next,
/// and the database is closed last, because both use it.
pub async fn run(
    listener: TcpListener,
    ctx: Context,
    mut background: Background,
    stop: impl Future<Output = ()>,
) {
    let images = ctx.images.clone();
    background.spawn("memory", |stopping| {
        stopping.run_until_cancelled_owned(release_memory(images))
    });
    serve(listener, ctx.clone(), stop).await;
    background.stop().await;
    ctx.db.close().await;
}

/// Accepts connections until `stop` completes, then lets running requests finish, for at most
/// [`GRACE`].
pub async fn serve(listener: TcpListener, ctx: Context, stop: impl Future<Output = ()>) {
    let router = http::router(ctx);
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
    let graceful = GracefulShutdown::new();
    let (stopping, running) = watch::channel(());
    tokio::pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                // Out of file descriptors, most likely: other connections will close some.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        stream.set_nodelay(true).ok();
        let service =
            TowerToHyperService::new(AddExtension::new(router.clone(), http::Peer(peer.ip())));
        let (server, watcher) = (server.clone(), graceful.watcher());
        let mut running = running.clone();
        tokio::spawn(async move {
            // A connection on which nothing has come yet does not hold up the stop.
            tokio::select! {
                begun = connection::has_begun(&stream, HEAD_TIMEOUT) => if !begun { return },
                _ = running.changed() => return,
            }
            let connection = server.serve_connection(TokioIo::new(stream), service);
            if let Err(error) = watcher.watch(connection).await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop((listener, stopping));
    if tokio::time::timeout(GRACE, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests did not finish in time");
    }
}
