//! What lists have in common: the query of a page.

use std::collections::HashMap;

use axum::extract::{Query, rejection::QueryRejection};

use crate::http::error::ApiError;

/// Items on a page unless the client asks otherwise, and at most.
const PAGE: u8 = 50;
const LARGEST_PAGE: u8 = 200;

/// A query as axum gives it.
pub(in crate::http) type Received = Result<Query<HashMap<String, String>>, QueryRejection>;

/// The parameters that have a value.
pub(in crate::http) fn parameters(query: Received) -> Result<HashMap<String, String>, ApiError> {
    let Query(mut query) = query.map_err(|_| ApiError::field("query", "is not well-formed"))?;
    // `?cursor=&limit=` is what a client sends that fills in a template with nothing.
    query.retain(|_, value| !value.is_empty());
    Ok(query)
}

/// The parameters that have a value, and how many items are asked for.
pub(in crate::http) fn read(query: Received) -> Result<(HashMap<String, String>, u8), ApiError> {
    let query = parameters(query)?;
    let limit = match query.get("limit") {
        None => PAGE,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=LARGEST_PAGE).contains(limit))
            .ok_or_else(|| ApiError::field("limit", "must be 1 to 200"))?,
    };
    Ok((query, limit))
}

/// A whole number of 1 to 18 digits, as cursors have it: far from where the arithmetic of the
/// database ends.
pub(in crate::http) fn whole(text: &str) -> Option<i64> {
    let fits = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok())?
}
