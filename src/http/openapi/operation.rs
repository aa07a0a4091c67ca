//! How an endpoint is described: what it takes, what it answers, how it refuses.
//!
//! What follows from the route table and the layers around handlers is added here, once: the
//! security, the errors of authentication and limits, the headers of every answer.

use std::collections::BTreeMap;

use axum::http::Method;
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::{
    answer::Answer,
    problem,
    schema::{self, TypeSchema},
};
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

/// The description of an endpoint.
#[derive(Debug, Clone)]
pub(in crate::http) struct Operation {
    id: &'static str,
    tag: Tag,
    summary: &'static str,
    about: &'static str,
    security: Option<Value>,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: Vec<Answer>,
    /// The schemas that `body` refers to.
    components: Map<String, Value>,
    errors: Vec<ErrorCode>,
    never_limited: bool,
    old_caches: bool,
}

impl Operation {
    /// A description with nothing in it yet.
    pub(in crate::http) fn new(id: &'static str, tag: Tag, summary: &'static str) -> Self {
        Self {
            id,
            tag,
            summary,
            about: "",
            security: None,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            components: Map::new(),
            errors: vec![ErrorCode::InternalEngineError],
            never_limited: false,
            old_caches: false,
        }
    }

    /// More than the summary says.
    pub(in crate::http) fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    /// What a public endpoint asks for instead of a token.
    pub(in crate::http) fn guarded(mut self, security: Value) -> Self {
        self.security = Some(security);
        self
    }

    /// For the session of the console alone.
    pub(in crate::http) fn in_console(self) -> Self {
        self.guarded(json!([{ "console": [] }]))
    }

    /// Counted, and never refused for a limit.
    pub(in crate::http) fn never_limited(mut self) -> Self {
        self.never_limited = true;
        self
    }

    /// Speaks to the caches of HTTP/1.0 too, as its protocol asks.
    pub(in crate::http) fn old_caches_too(mut self) -> Self {
        self.old_caches = true;
        self
    }

    /// A part of the path. What is not well-formed is refused; what names nothing is not found.
    pub(in crate::http) fn path<T: JsonSchema>(
        mut self,
        name: &str,
        about: &str,
        example: &str,
    ) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "path", "required": true, "description": about,
            "schema": schema::inline::<T>(), "example": example,
        }));
        self.refuses(&[ErrorCode::ValidationFailed, ErrorCode::NotFound])
    }

    /// A parameter of the query that may be left out, or empty.
    pub(in crate::http) fn query(mut self, name: &str, about: &str, schema: &Value) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "query", "required": false, "description": about,
            "schema": schema::or_empty(schema),
        }));
        self.refuses(&[ErrorCode::ValidationFailed])
    }

    /// A parameter of the query that must be there.
    pub(in crate::http) fn needed_query(mut self, name: &str, about: &str, example: &str) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "query", "required": true, "description": about,
            "schema": { "type": "string", "minLength": 1 }, "example": example,
        }));
        self.refuses(&[ErrorCode::ValidationFailed])
    }

    /// An image that is the whole body.
    pub(in crate::http) fn takes_image(mut self) -> Self {
        let bytes = json!({ "schema": { "description": "The bytes of the file." } });
        self.body = Some(json!({
            "required": true,
            "content": { "image/jpeg": bytes, "image/png": bytes, "image/webp": bytes },
        }));
        self.refuses(&BODY)
            .refuses(&[ErrorCode::InvalidImage, ErrorCode::ServerBusy])
    }

    /// Bytes of that media type, which are the whole body.
    pub(in crate::http) fn takes_bytes(
        mut self,
        media_type: &str,
        about: &str,
        example: &str,
    ) -> Self {
        let content = json!({ "schema": { "description": about }, "example": example });
        self.body = Some(json!({ "required": true, "content": { media_type: content } }));
        self.refuses(&BODY)
    }

    /// May be sent again under the same `Idempotency-Key`.
    pub(in crate::http) fn once(mut self) -> Self {
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

    /// The parameters of a page of a list, whose cursors match this pattern.
    pub(in crate::http) fn paged(self, cursor: &str) -> Self {
        self.query(
            "cursor",
            "`next` of the page before; without it, the first page.",
            &json!({ "type": "string", "pattern": cursor }),
        )
        .query(
            "limit",
            "Most items on a page.",
            &json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 50 }),
        )
    }

    /// A JSON object that is read as `T`.
    pub(in crate::http) fn takes_json<T: JsonSchema>(self, example: &Value) -> Self {
        self.takes::<T>("application/json", json!({ "example": example }))
    }

    /// A URL-encoded form that is read as `T`.
    pub(in crate::http) fn takes_form<T: JsonSchema>(self, example: &Value) -> Self {
        self.takes::<T>(
            "application/x-www-form-urlencoded",
            json!({ "example": example }),
        )
    }

    /// A photograph and small parts beside it.
    pub(in crate::http) fn takes_photo<T: JsonSchema>(self, example: &Value) -> Self {
        let mut encoding =
            json!({ "image": { "contentType": "image/jpeg, image/png, image/webp" } });
        if example.get("request").is_some() {
            encoding["request"] = json!({ "contentType": "application/json" });
        }
        let content = json!({ "example": example, "encoding": encoding });
        self.takes::<T>("multipart/form-data", content)
            .refuses(&IMAGE)
    }

    fn takes<T: JsonSchema>(mut self, media_type: &str, mut content: Value) -> Self {
        let TypeSchema { schema, components } = TypeSchema::of_request::<T>();
        content["schema"] = schema;
        self.components.extend(components);
        self.body = Some(json!({ "required": true, "content": { media_type: content } }));
        self.refuses(&BODY)
    }

    /// One of the answers that are its own.
    pub(in crate::http) fn answers(mut self, answer: Answer) -> Self {
        self.answers.push(answer);
        self
    }

    /// Errors of the catalogue.
    pub(in crate::http) fn refuses(mut self, errors: &[ErrorCode]) -> Self {
        self.errors.extend(errors);
        self
    }

    /// The operation object of the document; the schemas that it refers to are added to
    /// `components`.
    pub(in crate::http) fn describe(
        mut self,
        method: &Method,
        access: Access,
        components: &mut Map<String, Value>,
    ) -> Value {
        if let Access::Token(scopes) | Access::Optional(scopes) = access {
            self.errors.extend(TOKEN);
            if matches!(access, Access::Optional(_)) {
                self.errors.retain(|code| *code != ErrorCode::AuthMissing);
            }
            if scopes.contains(Scope::Admin) && !method.is_safe() {
                self.errors.push(ErrorCode::AuthReauthenticate);
            }
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
            "tags": [self.tag.as_str()],
            "summary": self.summary,
            "security": security,
            "responses": self.responses(access, components),
        });
        components.extend(self.components);
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
    fn responses(&self, access: Access, components: &mut Map<String, Value>) -> Value {
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
        let limited = !matches!(access, Access::Public);
        let described = responses.into_iter().map(|(status, mut answer)| {
            // Before the token is known to be good, there is no tenant whose standing could be
            // told. A sign-in tells it only where it refuses for it.
            if (limited && status != 401) || status == 429 {
                answer.headers.extend(STANDING);
            }
            if self.old_caches {
                answer.headers.push("Pragma");
            }
            (status.to_string(), answer.describe(components))
        });
        described.collect::<Map<_, _>>().into()
    }
}

/// The ways to show a token: alone, beside the API key or the application that it is bound to, as
/// OAuth 2.0 gives it, or in the cookie of the console.
fn security(access: Access) -> Value {
    let (Access::Token(scopes) | Access::Optional(scopes)) = access else {
        return json!([]);
    };
    let scopes: Vec<&str> = scopes.iter().map(Scope::as_str).collect();
    let mut ways = vec![
        json!({ "bearer": scopes }),
        json!({ "bearer": scopes, "apiKey": [] }),
        json!({ "bearer": scopes, "application": [] }),
        json!({ "oauth2": scopes }),
        json!({ "console": scopes }),
    ];
    if matches!(access, Access::Optional(_)) {
        ways.push(json!({}));
    }
    ways.into()
}

/// A section of the document.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) enum Tag {
    SigningIn,
    Photos,
    Tenant,
    Administration,
    Console,
    SoftBindings,
    Server,
}

impl Tag {
    pub(super) const ALL: [Self; 7] = [
        Self::SigningIn,
        Self::Photos,
        Self::Tenant,
        Self::Administration,
        Self::Console,
        Self::SoftBindings,
        Self::Server,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::SigningIn => "Signing in",
            Self::Photos => "Photos",
            Self::Tenant => "Tenant",
            Self::Administration => "Administration",
            Self::Console => "Console",
            Self::SoftBindings => "Soft bindings",
            Self::Server => "Server",
        }
    }

    /// The tag object of the document.
    pub(super) fn describe(self) -> Value {
        let description = match self {
            Self::SigningIn => {
                "Accounts, API keys, applications, OAuth 2.0. All give tokens of one kind."
            }
            Self::Photos => "Protect photographs, and recognise them later.",
            Self::Tenant => "Who calls, what was used, what was done.",
            Self::Administration => "For tokens with the scope `admin`.",
            Self::Console => "Sessions of people at the pages under `/console/`.",
            Self::SoftBindings => {
                "The Soft Binding Resolution API of C2PA 2.4: from a picture to its manifest."
            }
            Self::Server => "Health, keys, metadata, documentation.",
        };
        json!({ "name": self.as_str(), "description": description })
    }
}
