//! Where a request comes from.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv6Addr},
};

use axum::{
    extract::FromRequestParts,
    http::{Extensions, HeaderMap, request::Parts},
};
use ipnet::IpNet;

use crate::{domain::audit::CallTrace, http::middleware::RequestId, service::Context};

/// The address at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// Where a request came from first, as far as proxies may be believed, and its id.
#[derive(Debug, Clone)]
pub(in crate::http) struct Call(pub(in crate::http) CallTrace);

impl Call {
    /// The call of a request that has these.
    pub(in crate::http) fn of(extensions: &Extensions, headers: &HeaderMap, ctx: &Context) -> Self {
        // Without a connection, in tests, all are one.
        let peer = extensions
            .get::<Peer>()
            .map_or(Ipv6Addr::UNSPECIFIED.into(), |Peer(peer)| *peer);
        let id = extensions.get::<RequestId>().cloned().unwrap_or_default();
        Self(CallTrace {
            source: source(peer, headers, &ctx.settings.trusted_proxies),
            id: id.into_inner(),
        })
    }
}

impl FromRequestParts<Context> for Call {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, ctx: &Context) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions, &parts.headers, ctx))
    }
}

/// Follows `X-Forwarded-For` from its end as long as who wrote the entry is a trusted proxy.
fn source(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| {
        let address = address.to_canonical();
        trusted.iter().any(|network| network.contains(&address))
    };
    let entries: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .flat_map(|value| value.to_str().unwrap_or("?").split(','))
        .map(str::trim)
        .collect();
    let mut address = peer;
    for entry in entries.into_iter().rev() {
        if !is_trusted(address) {
            break;
        }
        // What a trusted proxy cannot name is counted as the proxy's own.
        let Ok(before) = entry.parse() else { break };
        address = before;
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        for (peer, forwarded, expected) in [
            ("192.0.2.1", "198.51.100.9", "192.0.2.1"),
            ("10.0.0.1", "198.51.100.9", "198.51.100.9"),
            ("::ffff:10.0.0.1", "198.51.100.9", "198.51.100.9"),
            ("::1", "203.0.113.7, 198.51.100.9, 10.9.9.9", "198.51.100.9"),
            ("10.0.0.1", "198.51.100.9, nonsense", "10.0.0.1"),
            ("10.0.0.1", "", "10.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", forwarded.parse().unwrap());
            let found = source(peer.parse().unwrap(), &headers, &trusted);
            assert_eq!(
                found,
                expected.parse::<IpAddr>().unwrap(),
                "{peer} {forwarded}"
            );
        }
        assert_eq!(
            source("10.0.0.1".parse().unwrap(), &HeaderMap::new(), &[]),
            "10.0.0.1".parse::<IpAddr>().unwrap()
        );
    }
}
