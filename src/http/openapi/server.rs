//! The server itself: health, keys, metadata, the meaning of errors, this document.

use serde_json::{Value, json};

use super::{
    operation::{Answer, Operation},
    problem::TRACE,
    schema::{count, list, object, one_of, only, text, time},
};
use crate::{domain::Scope, http::ErrorCode};

const TAG: &str = "Server";
const URL: &str = "https://lumatrace.example";

/// `GET /livez`.
pub(in crate::http) fn live() -> Operation {
    Operation::new("isAlive", TAG, "The process lives").answers(Answer::empty(200, "It does."))
}

/// `GET /readyz`.
pub(in crate::http) fn ready() -> Operation {
    Operation::new("isReady", TAG, "The server can do its work")
        .answers(Answer::json(
            200,
            "The database answers too.",
            "Ready",
            &json!({ "status": "UP" }),
        ))
        .refuses(&[ErrorCode::DatabaseUnavailable])
}

/// `GET /api/v1/health`.
pub(in crate::http) fn health() -> Operation {
    Operation::new("getHealth", TAG, "The server answers").answers(Answer::json(
        200,
        "It does.",
        "Health",
        &json!({ "status": "UP", "timestamp": "2027-01-15T08:00:00Z" }),
    ))
}

/// `GET /.well-known/jwks.json`.
pub(in crate::http) fn jwks() -> Operation {
    Operation::new(
        "getKeys",
        TAG,
        "The public keys that check tokens and receipts",
    )
    .answers(Answer::json(
        200,
        "A JWK set (RFC 7517).",
        "Keys",
        &json!({ "keys": [{
                "kty": "RSA",
                "use": "sig",
                "alg": "RS256",
                "kid": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
                "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86z",
                "e": "AQAB",
            }] }),
    ))
}

/// `GET /.well-known/oauth-authorization-server`.
pub(in crate::http) fn authorization_server() -> Operation {
    let by = ["client_secret_basic", "client_secret_post"];
    let example = json!({
        "issuer": URL,
        "token_endpoint": format!("{URL}/oauth2/token"),
        "revocation_endpoint": format!("{URL}/oauth2/revoke"),
        "introspection_endpoint": format!("{URL}/oauth2/introspect"),
        "jwks_uri": format!("{URL}/.well-known/jwks.json"),
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "scopes_supported": scopes(),
        "token_endpoint_auth_methods_supported": by,
        "revocation_endpoint_auth_methods_supported": by,
        "introspection_endpoint_auth_methods_supported": by,
    });
    Operation::new(
        "getAuthorizationServer",
        TAG,
        "Where OAuth 2.0 is (RFC 8414)",
    )
    .old_caches_too()
    .answers(Answer::json(
        200,
        "The metadata.",
        "AuthorizationServer",
        &example,
    ))
}

/// `GET /.well-known/oauth-protected-resource`.
pub(in crate::http) fn protected_resource() -> Operation {
    let example = json!({
        "resource": URL,
        "authorization_servers": [URL],
        "jwks_uri": format!("{URL}/.well-known/jwks.json"),
        "scopes_supported": scopes(),
        "bearer_methods_supported": ["header"],
    });
    Operation::new(
        "getProtectedResource",
        TAG,
        "The same from the API's side (RFC 9728)",
    )
    .old_caches_too()
    .answers(Answer::json(
        200,
        "The metadata.",
        "ProtectedResource",
        &example,
    ))
}

/// `GET /errors/{code}`.
pub(in crate::http) fn error() -> Operation {
    let row = ErrorCode::AuthRevoked.row();
    let example = json!({
        "code": row.code,
        "meanings": [{ "status": row.status.as_u16(), "title": row.title, "action": row.action }],
    });
    Operation::new("getError", TAG, "What an error code means")
        .about("The `type` of each error leads here.")
        .path("code", &text("The code."), row.code)
        .answers(Answer::json(
            200,
            "One meaning for each status.",
            "ErrorMeaning",
            &example,
        ))
}

/// `GET /openapi.json`.
pub(in crate::http) fn document() -> Operation {
    Operation::new("getOpenapi", TAG, "This document").answers(
        Answer::json(
            200,
            "OpenAPI 3.1.",
            "Openapi",
            &json!({ "openapi": "3.1.0", "info": { "title": "LumaTrace", "version": "0.1.0" }, "paths": {} }),
        ),
    )
}

/// `GET /docs`.
pub(in crate::http) fn page() -> Operation {
    let html = json!({ "schema": { "type": "string" }, "example": "<!doctype html>" });
    Operation::new("getDocs", TAG, "This document, to read").answers(
        Answer::empty(200, "A page that needs nothing but this server.")
            .headers(&[
                "Content-Security-Policy",
                "Referrer-Policy",
                "Cross-Origin-Opener-Policy",
            ])
            .with("text/html", html),
    )
}

fn scopes() -> Vec<&'static str> {
    Scope::ALL.into_iter().map(Scope::as_str).collect()
}

/// The schemas of this file's bodies.
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let key = object(
        &[],
        [
            ("kty", only(&json!("RSA"))),
            ("use", only(&json!("sig"))),
            ("alg", only(&json!("RS256"))),
            ("kid", text("The `kid` of tokens.")),
            ("n", text("The modulus.")),
            ("e", text("The exponent.")),
        ],
    );
    let meaning = object(
        &[],
        [
            ("status", count("The status.")),
            ("title", text("What happened.")),
            ("action", text("What to do about it.")),
        ],
    );
    let error = object(
        &[],
        [("code", text("The code.")), ("meanings", list(&meaning))],
    );
    let openapi = json!({
        "type": "object",
        "description": "See https://spec.openapis.org/oas/v3.1.0",
        "required": ["openapi", "info", "paths"],
    });
    let ready = object(&[], [("status", only(&json!("UP")))]);
    let health = object(
        &[],
        [
            ("status", only(&json!("UP"))),
            ("timestamp", time("The server's time.")),
        ],
    );
    let [server, resource] = metadata();
    vec![
        ("Ready", ready),
        ("Health", health),
        ("Keys", object(&[], [("keys", list(&key))])),
        ("AuthorizationServer", server),
        ("ProtectedResource", resource),
        ("ErrorMeaning", error),
        ("Openapi", openapi),
    ]
}

fn metadata() -> [Value; 2] {
    let url = |about| json!({ "type": "string", "format": "uri", "description": about });
    let scope = list(&one_of(&scopes(), "A scope."));
    let methods = list(&one_of(
        &["client_secret_basic", "client_secret_post"],
        "A way to authenticate.",
    ));
    let server = object(
        &[],
        [
            ("issuer", url("This server.")),
            ("token_endpoint", url("Gives tokens.")),
            ("revocation_endpoint", url("Ends tokens.")),
            ("introspection_endpoint", url("Explains tokens.")),
            ("jwks_uri", url("The keys.")),
            (
                "grant_types_supported",
                list(&only(&json!("client_credentials"))),
            ),
            (
                "response_types_supported",
                list(&json!({ "type": "string" })),
            ),
            ("scopes_supported", scope.clone()),
            ("token_endpoint_auth_methods_supported", methods.clone()),
            (
                "revocation_endpoint_auth_methods_supported",
                methods.clone(),
            ),
            ("introspection_endpoint_auth_methods_supported", methods),
        ],
    );
    let resource = object(
        &[],
        [
            ("resource", url("This server.")),
            ("authorization_servers", list(&url("This server."))),
            ("jwks_uri", url("The keys.")),
            ("scopes_supported", scope),
            ("bearer_methods_supported", list(&only(&json!("header")))),
        ],
    );
    [server, resource]
}

/// The headers of answers; the one of every answer is first.
pub(super) fn headers() -> Value {
    let header = |required: bool, schema: Value, example: &str, about: &str| {
        let example = match schema["type"].as_str() {
            Some("integer" | "number") => example.parse().unwrap_or(Value::Null),
            _ => example.into(),
        };
        json!({ "description": about, "required": required, "schema": schema, "example": example })
    };
    let text = || json!({ "type": "string" });
    let whole = || json!({ "type": "integer", "minimum": 0 });
    let seconds = json!({ "type": "integer", "minimum": 1 });
    let level = json!({ "type": "string", "enum": ["FULL", "LIMITED"] });
    let photo = "9b1c8a57-0a4e-4e0f-8d3f-6a1b2c3d4e5f";
    let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let file = format!("attachment; filename=\"protected_{photo}.jpg\"");
    let of_limits = "None for a tenant without limits.";
    json!({
        "X-Request-Id": header(true, text(), TRACE, "The request's own if it was well-formed, else a new one."),
        "X-Content-Type-Options": header(true, text(), "nosniff", "Browsers take the declared type for true."),
        "Cache-Control": header(false, text(), "no-store", "What caches may do."),
        "Pragma": header(false, text(), "no-cache", "The same for old caches (RFC 6749 section 5.1)."),
        "Referrer-Policy": header(true, text(), "no-referrer", "Other sites do not learn where a reader came from."),
        "Cross-Origin-Opener-Policy": header(true, text(), "same-origin", "Other sites do not hold the page's window."),
        "WWW-Authenticate": header(true, text(), "Bearer", "How to authenticate, and what was missing."),
        "Retry-After": header(true, seconds, "2", "Seconds after which to try again."),
        "X-RateLimit-Limit": header(false, whole(), "50000", &format!("Calls in this hour. {of_limits}")),
        "X-RateLimit-Remaining": header(false, whole(), "49999", "Those that are left."),
        "X-RateLimit-Reset": header(false, whole(), "2400", "Seconds until all are back."),
        "RateLimit-Policy": header(false, text(), r#""burst";q=100;w=2, "hour";q=50000;w=3600"#, &format!("The limits. {of_limits}")),
        "RateLimit": header(false, text(), r#""burst";r=99;t=1, "hour";r=49999;t=2400"#, "What is left of them."),
        "X-Photo-Id": header(true, json!({ "type": "string", "format": "uuid" }), photo, "The photo."),
        "X-Content-SHA256": header(true, json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }), hash, "SHA-256 of the file."),
        "X-Watermark-PSNR": header(true, json!({ "type": "number" }), "44.52", "PSNR of the returned picture against the one that came, both decoded, over all colours, in dB: how little it changed."),
        "X-Protection-Level": header(true, level, "FULL", "How well the mark reads."),
        "X-Content-Copies": header(true, json!({ "type": "integer", "minimum": 1 }), "1", "Protected photos of the tenant that show the same picture."),
        "X-Content-Growth": header(true, json!({ "type": "number", "minimum": 0 }), "1.04", "Length of the returned file against the one that came."),
        "X-Metadata-Dropped": header(false, text(), "exif-gps;why=asked, exif-thumbnail;why=asked", "What of the metadata did not travel on, and why: `asked`, `unmarked-copy`, `stale`, `not-understood`. A list of tokens (RFC 9651 section 3.1). None when all did."),
        "Idempotency-Replayed": header(false, json!({ "type": "string", "const": "true" }), "true", "The call was done before, under the same key."),
        "Location": header(true, text(), &format!("/api/v1/photos/{photo}"), "The photo."),
        "Content-Disposition": header(true, text(), &file, "A name for the file."),
        "Content-Security-Policy": header(true, text(), "default-src 'none'", "What the page may load: nothing but this document."),
    })
}
