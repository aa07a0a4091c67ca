//! The error catalogue: one table for the wire, `docs/errors.md` and the OpenAPI document.

use axum::http::StatusCode;

/// One row of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct ErrorRow {
    /// The `code` on the wire.
    pub code: &'static str,
    /// The HTTP status that it comes with.
    pub status: StatusCode,
    /// What happened, for a person: RFC 9457 `title`.
    pub title: &'static str,
    /// What to do about it.
    pub action: &'static str,
}

macro_rules! catalogue {
    ($($variant:ident $code:literal $status:ident $title:literal $action:literal;)*) => {
        /// Every way in which a request can be refused or fail.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ErrorCode {
            $(#[doc = $title] $variant,)*
        }

        impl ErrorCode {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The row of the catalogue.
            pub fn row(self) -> ErrorRow {
                match self {
                    $(Self::$variant => ErrorRow {
                        code: $code, status: StatusCode::$status, title: $title, action: $action,
                    },)*
                }
            }
        }
    };
}

catalogue! {
    ValidationFailed "VALIDATION_FAILED" BAD_REQUEST "The request is not valid"
        "Correct the fields named in errors and send the request again.";
    InvalidContentHash "INVALID_CONTENT_HASH" BAD_REQUEST "The content hash is malformed or not the image's"
        "Send the SHA-256 of the image part as 64 lowercase hexadecimal digits, or leave contentHash out.";
    UnsupportedImage "UNSUPPORTED_MEDIA_TYPE" BAD_REQUEST "The image is of a kind that is not supported"
        "Send a still JPEG, PNG or WebP image in RGB or grey.";
    InvalidImage "INVALID_IMAGE" BAD_REQUEST "The image is damaged"
        "Check that the file opens and was uploaded completely, then send it again.";
    ImageNotProtectable "IMAGE_NOT_PROTECTABLE" BAD_REQUEST "The image cannot carry a mark that can be read back"
        "Send another image; the message says what this one lacks.";
    AuthMissing "AUTH_MISSING" UNAUTHORIZED "No token was sent"
        "Log in and send the token as Authorization: Bearer.";
    AuthExpired "AUTH_EXPIRED" UNAUTHORIZED "The token has expired"
        "Log in again.";
    AuthInvalid "AUTH_INVALID" UNAUTHORIZED "The token is not valid"
        "Log in and send the new token as Authorization: Bearer.";
    AuthRevoked "AUTH_REVOKED" UNAUTHORIZED "The token has been revoked"
        "Log in again.";
    AuthFailed "AUTH_FAILED" UNAUTHORIZED "The credentials are not right"
        "Check tenantId, username and password.";
    AuthReauthenticate "AUTH_REAUTHENTICATE" UNAUTHORIZED "The password was given too long ago for this"
        "Give the password again at POST /console/session, then send the request again.";
    OriginRefused "ORIGIN_REFUSED" FORBIDDEN "The page that calls may not do this"
        "Open the console at this server's own address; over HTTPS, unless the server is this machine.";
    TenantRestricted "TENANT_RESTRICTED" FORBIDDEN "The token does not allow this"
        "Use a token with the scopes named in errors.";
    NotFound "NOT_FOUND" NOT_FOUND "There is no such thing"
        "Check the address and the id.";
    MethodNotAllowed "METHOD_NOT_ALLOWED" METHOD_NOT_ALLOWED "The method is not allowed here"
        "Use one of the methods in the Allow header.";
    RequestTimeout "REQUEST_TIMEOUT" REQUEST_TIMEOUT "The request did not arrive in time"
        "Send the request again over a faster connection.";
    Conflict "CONFLICT" CONFLICT "The request conflicts with what is there"
        "Look up the photo, then decide anew.";
    IdempotencyInProgress "IDEMPOTENCY_IN_PROGRESS" CONFLICT "A request with this Idempotency-Key is being worked on"
        "Send the same request again after the seconds in Retry-After.";
    QuotaExceeded "QUOTA_EXCEEDED" CONFLICT "The tenant keeps as much as it may"
        "Delete what is not needed any more; errors names the limit.";
    PayloadTooLarge "PAYLOAD_TOO_LARGE" PAYLOAD_TOO_LARGE "The request or the image is too large"
        "Keep to the limit named in errors.";
    UriTooLong "URI_TOO_LONG" URI_TOO_LONG "The query is too long"
        "Send the value in the body of a POST.";
    UnsupportedContentType "UNSUPPORTED_MEDIA_TYPE" UNSUPPORTED_MEDIA_TYPE "The content type of the request is not supported"
        "Send the Content-Type that this endpoint asks for, without Content-Encoding.";
    IdempotencyKeyReused "IDEMPOTENCY_KEY_REUSED" UNPROCESSABLE_ENTITY "The Idempotency-Key was used for another request"
        "Send the first request again as it was, or this one under a new key.";
    RateLimitExceeded "RATE_LIMIT_EXCEEDED" TOO_MANY_REQUESTS "Too many calls"
        "Send the request again after the seconds in Retry-After.";
    ServerBusy "SERVER_BUSY" SERVICE_UNAVAILABLE "The server has too much to do"
        "Send the request again after the seconds in Retry-After.";
    DatabaseUnavailable "DATABASE_UNAVAILABLE" SERVICE_UNAVAILABLE "The database is unavailable"
        "Send the request again after the seconds in Retry-After.";
    SignerUnavailable "SIGNER_UNAVAILABLE" SERVICE_UNAVAILABLE "The file cannot be signed"
        "Send the request again after the seconds in Retry-After; if it fails again, tell the operator that the signing certificate is missing or has ended.";
    NotReady "NOT_READY" SERVICE_UNAVAILABLE "The server is not ready"
        "Send requests to another server; errors names what is wrong.";
    InternalEngineError "INTERNAL_ENGINE_ERROR" INTERNAL_SERVER_ERROR "The server failed"
        "Send the request again; if it fails again, report the traceId.";
}
