//! What kind of answer a client prefers.

use axum::http::{HeaderMap, header::ACCEPT};

/// Whether `Accept` ranks `application/problem+json` above `application/json` (RFC 9110 section
/// 12.5.1, types given by name).
pub(super) fn prefers_problem_json(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let quality = |wanted: &str| {
        accept.split(',').find_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            if !parts.next()?.eq_ignore_ascii_case(wanted) {
                return None;
            }
            let given = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
            Some(given.unwrap_or(1.0))
        })
    };
    let problem = quality("application/problem+json").unwrap_or(0.0);
    problem > 0.0 && problem >= quality("application/json").unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn problem_json_is_sent_to_who_prefers_it() {
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
            assert_eq!(prefers_problem_json(&headers), prefers, "{accept}");
        }
    }
}
