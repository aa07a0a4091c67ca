//! Headers that count only where there is one of them: of two, another reader could take the other.

use axum::http::HeaderMap;

/// Two headers of one name, or one that is not text.
#[derive(Debug, Clone, Copy)]
pub(super) struct NotOne;

/// The text of the one header of a name; `None` where there is none.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, NotOne> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    match (values.next(), value.to_str()) {
        (None, Ok(text)) => Ok(Some(text)),
        _ => Err(NotOne),
    }
}
