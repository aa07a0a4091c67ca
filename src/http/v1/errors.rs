//! `GET /errors/{code}`: where the `type` of an error leads.

use axum::{extract::Path, http::HeaderMap, response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::http::{
    error::{ApiError, ErrorCode},
    openapi::{Answer, Operation, Tag},
    page::{self, Page},
    wire,
};

/// The meaning of an error code: one for each status that it comes with.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ErrorMeaning")]
struct Response {
    /// The `code` of the error, in capitals with underscores.
    code: String,
    meanings: Vec<Meaning>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Meaning {
    /// The HTTP status that it comes with.
    status: u16,
    /// What happened, in one line.
    title: &'static str,
    /// What to do about it.
    action: &'static str,
}

impl Response {
    /// Without meanings for a code that is not in the catalogue.
    fn of(code: &str) -> Self {
        let rows = ErrorCode::ALL.iter().map(|known| known.row());
        let meanings = rows.filter(|row| row.code == code).map(|row| Meaning {
            status: row.status.as_u16(),
            title: row.title,
            action: row.action,
        });
        Self {
            code: code.to_owned(),
            meanings: meanings.collect(),
        }
    }
}

pub(in crate::http) fn describe() -> Operation {
    let code = ErrorCode::AuthRevoked.row().code;
    Operation::new("getError", Tag::Server, "What an error code means")
        .about("The `type` of each error leads here.")
        .path::<String>("code", "The code.", code)
        .answers(
            Answer::json(
                200,
                "One meaning for each status; a page to who asks for HTML.",
                &Response::of(code),
            )
            .with("text/html", page::schema()),
        )
}

/// Says what an error code means and what to do about it.
pub(in crate::http) async fn handler(
    headers: HeaderMap,
    Path(code): Path<String>,
) -> Result<response::Response, ApiError> {
    let found = Response::of(&code);
    let Some(first) = found.meanings.first() else {
        return Err(ApiError::new(ErrorCode::NotFound));
    };
    if page::is_wanted(&headers) {
        let others = found.meanings.iter().skip(1);
        return Ok(Page {
            title: first.title,
            text: first.action,
            facts: [("Code", found.code.as_str())]
                .into_iter()
                .chain(others.flat_map(|other| [("Or", other.title), ("Then", other.action)]))
                .collect(),
        }
        .answer());
    }
    wire::json(&found)
}
