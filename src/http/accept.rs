//! What kind of answer a client prefers.

use axum::http::{HeaderMap, header::ACCEPT};

/// Whether `Accept` names the type `wanted`, and does not rank `other` above it (RFC 9110 section
/// 12.5.1, types given by name).
pub(super) fn prefers(headers: &HeaderMap, wanted: &str, other: &str) -> bool {
    let accept = headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let quality = |name: &str| {
        accept.split(',').find_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            if !parts.next()?.eq_ignore_ascii_case(name) {
                return None;
            }
            let given = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
            Some(given.unwrap_or(1.0))
        })
    };
    let wanted = quality(wanted).unwrap_or(0.0);
    wanted > 0.0 && wanted >= quality(other).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_type_is_preferred_that_is_named_and_not_ranked_lower() {
        for (accept, prefers) in [
            ("", false),
            ("*/*", false),
            ("application/json", false),
            ("application/problem+json", true),
            ("application/json, application/problem+json", true),
            ("application/json, application/problem+json;q=0.5", false),
            (
                "application/json;q=0.2, application/problem+json;q=0.5",
                true,
            ),
            ("application/problem+json;q=0", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            let found = super::prefers(&headers, "application/problem+json", "application/json");
            assert_eq!(found, prefers, "{accept}");
        }
    }
}
