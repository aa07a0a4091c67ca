//! Whether a request comes from a page of this server: what a cookie is accepted from.
//!
//! The rule of OWASP's sheet on cross-site request forgery ("Fetch Metadata headers"): a browser
//! says itself where a request comes from, in a header that no page can set. One that does not say
//! it names the page's origin, which must be ours.

use std::net::IpAddr;

use axum::http::{
    HeaderMap, Uri,
    header::{HOST, ORIGIN},
    uri::Authority,
};

use crate::http::single::single;

/// Says where the page is that sends the request (Fetch Metadata Request Headers section 2.3).
const FETCH_SITE: &str = "sec-fetch-site";

/// The request as far as it tells where it comes from and where it goes.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Sender<'a> {
    headers: &'a HeaderMap,
    /// Host and port that the client called, `None` if it sent none or several.
    host: Option<&'a str>,
    public_url: &'a str,
}

impl<'a> Sender<'a> {
    /// The sender of a request to a server whose clients reach it at `public_url`.
    pub(in crate::http) fn new(uri: &'a Uri, headers: &'a HeaderMap, public_url: &'a str) -> Self {
        let host = match uri.authority() {
            Some(authority) => Some(authority.as_str()),
            None => single(headers, HOST.as_str()).ok().flatten(),
        };
        Self {
            headers,
            host,
            public_url,
        }
    }

    /// Whether a page of this server sends it.
    pub(in crate::http) fn is_same_origin(self) -> bool {
        match self.headers.get(FETCH_SITE) {
            Some(_) => matches!(single(self.headers, FETCH_SITE), Ok(Some("same-origin"))),
            None => self.origin().is_some_and(|origin| self.is_own(origin)),
        }
    }

    /// The page's origin, if the browser names one.
    fn origin(self) -> Option<&'a str> {
        single(self.headers, ORIGIN.as_str()).ok().flatten()
    }

    fn is_own(self, origin: &str) -> bool {
        let called = || {
            let (scheme, host) = origin.split_once("://")?;
            let is_web = scheme == "http" || scheme == "https";
            Some(is_web && host.eq_ignore_ascii_case(self.host?))
        };
        origin == self.public_url || called() == Some(true)
    }

    /// Whether the browser is on the server's own machine, where HTTP is as good as HTTPS
    /// (Secure Contexts section 3.1).
    pub(in crate::http) fn is_loopback(self) -> bool {
        let host = self.host.and_then(|host| host.parse::<Authority>().ok());
        host.is_some_and(|host| is_loopback(host.host()))
    }

    /// How the page itself came: over TLS, over plain HTTP from this very machine, or over plain
    /// HTTP from another.
    pub(in crate::http) fn transport(self) -> Transport {
        let is_plain = match self.origin() {
            Some(origin) => origin.starts_with("http://"),
            // Browsers send Fetch Metadata over safe connections only.
            None => self.is_loopback(),
        };
        match (is_plain, self.is_loopback()) {
            (false, _) => Transport::Tls,
            (true, true) => Transport::Loopback,
            (true, false) => Transport::Plain,
        }
    }

    /// Whether clients reach this server over TLS, as far as the operator said.
    pub(in crate::http) fn is_public_over_tls(self) -> bool {
        self.public_url.starts_with("https://")
    }
}

/// How a page reached a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Transport {
    /// Over TLS.
    Tls,
    /// Without, from the browser's own machine.
    Loopback,
    /// Without, over a network.
    Plain,
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return address.to_canonical().is_loopback();
    }
    let name = bare.to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn sender(headers: &[(&'static str, &'static str)], check: impl Fn(Sender<'_>)) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        check(Sender::new(
            &Uri::from_static("/"),
            &map,
            "https://luma.example",
        ));
    }

    #[test]
    fn a_page_of_this_server_is_known_and_no_other() {
        for (headers, is_own) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "Same-Origin")], false),
            (&[("sec-fetch-site", "")], false),
            // What says two things says nothing.
            (
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("sec-fetch-site", "cross-site"),
                ],
                false,
            ),
            // The browser's own word counts more than the page's origin.
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "https://luma.example"),
                ],
                false,
            ),
            (&[], false),
            (&[("host", "luma.example")], false),
            (&[("origin", "https://luma.example")], true),
            (&[("origin", "http://luma.example")], false),
            (
                &[
                    ("host", "10.0.0.7:8081"),
                    ("origin", "http://10.0.0.7:8081"),
                ],
                true,
            ),
            (
                &[("host", "10.0.0.7:8081"), ("origin", "http://10.0.0.7")],
                false,
            ),
            (
                &[("host", "luma.example"), ("origin", "https://evil.example")],
                false,
            ),
            (
                &[
                    ("host", "luma.example"),
                    ("origin", "https://luma.example.evil.example"),
                ],
                false,
            ),
            (&[("host", "luma.example"), ("origin", "null")], false),
            (
                &[
                    ("host", "luma.example"),
                    ("origin", "chrome-extension://luma.example"),
                ],
                false,
            ),
            (
                &[
                    ("host", "evil.example"),
                    ("host", "b.example"),
                    ("origin", "https://b.example"),
                ],
                false,
            ),
        ] {
            sender(headers, |sender| {
                assert_eq!(sender.is_same_origin(), is_own, "{headers:?}");
            });
        }
    }

    #[test]
    fn plain_http_is_told_from_tls_and_from_this_machine() {
        for (host, origin, transport) in [
            ("luma.example", "https://luma.example", Transport::Tls),
            (
                "127.0.0.1:8081",
                "http://127.0.0.1:8081",
                Transport::Loopback,
            ),
            ("[::1]:8081", "http://[::1]:8081", Transport::Loopback),
            ("LocalHost:1", "http://localhost:1", Transport::Loopback),
            ("a.localhost", "http://a.localhost", Transport::Loopback),
            ("localhost.evil", "http://localhost.evil", Transport::Plain),
            ("10.0.0.7:8081", "http://10.0.0.7:8081", Transport::Plain),
            ("127.0.0.1:8081", "https://127.0.0.1:8081", Transport::Tls),
        ] {
            sender(&[("host", host), ("origin", origin)], |sender| {
                assert_eq!(sender.transport(), transport, "{host} {origin}");
            });
        }
    }
}
