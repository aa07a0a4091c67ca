//! The headers of answers, as components of the document.

use serde_json::{Value, json};

use super::example;

/// Each header by its name.
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
    let photo = example::PHOTO;
    let hash = example::HASH;
    let file = format!("attachment; filename=\"protected_{photo}.jpg\"");
    let of_limits = "None for a tenant without limits.";
    json!({
        "X-Request-Id": header(true, text(), example::TRACE, "The request's own if it was well-formed, else a new one."),
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
        "X-C2PA-Status": header(true, json!({ "type": "string", "enum": ["SIGNED", "UNSIGNED"] }), "SIGNED", "Whether the file carries content credentials."),
        "X-C2PA-Manifest-Id": header(false, text(), example::MANIFEST, "The name of its manifest."),
        "X-Content-Copies": header(true, json!({ "type": "integer", "minimum": 1 }), "1", "Protected photos of the tenant that show the same picture."),
        "X-Content-Growth": header(true, json!({ "type": "number", "minimum": 0 }), "1.04", "Length of the returned file against the one that came."),
        "X-Metadata-Dropped": header(false, text(), "exif-gps;why=asked, exif-thumbnail;why=asked", "What of the metadata did not travel on, and why: `asked`, `unmarked-copy`, `stale`, `not-understood`. A list of tokens (RFC 9651 section 3.1). None when all did."),
        "Idempotency-Replayed": header(false, json!({ "type": "string", "const": "true" }), "true", "The call was done before, under the same key."),
        "Location": header(true, text(), &format!("/api/v1/photos/{photo}"), "The photo."),
        "Content-Disposition": header(true, text(), &file, "A name for the file."),
        "Set-Cookie": header(true, text(), "__Host-lumatrace=eyJhbGciOiJSUzI1NiJ9.e30.c2ln; Path=/; HttpOnly; SameSite=Strict; Secure", "The session of the console."),
        "Clear-Site-Data": header(true, text(), r#""cache", "storage""#, "What the browser is to forget of this server."),
        "Content-Security-Policy": header(true, text(), "default-src 'none'", "What the page may load: nothing but this document."),
    })
}
