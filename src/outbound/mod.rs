//! The few requests that the server makes itself, to addresses that an operator or a stranger
//! names: bounded in time and in length, and never to where nobody could have meant.
//!
//! A name is resolved by [`Guard`], which checks every address that it leads to and gives the
//! connection no others, so that a second look at the name cannot lead elsewhere. Redirects are
//! answers like any other, and proxies of the environment are not asked.

mod address;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use ipnet::IpNet;
use reqwest::{
    Client, Response, StatusCode, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{ACCEPT, CONTENT_TYPE},
    redirect,
};

use crate::request_scope;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// It is no URL.
    #[error("it is not a URL: {0}")]
    Url(String),
    /// It is a URL of something else.
    #[error("it does not begin with http:// or https://")]
    Scheme,
    /// It names a user.
    #[error("it holds a user name or a password")]
    UserInfo,
    /// Nothing is sent to an address.
    #[error(transparent)]
    Refused(#[from] RefusedAddress),
    /// The client cannot be made.
    #[error("there is no client for outgoing requests: {}", causes(.0))]
    Client(#[source] reqwest::Error),
    /// It cannot be reached, or took too long.
    #[error("{}", causes(.0))]
    Exchange(#[source] reqwest::Error),
    /// It answered with another status than 200.
    #[error("it answered with status {}", .0.as_u16())]
    Status(StatusCode),
    /// It answered with another type.
    #[error("it answered with the type {0:?}")]
    Type(String),
    /// The answer is longer than it may be, in bytes.
    #[error("its answer has more than {0} bytes")]
    TooLong(usize),
}

/// An address that nothing is sent to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{host} is refused: {address} is {kind}; the networks of LUMATRACE_OUTBOUND_NETWORKS may be private or loopback"
)]
pub struct RefusedAddress {
    /// The host of the URL.
    host: String,
    /// The address that it leads to.
    address: IpAddr,
    kind: &'static str,
}

/// An error with its causes, on one line, without the URL, which may hold what a log should not.
fn causes(error: &reqwest::Error) -> String {
    let mut cause = std::error::Error::source(error);
    let mut text = if error.is_timeout() {
        "it took too long".to_owned()
    } else {
        "the exchange failed".to_owned()
    };
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// A URL that may be sent to, as far as can be told without resolving its name.
#[derive(Clone)]
pub struct Destination(Url);

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Destination({self})")
    }
}

impl fmt::Display for Destination {
    /// Scheme, host and port: a path may hold a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.origin().ascii_serialization())
    }
}

/// Resolves names to addresses that may be sent to.
#[derive(Debug, Clone)]
struct Guard {
    networks: Arc<[IpNet]>,
}

impl Guard {
    /// Checks every address that a host leads to: one that is refused shows that the name is not
    /// meant for this, and the others could be what it is hidden behind.
    fn check(&self, host: &str, addresses: &[SocketAddr]) -> Result<(), RefusedAddress> {
        addresses.iter().try_for_each(|address| {
            let address = address.ip();
            address::check(address, &self.networks).map_err(|kind| RefusedAddress {
                host: host.to_owned(),
                address,
                kind,
            })
        })
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let host = name.as_str();
            // The port of the URL takes the place of this one.
            let found = tokio::net::lookup_host((host, 0)).await?;
            let addresses: Vec<SocketAddr> = found.collect();
            guard.check(host, &addresses)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Makes requests, each on a connection of its own; cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbound {
    client: Client,
    guard: Guard,
}

impl Outbound {
    /// A client whose requests take `limit` at most, from resolving the name to the last byte of
    /// the answer. Private addresses and loopback are open to it inside of `networks`.
    ///
    /// # Errors
    ///
    /// The certificates of the system's authorities cannot be read.
    pub fn new(networks: &[IpNet], limit: Duration) -> Result<Self, OutboundError> {
        let guard = Guard {
            networks: networks.into(),
        };
        let client = Client::builder()
            .user_agent("LumaTrace")
            .dns_resolver(Arc::new(guard.clone()))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            // One that its server has closed meanwhile would fail a request for nothing.
            .pool_max_idle_per_host(0)
            .timeout(limit)
            .build()
            .map_err(OutboundError::Client)?;
        Ok(Self { client, guard })
    }

    /// Checks a URL, and its address if it names one. What a name leads to is checked anew with
    /// each connection.
    ///
    /// # Errors
    ///
    /// It is no URL with the scheme http or https, names a user, or leads to a refused address.
    pub fn destination(&self, url: &str) -> Result<Destination, OutboundError> {
        let url = Url::parse(url).map_err(|error| OutboundError::Url(error.to_string()))?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(OutboundError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OutboundError::UserInfo);
        }
        let host = url.host_str().unwrap_or_default();
        // Whatever form an address was written in, it is in the usual one now.
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse();
        if let Ok(address) = literal {
            self.guard.check(host, &[SocketAddr::new(address, 0)])?;
        }
        Ok(Destination(url))
    }

    /// Sends `body` of the type `sent`, as part of the trace of the request that is served here,
    /// and returns the answer, which must have the status 200 and the type `expected`.
    ///
    /// # Errors
    ///
    /// There is no such answer, or it has more than `most_bytes`.
    pub async fn post(
        &self,
        to: &Destination,
        sent: &'static str,
        body: Vec<u8>,
        expected: &'static str,
        most_bytes: usize,
    ) -> Result<Vec<u8>, OutboundError> {
        let mut request = (self.client.post(to.0.clone()))
            .header(CONTENT_TYPE, sent)
            .header(ACCEPT, expected)
            .body(body);
        if let Some(trace) = request_scope::traceparent() {
            request = request.header("traceparent", trace);
        }
        let response = request.send().await.map_err(OutboundError::Exchange)?;
        if response.status() != StatusCode::OK {
            return Err(OutboundError::Status(response.status()));
        }
        let found = response.headers().get(CONTENT_TYPE);
        let found = found.map_or("", |found| found.to_str().unwrap_or_default());
        let essence = found.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case(expected) {
            return Err(OutboundError::Type(found.chars().take(100).collect()));
        }
        read(response, most_bytes).await
    }
}

/// Reads an answer, up to the bytes that it may have.
async fn read(mut response: Response, most_bytes: usize) -> Result<Vec<u8>, OutboundError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(OutboundError::Exchange)? {
        if body.len() + chunk.len() > most_bytes {
            return Err(OutboundError::TooLong(most_bytes));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
