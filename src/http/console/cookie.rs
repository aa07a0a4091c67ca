//! The cookie that holds the token of a session at the console. No script can read it.

use axum::http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{COOKIE, SET_COOKIE},
};

use super::same_origin::{Sender, Transport};

/// A session's cookie by its name, which says how it may travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum SessionCookie {
    /// Over TLS alone; no other host, nor a page without TLS, can set one of this name (RFC 6265bis
    /// section 4.1.3.2).
    Host,
    /// Over plain HTTP on the server's own machine, where some browsers know no safe cookies.
    Loopback,
}

impl SessionCookie {
    fn name(self) -> &'static str {
        match self {
            Self::Host => "__Host-lumatrace",
            Self::Loopback => "lumatrace",
        }
    }

    /// The cookie of a page that came like this; `None` where none is safe.
    pub(super) fn of(transport: Transport) -> Option<Self> {
        match transport {
            Transport::Tls => Some(Self::Host),
            Transport::Loopback => Some(Self::Loopback),
            Transport::Plain => None,
        }
    }

    /// The header that sets it: for this session of the browser, on this host, for requests of its
    /// own pages.
    pub(in crate::http) fn set(self, token: &str) -> Option<(HeaderName, HeaderValue)> {
        let secure = match self {
            Self::Host => "; Secure",
            Self::Loopback => "",
        };
        let name = self.name();
        let text = format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict{secure}");
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some((SET_COOKIE, value))
    }

    /// The header that takes it away.
    pub(super) fn clear(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Host => "__Host-lumatrace=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure",
            Self::Loopback => "lumatrace=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict",
        })
    }

    /// The cookie that came with a request, and its token. The plain one counts only on the
    /// server's own machine: elsewhere a neighbour of the host could have set it.
    pub(in crate::http) fn sent<'a>(
        headers: &'a HeaderMap,
        sender: Sender<'_>,
    ) -> Option<(Self, &'a str)> {
        let safe = find(headers, Self::Host).map(|token| (Self::Host, token));
        let is_local = sender.is_loopback() && !sender.is_public_over_tls();
        safe.or_else(|| Some((Self::Loopback, find(headers, Self::Loopback)?)).filter(|_| is_local))
    }
}

/// The value of the one cookie of that name: of two, one is not ours.
fn find(headers: &HeaderMap, cookie: SessionCookie) -> Option<&str> {
    let lines = headers.get_all(COOKIE).iter();
    let mut found = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == cookie.name())
        .map(|(_, value)| value);
    let value = found.next()?;
    found.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use axum::http::Uri;

    use super::*;

    fn sent(host: &str, public_url: &str, cookies: &[&str]) -> Option<(SessionCookie, String)> {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_str(host).unwrap());
        for cookie in cookies {
            headers.append(COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        let uri = Uri::from_static("/");
        let sender = Sender::new(&uri, &headers, public_url);
        let (cookie, token) = SessionCookie::sent(&headers, sender)?;
        Some((cookie, token.to_owned()))
    }

    #[test]
    fn the_cookie_of_the_host_counts_and_what_a_neighbour_may_have_set_does_not() {
        use SessionCookie::{Host, Loopback};
        let https = "https://luma.example";
        let http = "http://127.0.0.1:8081";
        for (host, public_url, cookies, found) in [
            (
                "luma.example",
                https,
                &["__Host-lumatrace=a"][..],
                Some((Host, "a")),
            ),
            (
                "luma.example",
                https,
                &["x=1; __Host-lumatrace=a; y=2"],
                Some((Host, "a")),
            ),
            (
                "luma.example",
                https,
                &["x=1", "__Host-lumatrace=a"],
                Some((Host, "a")),
            ),
            ("luma.example", https, &["lumatrace=a"], None),
            ("luma.example", http, &["lumatrace=a"], None),
            (
                "127.0.0.1:8081",
                http,
                &["lumatrace=a"],
                Some((Loopback, "a")),
            ),
            ("127.0.0.1:8081", https, &["lumatrace=a"], None),
            (
                "luma.example",
                https,
                &["__Host-lumatrace=a; lumatrace=b"],
                Some((Host, "a")),
            ),
            (
                "luma.example",
                https,
                &["__Host-lumatrace=a; __Host-lumatrace=b"],
                None,
            ),
            (
                "luma.example",
                https,
                &["__Host-lumatrace=a", "__Host-lumatrace=a"],
                None,
            ),
            ("luma.example", https, &["__host-lumatrace=a"], None),
            ("luma.example", https, &["__Host-lumatrace"], None),
            ("luma.example", https, &[], None),
        ] {
            let found = found.map(|(cookie, token): (_, &str)| (cookie, token.to_owned()));
            assert_eq!(sent(host, public_url, cookies), found, "{host} {cookies:?}");
        }
    }
}
