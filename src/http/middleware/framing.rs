//! What HTTP/1.1 asks of the frame of a request and the parser lets pass: where two readers differ
//! about where a request goes or ends, one can be smuggled inside another (RFC 9112 sections 3.2
//! and 6.1).

use axum::{
    extract::Request,
    http::{
        HeaderMap, HeaderValue, Version,
        header::{CONNECTION, HOST, TRANSFER_ENCODING},
        uri::Authority,
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::http::error::ApiError;

/// Refuses what is ambiguous, and ends its connection.
pub(in crate::http) async fn framing(request: Request, next: Next) -> Response {
    let Some(refusal) = ambiguity(request.version(), request.headers()) else {
        return next.run(request).await;
    };
    let mut response = refusal.into_response();
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn ambiguity(version: Version, headers: &HeaderMap) -> Option<ApiError> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let chunked = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"chunked");
    if codings.next().is_some_and(|coding| !chunked(coding)) || codings.next().is_some() {
        return Some(ApiError::field(
            "Transfer-Encoding",
            "must be chunked, and given once",
        ));
    }
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next();
    let well_formed = |host: &HeaderValue| {
        let authority = Authority::try_from(host.as_bytes());
        authority.is_ok_and(|authority| !authority.as_str().contains('@'))
    };
    let fits = match host {
        Some(host) => well_formed(host) && hosts.next().is_none(),
        None => version != Version::HTTP_11,
    };
    (!fits).then(|| ApiError::field("Host", "must be a host, and given once"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_taken_as_they_are_named() {
        for (host, fits) in [
            ("photos.example.com", true),
            ("photos.example.com:443", true),
            ("my_service:8081", true),
            ("127.0.0.1:8081", true),
            ("[::1]:8081", true),
            ("", false),
            ("a b", false),
            ("a/b", false),
            ("a@b", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static(host));
            let ambiguity = ambiguity(Version::HTTP_11, &headers);
            assert_eq!(ambiguity.is_none(), fits, "{host}");
        }
        assert!(ambiguity(Version::HTTP_11, &HeaderMap::new()).is_some());
        for version in [Version::HTTP_10, Version::HTTP_2] {
            assert!(ambiguity(version, &HeaderMap::new()).is_none());
        }
    }
}
