//! The listener of `/metrics`, apart from the API's: who may read the metrics is decided by the
//! address it is bound to.

use std::time::{Duration, Instant};

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
use crate::{
    cpu::Load,
    metrics::Snapshot,
    service::{Context, standby::Standby},
};

/// Connections at once; more wait to be accepted. A few collectors, each with one.
pub(super) const MAX_CONNECTIONS: usize = 16;

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
    let began = Instant::now();
    let answer = match ctx.metrics.render(snapshot(&ctx)) {
        Ok(text) => ([(CONTENT_TYPE, TEXT)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    tracing::debug!(
        http.status = answer.status().as_u16(),
        duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        "scraped"
    );
    answer
}

/// What the server is doing at this moment; asks no database.
fn snapshot(ctx: &Context) -> Snapshot {
    let Load { running, waiting } = ctx.images.load();
    let connections = ctx.db.connections();
    let now = ctx.clock.now();
    let key_age = ctx.tokens.keys().active_age(now);
    Snapshot {
        jobs_running: running,
        jobs_waiting: waiting,
        db_used: connections.used,
        db_idle: connections.idle,
        db_max: connections.max,
        signer_ends: ctx.signers.ends(now),
        signing_key_age: key_age.map_or(0.0, time::Duration::as_seconds_f64),
        upload_bytes: ctx.bodies.held(),
        read_database_up: ctx.standby.as_ref().map(Standby::is_up),
        feed_age: (ctx.access.age()).map_or(f64::INFINITY, |age| age.as_secs_f64()),
    }
}
