//! The error catalogue in the document: the schema of all errors, an example of each, and the answers that carry them.

use serde_json::{Map, Value, json};

use super::{
    operation::Answer,
    schema::{count, list, named, object, one_of, text, word},
};
use crate::http::ErrorCode;

/// The id in all examples.
pub(super) const TRACE: &str = "0d9b7a52-6c02-4f52-8d0d-1a7f1b2f6d39";

/// The schemas of errors.
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let mut codes: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.row().code).collect();
    codes.dedup();
    codes.sort_unstable();
    codes.dedup();
    let problem = object(
        &[],
        [
            (
                "code",
                one_of(&codes, "What happened, for a program. Stable."),
            ),
            ("message", text("What happened, for a person.")),
            ("action", text("What to do about it.")),
            (
                "traceId",
                word("The header `X-Request-Id`; stands in the server's log."),
            ),
            ("type", text("Leads to the meaning of the code (RFC 9457).")),
            ("title", text("What the code means.")),
            (
                "status",
                json!({ "type": "integer", "minimum": 400, "maximum": 599 }),
            ),
            ("detail", text("The same as `message`.")),
            ("instance", text("The path that was called.")),
            ("errors", list(&named("ProblemField"))),
        ],
    );
    let field = object(
        &["limit", "max", "actual", "scope"],
        [
            ("field", text("The field at fault.")),
            ("reason", text("What is wrong with it.")),
            (
                "limit",
                one_of(&["bytes", "pixels"], "Which limit was passed."),
            ),
            ("max", count("What is allowed.")),
            ("actual", count("What was sent.")),
            ("scope", text("A scope that the token lacks.")),
        ],
    );
    vec![("Problem", problem), ("ProblemField", field)]
}

/// An example of each row of the catalogue, by its name there: one code may stand for two statuses.
pub(super) fn examples(public_url: &str) -> Map<String, Value> {
    ErrorCode::ALL
        .iter()
        .map(|code| {
            let row = code.row();
            let errors = fields(*code);
            let value = json!({
                "code": row.code,
                "message": row.title,
                "action": row.action,
                "traceId": TRACE,
                "type": format!("{public_url}/errors/{}", row.code),
                "title": row.title,
                "status": row.status.as_u16(),
                "detail": row.title,
                "instance": "/the/path/that/was/called",
                "errors": errors,
            });
            (name(*code), json!({ "summary": row.title, "value": value }))
        })
        .collect()
}

fn fields(code: ErrorCode) -> Value {
    match code {
        ErrorCode::ValidationFailed => json!([{ "field": "password", "reason": "is required" }]),
        ErrorCode::InvalidContentHash => {
            json!([{ "field": "contentHash", "reason": "must be 64 lowercase hexadecimal digits" }])
        }
        ErrorCode::UnsupportedImage => {
            json!([{ "field": "image", "reason": "the file is a GIF image: save it as JPEG, PNG or WebP and send that" }])
        }
        ErrorCode::InvalidImage => json!([{ "field": "image", "reason": "is cut off" }]),
        ErrorCode::ImageNotProtectable => {
            json!([{ "field": "image", "reason": "the picture is too small" }])
        }
        ErrorCode::PayloadTooLarge => json!([{
            "field": "image", "reason": "26214401 bytes are more than the 26214400 that are allowed",
            "limit": "bytes", "max": 26_214_400, "actual": 26_214_401,
        }]),
        ErrorCode::TenantRestricted => {
            json!([{ "field": "scope", "reason": "is missing", "scope": "photos:protect" }])
        }
        _ => json!([]),
    }
}

fn name(code: ErrorCode) -> String {
    format!("{code:?}")
}

/// The answer with one of these codes, or, where the endpoint has an answer of its own of that status, with that.
pub(super) fn answer(status: u16, codes: &[ErrorCode], own: Option<Answer>) -> Answer {
    let mut words: Vec<&str> = codes.iter().map(|code| code.row().code).collect();
    words.dedup();
    let schema = json!({
        "allOf": [
            named("Problem"),
            { "properties": { "status": { "const": status }, "code": { "enum": words } } },
        ],
    });
    let titles: Vec<String> = codes
        .iter()
        .map(|code| format!("`{}`: {}.", code.row().code, code.row().title))
        .collect();
    let mut examples: Map<String, Value> = codes
        .iter()
        .map(|code| {
            let name = name(*code);
            let component = json!({ "$ref": format!("#/components/examples/{name}") });
            (name, component)
        })
        .collect();
    let problem = json!({ "schema": schema, "examples": examples });
    let mut about = titles.join(" ");
    let mut json = problem.clone();
    if let Some(own) = own {
        about = format!("{} {about}", own.about());
        if let Some(content) = own.content.get("application/json") {
            json["schema"] = json!({ "anyOf": [content["schema"], schema] });
            examples.insert("Own".to_owned(), json!({ "value": content["example"] }));
            json["examples"] = examples.into();
        }
    }
    let hint: &[&'static str] = match status {
        401 | 403 => &["WWW-Authenticate"],
        429 | 503 => &["Retry-After"],
        _ => &[],
    };
    Answer::empty(status, about)
        .headers(hint)
        .with("application/json", json)
        .with("application/problem+json", problem)
}
