//! Counts the calls of each tenant, refuses those above its limits, and tells clients how they
//! stand.
//!
//! `RateLimit-Policy` and `RateLimit` are those of the draft of the IETF
//! (draft-ietf-httpapi-ratelimit-headers); the older `X-RateLimit-*` know one limit only: the
//! hour's, or the bucket where there is no other.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header::RETRY_AFTER},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    domain::{Decision, Quota},
    http::{
        error::{ApiError, ErrorCode},
        extract::{Anonymous, Standing, VerifiedCaller},
    },
    service::{Context, admission::limits},
};

const X_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// Lets a call pass if its tenant's limits do; runs inside the authentication layer.
pub(in crate::http) async fn limit(
    State(ctx): State<Context>,
    mut request: Request,
    next: Next,
) -> Response {
    let extensions = request.extensions_mut();
    let passage = extensions.get().copied().unwrap_or_default();
    if extensions.get::<Anonymous>().is_some() {
        return next.run(request).await;
    }
    // Absent only where the layers were put in another order: closed, then.
    let Some(caller) = extensions.get::<VerifiedCaller>() else {
        return ApiError::new(ErrorCode::AuthMissing).into_response();
    };
    let admitted = limits::admit(&ctx, &caller.tenant, passage).await;
    let admitted = match admitted {
        Ok(admitted) => admitted,
        Err(error) => return ApiError::from(error).into_response(),
    };
    extensions.insert(Standing(admitted));
    let mut response = next.run(request).await;
    if let Some(decision) = admitted.decision {
        tell(&decision, response.headers_mut());
    }
    response
}

/// Writes how a tenant stands, and when to come again if it was refused.
pub(in crate::http) fn tell(decision: &Decision, headers: &mut HeaderMap) {
    let (burst, hour) = (decision.burst(), decision.hour());
    if let Some(quota) = hour.or(burst) {
        headers.insert(X_LIMIT, quota.limit.into());
        headers.insert(X_REMAINING, quota.remaining.into());
        headers.insert(X_RESET, quota.reset.into());
    }
    let named: Vec<_> = [("burst", burst), ("hour", hour)]
        .into_iter()
        .filter_map(|(name, quota)| Some((name, quota?)))
        .collect();
    let list = |item: fn(&(&str, Quota)) -> String| {
        let items: Vec<String> = named.iter().map(item).collect();
        HeaderValue::from_str(&items.join(", ")).ok()
    };
    let policy = list(|(name, quota)| format!(r#""{name}";q={};w={}"#, quota.limit, quota.window));
    let state =
        list(|(name, quota)| format!(r#""{name}";r={};t={}"#, quota.remaining, quota.reset));
    for (name, value) in [(POLICY, policy), (STATE, state)] {
        if let (Some(value), false) = (value, named.is_empty()) {
            headers.insert(name, value);
        }
    }
    if !decision.allowed() {
        headers.insert(RETRY_AFTER, decision.retry_after().into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Rates, Tally};

    fn told(per_second: u32, per_hour: u32, allowed: bool) -> Vec<(String, String)> {
        let decision = Decision {
            rates: Rates {
                per_second,
                burst: 100,
                per_hour,
            },
            tally: Tally {
                allowed,
                tokens: 0.5,
                used: 7,
                now: 1_800_000_000.0 + 3_590.0,
            },
        };
        let mut headers = HeaderMap::new();
        tell(&decision, &mut headers);
        let mut told: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        told.sort();
        told
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        expected.iter().map(owned).collect()
    }

    #[test]
    fn both_limits_are_told_and_the_hour_is_the_older_headers() {
        let expected = pairs(&[
            ("ratelimit", r#""burst";r=0;t=2, "hour";r=49993;t=10"#),
            (
                "ratelimit-policy",
                r#""burst";q=100;w=2, "hour";q=50000;w=3600"#,
            ),
            ("x-ratelimit-limit", "50000"),
            ("x-ratelimit-remaining", "49993"),
            ("x-ratelimit-reset", "10"),
        ]);
        assert_eq!(told(50, 50_000, true), expected);
    }

    #[test]
    fn what_is_not_limited_is_not_told() {
        let expected = pairs(&[
            ("ratelimit", r#""burst";r=0;t=2"#),
            ("ratelimit-policy", r#""burst";q=100;w=2"#),
            ("retry-after", "1"),
            ("x-ratelimit-limit", "100"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "2"),
        ]);
        assert_eq!(told(50, 0, false), expected);
        assert!(told(0, 0, true).is_empty());
    }
}
