//! How an endpoint is described: what it takes, what it answers, how it refuses.
//!
//! What follows from the route table and the layers around handlers is added here, once: the security, the errors of
//! authentication and limits, the headers of every answer.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{problem, schema};
use crate::{
    domain::{Scope, Scopes},
    http::{Access, ErrorCode},
};

/// What can go wrong with any body.
const BODY: [ErrorCode; 4] = [
    ErrorCode::ValidationFailed,
    ErrorCode::RequestTimeout,
    ErrorCode::PayloadTooLarge,
    ErrorCode::UnsupportedContentType,
];

/// What can go wrong with any image.
const IMAGE: [ErrorCode; 3] = [
    ErrorCode::UnsupportedImage,
    ErrorCode::InvalidImage,
    ErrorCode::ServerBusy,
];

/// What can go wrong before a handler that takes a token.
const TOKEN: [ErrorCode; 5] = [
    ErrorCode::AuthMissing,
    ErrorCode::AuthExpired,
    ErrorCode::AuthInvalid,
    ErrorCode::AuthRevoked,
    ErrorCode::DatabaseUnavailable,
];

/// The headers that tell how a tenant stands with its limits.
const STANDING: [&str; 5] = [
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "RateLimit-Policy",
    "RateLimit",
];

/// The headers of every answer.
const EVERYWHERE: [&str; 3] = ["X-Request-Id", "X-Content-Type-Options", "Cache-Control"];

/// The description of an endpoint.
#[derive(Debug, Clone)]
pub(in crate::http) struct Operation {
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    about: &'static str,
    security: Option<Value>,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: Vec<Answer>,
    errors: Vec<ErrorCode>,
    never_limited: bool,
    old_caches: bool,
}

impl Operation {
    /// A description with nothing in it yet.
    pub(super) fn new(id: &'static str, tag: &'static str, summary: &'static str) -> Self {
        Self {
            id,
            tag,
            summary,
            about: "",
            security: None,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            errors: vec![ErrorCode::InternalEngineError],
            never_limited: false,
            old_caches: false,
        }
    }

    /// More than the summary says.
    pub(super) fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    /// What a public endpoint asks for instead of a token.
    pub(super) fn guarded(mut self, security: Value) -> Self {
        self.security = Some(security);
        self
    }

    /// Counted, and never refused for a limit.
    pub(super) fn never_limited(mut self) -> Self {
        self.never_limited = true;
        self
    }

    /// Speaks to the caches of HTTP/1.0 too, as its protocol asks.
    pub(super) fn old_caches_too(mut self) -> Self {
        self.old_caches = true;
        self
    }

    /// A part of the path. What is not well-formed is refused; what names nothing is not found.
    pub(super) fn path(mut self, name: &str, schema: &Value, example: &str) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "path", "required": true, "schema": schema, "example": example,
        }));
        self.refuses(&[ErrorCode::ValidationFailed, ErrorCode::NotFound])
    }

    /// A parameter of the query that may be left out, or empty.
    pub(super) fn query(mut self, name: &str, schema: &Value) -> Self {
        let mut schema = schema.clone();
        let about = schema.as_object_mut().and_then(|s| s.remove("description"));
        self.parameters.push(json!({
            "name": name, "in": "query", "required": false, "description": about, "schema": schema::or_empty(&schema),
        }));
        self.refuses(&[ErrorCode::ValidationFailed])
    }

    /// May be sent again under the same `Idempotency-Key`.
    pub(super) fn once(mut self) -> Self {
        self.parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "schema": {
                "type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~ ]*$",
                "description": "A key of the client's for this call. Sent again with it within 24 hours, the call is answered again and done once.",
            },
        }));
        self.refuses(&[
            ErrorCode::ValidationFailed,
            ErrorCode::Conflict,
            ErrorCode::IdempotencyInProgress,
            ErrorCode::IdempotencyKeyReused,
        ])
    }

    /// The parameters of a page of a list, whose cursors look like this.
    pub(super) fn paged(self, cursor: &str) -> Self {
        self.query(
            "cursor",
            &json!({
                "type": "string", "pattern": cursor,
                "description": "`next` of the page before; without it, the first page.",
            }),
        )
        .query(
            "limit",
            &json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 50, "description": "Most items on a page." }),
        )
    }

    /// A JSON object.
    pub(super) fn takes_json(self, schema: &str, example: &Value) -> Self {
        self.takes(
            "application/json",
            &json!({ "schema": schema::named(schema), "example": example }),
        )
    }

    /// A URL-encoded form.
    pub(super) fn takes_form(self, schema: &str, example: &Value) -> Self {
        self.takes(
            "application/x-www-form-urlencoded",
            &json!({ "schema": schema::named(schema), "example": example }),
        )
    }

    /// A photograph and small parts beside it.
    pub(super) fn takes_photo(self, schema: &str, example: &Value) -> Self {
        let mut encoding =
            json!({ "image": { "contentType": "image/jpeg, image/png, image/webp" } });
        if example.get("request").is_some() {
            encoding["request"] = json!({ "contentType": "application/json" });
        }
        let content = json!({
            "schema": schema::named(schema), "example": example, "encoding": encoding,
        });
        self.takes("multipart/form-data", &content).refuses(&IMAGE)
    }

    fn takes(mut self, kind: &str, content: &Value) -> Self {
        self.body = Some(json!({ "required": true, "content": { kind: content } }));
        self.refuses(&BODY)
    }

    /// One of the answers that are its own.
    pub(super) fn answers(mut self, answer: Answer) -> Self {
        self.answers.push(answer);
        self
    }

    /// Errors of the catalogue.
    pub(super) fn refuses(mut self, errors: &[ErrorCode]) -> Self {
        self.errors.extend(errors);
        self
    }

    /// The operation object of the document.
    pub(super) fn describe(mut self, access: Access) -> Value {
        if let Access::Token(scopes) = access {
            self.errors.extend(TOKEN);
            if scopes != Scopes::NONE {
                self.errors.push(ErrorCode::TenantRestricted);
            }
            if !self.never_limited {
                self.errors.push(ErrorCode::RateLimitExceeded);
            }
        }
        let security = self.security.clone().unwrap_or_else(|| security(access));
        let mut operation = json!({
            "operationId": self.id,
            "tags": [self.tag],
            "summary": self.summary,
            "security": security,
            "responses": self.responses(access),
        });
        for (name, value) in [
            (
                "description",
                (!self.about.is_empty()).then(|| self.about.into()),
            ),
            (
                "parameters",
                (!self.parameters.is_empty()).then_some(self.parameters.into()),
            ),
            ("requestBody", self.body),
        ] {
            if let Some(value) = value {
                operation[name] = value;
            }
        }
        operation
    }

    /// Its own answers, and those of the catalogue; where both have a status, either may come.
    fn responses(&self, access: Access) -> Value {
        let mut responses: BTreeMap<u16, Answer> = BTreeMap::new();
        for answer in &self.answers {
            responses.insert(answer.status, answer.clone());
        }
        let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
        for code in ErrorCode::ALL {
            if self.errors.contains(code) {
                let status = code.row().status.as_u16();
                by_status.entry(status).or_default().push(*code);
            }
        }
        for (status, codes) in by_status {
            let own = responses.remove(&status);
            responses.insert(status, problem::answer(status, &codes, own));
        }
        let limited = matches!(access, Access::Token(_));
        let described = responses.into_iter().map(|(status, mut answer)| {
            // Before the token is known to be good, there is no tenant whose standing could be told.
            if limited && status != 401 {
                answer.headers.extend(STANDING);
            }
            if self.old_caches {
                answer.headers.push("Pragma");
            }
            (status.to_string(), answer.describe())
        });
        described.collect::<Map<_, _>>().into()
    }
}

/// An answer of an endpoint.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    status: u16,
    about: String,
    pub(super) headers: Vec<&'static str>,
    pub(super) content: BTreeMap<&'static str, Value>,
}

impl Answer {
    /// An answer without a body.
    pub(super) fn empty(status: u16, about: impl Into<String>) -> Self {
        Self {
            status,
            about: about.into(),
            headers: Vec::new(),
            content: BTreeMap::new(),
        }
    }

    /// An answer with JSON of a component.
    pub(super) fn json(status: u16, about: &str, schema: &str, example: &Value) -> Self {
        Self::empty(status, about).with(
            "application/json",
            json!({ "schema": schema::named(schema), "example": example }),
        )
    }

    /// A body of another kind.
    pub(super) fn with(mut self, kind: &'static str, content: Value) -> Self {
        self.content.insert(kind, content);
        self
    }

    /// Headers that it has, by the name of their component.
    pub(super) fn headers(mut self, names: &[&'static str]) -> Self {
        self.headers.extend(names);
        self
    }

    /// When it is given.
    pub(super) fn about(&self) -> &str {
        &self.about
    }

    fn describe(self) -> Value {
        let headers: Map<_, _> = EVERYWHERE
            .into_iter()
            .chain(self.headers)
            .map(|name| {
                let component = json!({ "$ref": format!("#/components/headers/{name}") });
                (name.to_owned(), component)
            })
            .collect();
        let mut answer = json!({ "description": self.about, "headers": headers });
        if !self.content.is_empty() {
            answer["content"] = json!(self.content);
        }
        answer
    }
}

/// The ways to show a token: alone, beside the API key or the application that it is bound to, or as OAuth 2.0 gives it.
fn security(access: Access) -> Value {
    let Access::Token(scopes) = access else {
        return json!([]);
    };
    let scopes: Vec<&str> = scopes.iter().map(Scope::as_str).collect();
    json!([
        { "bearer": scopes },
        { "bearer": scopes, "apiKey": [] },
        { "bearer": scopes, "application": [] },
        { "oauth2": scopes },
    ])
}
