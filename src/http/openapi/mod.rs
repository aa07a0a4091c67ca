//! The API's description, OpenAPI 3.1: `GET /openapi.json`, and `GET /docs` to read it.
//!
//! Made from the route table: each line of [`super::endpoints`] names the function that describes it, one file here for each
//! kind of endpoint. What the layers around handlers do (tokens, limits, errors, request ids) is described in [`operation`],
//! once. To describe a new endpoint, write its function beside its like; `tests/it/openapi.rs` calls the router and holds the
//! answers against the description.

pub(in crate::http) mod admin;
pub(in crate::http) mod auth;
pub(in crate::http) mod oauth;
mod operation;
pub(in crate::http) mod page;
mod photo_schemas;
pub(in crate::http) mod photos;
mod problem;
mod schema;
pub(in crate::http) mod server;
pub(in crate::http) mod tenant;

use axum::{
    Extension,
    body::{Body, Bytes},
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::Response,
};
use serde_json::{Map, Value, json};

pub(in crate::http) use operation::Operation;

use super::endpoints;
use crate::domain::Scope;

/// What stands for a token in examples.
const TOKEN: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6Ii4uLiJ9.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl";

/// The document of a server that is reached at `public_url`.
pub fn document(public_url: &str) -> Value {
    let mut paths = Map::new();
    for endpoint in endpoints() {
        let item = paths.entry(endpoint.path).or_insert_with(
            || json!({ "parameters": [{ "$ref": "#/components/parameters/RequestId" }] }),
        );
        let method = endpoint.method.as_str().to_ascii_lowercase();
        item[method] = (endpoint.describe)().describe(endpoint.access);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "LumaTrace",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Marks photographs invisibly, and says later what an image is.",
            "description": ABOUT,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": public_url, "description": "This server." }],
        "tags": [
            { "name": "Signing in", "description": "Accounts, API keys, applications, OAuth 2.0. All give tokens of one kind." },
            { "name": "Photos", "description": "Protect photographs, and recognise them later." },
            { "name": "Tenant", "description": "Who calls, what was used, what was done." },
            { "name": "Administration", "description": "For tokens with the scope `admin`." },
            { "name": "Server", "description": "Health, keys, metadata, documentation." },
        ],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "headers": server::headers(),
            "parameters": { "RequestId": {
                "name": "X-Request-Id",
                "in": "header",
                "required": false,
                "description": "A name for this request, 1 to 128 letters, digits or `. _ : -`. Any other is replaced by a new one.",
                "schema": { "type": "string" },
                "example": problem::TRACE,
            } },
            "examples": problem::examples(public_url),
            "securitySchemes": security_schemes(public_url),
        },
    })
}

const ABOUT: &str = "\
Bodies are JSON unless said otherwise; times are RFC 3339 in UTC; ids are UUIDs. Members that are not described may come to be, \
and are to be ignored. Every answer has `X-Request-Id`. Every error has a `code` and an `action` that says what to do; with \
`Accept: application/problem+json` it is sent under that type (RFC 9457). Only the sign-ins of other protocols refuse credentials \
in their own words.";

/// The schemas by name.
fn schemas() -> Map<String, Value> {
    [
        auth::schemas(),
        oauth::schemas(),
        photo_schemas::schemas(),
        tenant::schemas(),
        admin::schemas(),
        server::schemas(),
        problem::schemas(),
    ]
    .into_iter()
    .flatten()
    .map(|(name, schema)| (name.to_owned(), schema))
    .collect()
}

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
        Scope::Admin => "Administer the tenant.",
    }
}

/// The document and its page, written once when the router is made.
#[derive(Debug, Clone)]
pub(in crate::http) struct Published {
    document: Bytes,
    page: page::Page,
}

impl Published {
    /// Writes both.
    pub(in crate::http) fn new(public_url: &str) -> Self {
        Self {
            document: document(public_url).to_string().into(),
            page: page::Page::new(),
        }
    }
}

/// `GET /openapi.json`.
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
