//! Checks of addresses: where a server listens, and where its traces go.

use std::{io, net::SocketAddr, time::Duration};

use axum::http::Uri;
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::{
    super::probe::{Answer, probe},
    Code, Finding, SetUp,
};
use crate::service::readiness::Unready;

/// How long the collector may take to accept a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// What listens at an address, and how it is recognised.
struct Service {
    setting: &'static str,
    path: &'static str,
    /// Stands in its answer.
    sign: &'static str,
}

const API: Service = Service {
    setting: "LUMATRACE_LISTEN",
    path: "/api/v1/health",
    sign: r#""status":"UP""#,
};
const METRICS: Service = Service {
    setting: "LUMATRACE_METRICS_LISTEN",
    path: "/metrics",
    sign: "lumatrace_http_requests",
};

/// Each address can be listened at, or this server answers there.
pub(super) fn listeners(set_up: &SetUp<'_>) -> Vec<Finding> {
    let serve = &set_up.config.serve;
    set_up.runtime.block_on(async {
        let api = serve.address.listen;
        // Held, since the other one cannot have the same.
        let (mut found, _held) = of_service(&API, api).await;
        if let Some(metrics) = serve.metrics_listen {
            found.extend(of_service(&METRICS, metrics).await.0);
        }
        found
    })
}

async fn of_service(service: &Service, address: SocketAddr) -> (Vec<Finding>, Option<TcpListener>) {
    let setting = service.setting;
    let error = match TcpListener::bind(address).await {
        Ok(listener) => {
            let free = Finding::good(Code::Listener, format!("{setting} {address} is free"));
            return (vec![free], Some(listener));
        }
        Err(error) => error,
    };
    let found = if error.kind() != io::ErrorKind::AddrInUse {
        let cure = format!(
            "set {setting} to an address of this machine, and to a port from 1024 on unless this user may take others"
        );
        let message = format!("{setting} {address} cannot be listened at: {error}");
        vec![Finding::bad(Code::ListenerUnusable, message, cure)]
    } else if is_ours(service, address).await {
        let message = format!("the server answers at {setting} {address}");
        let answers = Finding::good(Code::Listener, message);
        let ready = unready(service, address).await;
        [answers].into_iter().chain(ready).collect()
    } else {
        let message = format!(
            "another program listens at {setting} {address}, or a server that does not answer"
        );
        let cure = format!(
            "end it (`ss -ltnp` names it), or set {setting} to another port: no server starts meanwhile"
        );
        vec![Finding::bad(Code::ListenerTaken, message, cure)]
    };
    (found, None)
}

async fn is_ours(service: &Service, address: SocketAddr) -> bool {
    let answer = probe(address, service.path).await;
    answer.is_ok_and(|answer| answer.status == 200 && answer.text.contains(service.sign))
}

/// What a running server says to be wrong.
async fn unready(service: &Service, address: SocketAddr) -> Option<Finding> {
    if service.setting != API.setting {
        return None;
    }
    let Ok(Answer { status: 503, text }) = probe(address, "/readyz").await else {
        return None;
    };
    let codes: Vec<&str> = Unready::ALL
        .iter()
        .map(|reason| reason.code())
        .filter(|code| text.contains(&format!(r#""code":"{code}""#)))
        .collect();
    Some(Finding::bad(
        Code::ServerNotReady,
        format!(
            "the server at {address} says that it is not ready: {}",
            codes.join(", ")
        ),
        format!(
            "cure that (docs/operations.md, \"Health\"), until `curl http://{address}/readyz` answers 200"
        ),
    ))
}

/// The collector of traces can be reached.
pub(super) fn collector(set_up: &SetUp<'_>) -> Vec<Finding> {
    let Some(endpoint) = &set_up.config.serve.otlp_endpoint else {
        return Vec::new();
    };
    let connected = set_up.runtime.block_on(async {
        let (host, port) = host_and_port(endpoint)?;
        let connected = timeout(CONNECT_LIMIT, TcpStream::connect((host, port))).await;
        connected.ok()?.ok()
    });
    let setting = format!("OTEL_EXPORTER_OTLP_ENDPOINT {endpoint}");
    vec![if connected.is_some() {
        Finding::good(Code::Collector, format!("{setting} accepts connections"))
    } else {
        Finding::bad(
            Code::CollectorSilent,
            format!("{setting} cannot be reached: traces are lost"),
            "start the collector, or correct OTEL_EXPORTER_OTLP_ENDPOINT, or unset it",
        )
    }]
}

/// Of a URL of HTTP, with the usual port where it names none.
fn host_and_port(url: &str) -> Option<(String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let usual = if uri.scheme_str() == Some("https") {
        443
    } else {
        80
    };
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    Some((host.to_owned(), uri.port_u16().unwrap_or(usual)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_where_its_url_says() {
        let at = |url| host_and_port(url).map(|(host, port)| format!("{host} {port}"));
        for (url, place) in [
            ("http://127.0.0.1:4318", "127.0.0.1 4318"),
            ("http://[::1]:4318/otel", "::1 4318"),
            ("https://traces.example.com", "traces.example.com 443"),
            ("http://traces.example.com/", "traces.example.com 80"),
        ] {
            assert_eq!(at(url).as_deref(), Some(place), "{url}");
        }
    }
}
