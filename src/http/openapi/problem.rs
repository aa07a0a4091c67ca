//! The error catalogue in the document: an example of each error, and the answers that carry them.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::{answer::Answer, example, schema::TypeSchema};
use crate::{
    domain::Scope,
    http::{
        ErrorCode,
        error::{Limit, Problem, ProblemField},
    },
    service::readiness::Unready,
};

/// An example of each row of the catalogue, by its name there: one code may stand for two statuses.
pub(super) fn examples(public_url: &str) -> Map<String, Value> {
    ErrorCode::ALL
        .iter()
        .map(|code| {
            let title = code.row().title;
            let value = Problem {
                trace_id: example::TRACE,
                instance: "/the/path/that/was/called",
                errors: Cow::Owned(field(*code).into_iter().collect()),
                ..Problem::new(*code, title, public_url)
            };
            (name(*code), json!({ "summary": title, "value": value }))
        })
        .collect()
}

/// A field at fault, for the codes that name some.
fn field(code: ErrorCode) -> Option<ProblemField> {
    let (field, reason) = match code {
        ErrorCode::ValidationFailed => ("password", "is required"),
        ErrorCode::InvalidContentHash => ("contentHash", "must be 64 lowercase hexadecimal digits"),
        ErrorCode::UnsupportedImage => (
            "image",
            "the file is a GIF image: save it as JPEG, PNG or WebP and send that",
        ),
        ErrorCode::InvalidImage => ("image", "is cut off"),
        ErrorCode::ImageNotProtectable => ("image", "the picture is too small"),
        ErrorCode::PayloadTooLarge => (
            "image",
            "26214401 bytes are more than the 26214400 that are allowed",
        ),
        ErrorCode::TenantRestricted => ("scope", "is missing"),
        ErrorCode::QuotaExceeded => (
            "manifests",
            "the tenant keeps as many manifests as it may: 10000",
        ),
        ErrorCode::NotReady => return Some(Unready::Stopping.into()),
        _ => return None,
    };
    let mut field = ProblemField::new(field, reason);
    match code {
        ErrorCode::PayloadTooLarge => {
            field.limit = Some(Limit::Bytes);
            field.max = Some(26_214_400);
            field.actual = Some(26_214_401);
        }
        ErrorCode::QuotaExceeded => field.max = Some(10_000),
        ErrorCode::TenantRestricted => field.scope = Some(Scope::Protect),
        _ => {}
    }
    Some(field)
}

fn name(code: ErrorCode) -> String {
    format!("{code:?}")
}

/// The answer with one of these codes, or, where the endpoint has an answer of its own of that
/// status, with that.
pub(super) fn answer(status: u16, codes: &[ErrorCode], own: Option<Answer>) -> Answer {
    let mut words: Vec<&str> = codes.iter().map(|code| code.row().code).collect();
    words.dedup();
    let TypeSchema {
        schema: problem,
        mut components,
    } = TypeSchema::of_answer::<Problem<'_>>();
    let schema = json!({
        "allOf": [
            problem,
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
        components.extend(own.components.clone());
        about = format!("{} {about}", own.about());
        if let Some(content) = own.content.get("application/json") {
            json["schema"] = json!({ "anyOf": [content["schema"], schema] });
            examples.insert("Own".to_owned(), json!({ "value": content["example"] }));
            json["examples"] = examples.into();
        }
    }
    let of_scopes = codes.contains(&ErrorCode::TenantRestricted);
    let hint: &[&'static str] = match status {
        401 => &["WWW-Authenticate"],
        403 if of_scopes => &["WWW-Authenticate"],
        429 | 503 => &["Retry-After"],
        _ => &[],
    };
    let mut answer = Answer::empty(status, about)
        .headers(hint)
        .with("application/json", json)
        .with("application/problem+json", problem);
    answer.components = components;
    answer
}
