//! The listener of `/metrics`, apart from the API's: who may read the metrics is decided by the
//! address it is bound to.

use std::time::Duration;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use super::serve::{ACCEPT_PAUSE, HEAD_TIMEOUT};
use crate::{cpu::Load, service::Context};

/// Connections at once; more wait to be accepted. A few collectors, each with one.
const MAX_CONNECTIONS: usize = 16;

/// How long a connection may last. It carries one request, so that an idle one holds no place.
const CONNECTION_LIMIT: Duration = Duration::from_secs(30);

/// The media type of the Prometheus text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves `/metrics` until `stopping` is cancelled. An answer that is being sent then is cut off.
pub async fn serve_metrics(listener: TcpListener, ctx: Context, stopping: CancellationToken) {
    let router = Router::new().route("/metrics", get(scrape)).with_state(ctx);
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .keep_alive(false);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    let service = TowerToHyperService::new(router.clone());
                    let connection = server.serve_connection(TokioIo::new(stream), service);
                    connections.spawn(timeout(CONNECTION_LIMIT, connection));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection for metrics");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

async fn scrape(State(ctx): State<Context>) -> Response {
    let Load { running, waiting } = ctx.images.load();
    ctx.metrics.set_image_jobs(running, waiting);
    match ctx.metrics.render() {
        Ok(text) => ([(CONTENT_TYPE, TEXT)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
