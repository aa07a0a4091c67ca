//! The API's description, OpenAPI 3.1: `GET /openapi.json`, and `GET /docs` to read it.
//!
//! Made from the route table: each line of [`super::endpoints()`] names the function that describes
//! it, which stands beside the handler and the types that it reads and writes. Their schemas are
//! derived. What the layers around handlers do (tokens, limits, errors, request ids) is described
//! in [`operation`], once. `tests/it/openapi` calls the router and holds its answers against the
//! description.

mod answer;
pub(in crate::http) mod example;
mod headers;
mod operation;
pub(in crate::http) mod page;
mod problem;
pub(in crate::http) mod schema;

use std::borrow::Cow;

use axum::{
    Extension,
    body::{Body, Bytes},
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::Response,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value, json};

pub(in crate::http) use self::{
    answer::Answer,
    operation::{Operation, Tag},
};
use super::endpoints;
use crate::domain::Scope;

/// The document of a server that is reached at `public_url`.
pub fn document(public_url: &str) -> Value {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    for endpoint in endpoints() {
        let item = paths.entry(endpoint.path).or_insert_with(
            || json!({ "parameters": [{ "$ref": "#/components/parameters/RequestId" }] }),
        );
        let method = endpoint.method.as_str().to_ascii_lowercase();
        let operation = (endpoint.describe)();
        item[method] = operation.describe(&endpoint.method, endpoint.access, &mut schemas);
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "LumaTrace",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Marks photographs invisibly, and says later what an image is.",
            "description": ABOUT,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": public_url, "description": "This server." }],
        "tags": Tag::ALL.map(Tag::describe),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": headers::headers(),
            "parameters": { "RequestId": {
                "name": "X-Request-Id",
                "in": "header",
                "required": false,
                "description": "A name for this request, 1 to 128 letters, digits or `. _ : -`. Any other is replaced by a new one.",
                "schema": { "type": "string" },
                "example": example::TRACE,
            } },
            "examples": problem::examples(public_url),
            "securitySchemes": security_schemes(public_url),
        },
    });
    // The c2pa crate makes serde_json keep members in the order in which they were written; a
    // document that is sorted is compared more easily with the one before.
    document.sort_all_objects();
    document
}

const ABOUT: &str = "\
Bodies are JSON unless said otherwise; times are RFC 3339 in UTC; ids are UUIDs. Members that are not described may come to be, \
and are to be ignored. Every answer has `X-Request-Id`. Every error has a `code` and an `action` that says what to do; with \
`Accept: application/problem+json` it is sent under that type (RFC 9457). Only the sign-ins of other protocols refuse credentials \
in their own words.";

fn security_schemes(public_url: &str) -> Value {
    let scopes: Map<_, _> = Scope::ALL
        .iter()
        .map(|scope| (scope.as_str().to_owned(), permission(*scope).into()))
        .collect();
    json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A token of any sign-in. One that is bound to an API key or an application is good beside that alone.",
        },
        "apiKey": {
            "type": "apiKey",
            "in": "header",
            "name": "x-api-key",
            "description": "The API key. Beside it, `authorization` may hold the bare token, without `Bearer`.",
        },
        "application": {
            "type": "apiKey",
            "in": "header",
            "name": "AppIdV3",
            "description": "The id of the application.",
        },
        "client": {
            "type": "http",
            "scheme": "basic",
            "description": "An application as a client of OAuth 2.0: its id and secret. They may be sent in the form instead.",
        },
        "console": {
            "type": "apiKey",
            "in": "cookie",
            "name": "__Host-lumatrace",
            "description": "The session of the console. Good from this server's own pages alone (`Sec-Fetch-Site: same-origin`), and \
                where no other credentials are shown. Changes of administration ask for a password that was given within 15 minutes.",
        },
        "oauth2": {
            "type": "oauth2",
            "description": "Client credentials (RFC 6749 section 4.4).",
            "flows": { "clientCredentials": {
                "tokenUrl": format!("{public_url}/oauth2/token"),
                "scopes": scopes,
            } },
        },
    })
}

/// What a scope permits.
fn permission(scope: Scope) -> &'static str {
    match scope {
        Scope::Protect => "Register and protect photos.",
        Scope::Verify => "Verify and identify images.",
        Scope::Read => "Read what is known of photos.",
        Scope::Delete => "Delete photos.",
        Scope::ReadManifests => "Read manifests.",
        Scope::FetchManifests => {
            "Find manifests that are published, or the tenant's own, and fetch them."
        }
        Scope::StoreManifests => "Store and delete manifests that were made elsewhere.",
        Scope::StoreBindings => "Bind values to manifests.",
        Scope::Admin => "Administer the tenant.",
    }
}

/// The document and its page, written once when the router is made.
#[derive(Debug, Clone)]
pub(in crate::http) struct Published {
    document: Bytes,
    page: page::DocsPage,
}

impl Published {
    /// Writes the document and the page, once.
    pub(in crate::http) fn new(public_url: &str) -> Self {
        Self {
            document: document(public_url).to_string().into(),
            page: page::DocsPage::new(),
        }
    }
}

pub(in crate::http) fn describe() -> Operation {
    Operation::new("getOpenapi", Tag::Server, "This document").answers(Answer::json(
        200,
        "OpenAPI 3.1.",
        &Document {
            openapi: "3.1.0",
            info: json!({ "title": "LumaTrace", "version": env!("CARGO_PKG_VERSION") }),
            paths: Map::new(),
        },
    ))
}

/// The members that every document has.
#[derive(Serialize)]
struct Document {
    openapi: &'static str,
    info: Value,
    paths: Map<String, Value>,
}

/// By hand: the specification says the rest.
impl JsonSchema for Document {
    fn schema_name() -> Cow<'static, str> {
        "Openapi".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "See https://spec.openapis.org/oas/v3.1.0",
            "required": ["openapi", "info", "paths"],
        })
    }
}

pub(in crate::http) async fn handler(Extension(published): Extension<Published>) -> Response {
    answer(published.document, "application/json")
}

fn answer(body: Bytes, kind: &'static str) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=300"),
    );
    response
}
