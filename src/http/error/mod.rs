//! The one place that writes error bodies.
//!
//! Handlers return [`ApiError`]. Its response has a status and no body; it carries itself along as
//! an extension. [`render`], near the outside, turns it, or the bare status of a 404, 405 or 413
//! that a library answered, into the JSON of the contract (RFC 9457 with our members) and logs it
//! once: faults of ours with their whole chain of causes, refusals by their code in the access
//! line.

mod body;
mod catalogue;

use std::{any::Any, borrow::Cow, sync::Arc};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

pub(in crate::http) use self::body::{Limit, Problem, ProblemField};
pub use self::catalogue::{ErrorCode, ErrorRow};
use super::{
    accept, c2pa,
    middleware::{RequestId, tell},
    page::{self, Page},
};
use crate::{
    auth::TokenError,
    db::DbError,
    domain::{Decision, KeepLimit, Scopes},
    imaging::ImagingError,
    service::{
        self, Bound, Busy, Context, FieldError, console::PASSWORD_SECONDS, readiness::Unready,
    },
};

/// Seconds until an operator may have seen what is wrong.
const UNTIL_SEEN: u32 = 60;

/// What a handler answers instead of a result.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    code: ErrorCode,
    message: Cow<'static, str>,
    errors: Vec<ProblemField>,
    /// Seconds after which it is worth trying again, if that is known.
    retry_after: Option<u32>,
    /// Scopes that the token lacks.
    lacking: Option<Scopes>,
    /// How the tenant stands that was refused for its limits.
    limit: Option<Box<Decision>>,
    /// The cause, for the log only.
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl ApiError {
    /// An error that says what its row says.
    pub(crate) fn new(code: ErrorCode) -> Self {
        Self {
            code,
            message: Cow::Borrowed(code.row().title),
            errors: Vec::new(),
            retry_after: None,
            lacking: None,
            limit: None,
            source: None,
        }
    }

    /// An error with a message of its own; it must hold nothing internal.
    pub(crate) fn with_message(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            message: message.into(),
            ..Self::new(code)
        }
    }

    /// `VALIDATION_FAILED` for one field.
    pub(crate) fn field(field: &'static str, reason: &str) -> Self {
        Self::fields(vec![FieldError {
            field,
            reason: reason.to_owned(),
        }])
    }

    /// `VALIDATION_FAILED`, with every wrong field named.
    pub(crate) fn fields(fields: Vec<FieldError>) -> Self {
        let named: Vec<String> = fields
            .iter()
            .map(|wrong| format!("{}: {}", wrong.field, wrong.reason))
            .collect();
        Self {
            errors: fields.into_iter().map(ProblemField::from).collect(),
            ..Self::with_message(ErrorCode::ValidationFailed, named.join("; "))
        }
    }

    /// A `contentHash` that is none, or not the image's.
    pub(crate) fn content_hash(reason: &str) -> Self {
        Self {
            errors: vec![ProblemField::new("contentHash", reason.to_owned())],
            ..Self::with_message(
                ErrorCode::InvalidContentHash,
                format!("contentHash: {reason}"),
            )
        }
    }

    /// More bytes or pixels than allowed in the image, or in the whole body.
    pub(crate) fn too_large(field: &'static str, limit: Limit, max: u64, actual: u64) -> Self {
        let limited = limit.as_str();
        let message = format!("{actual} {limited} are more than the {max} that are allowed");
        Self {
            errors: vec![ProblemField {
                limit: Some(limit),
                max: Some(max),
                actual: Some(actual),
                ..ProblemField::new(field, message.clone())
            }],
            ..Self::with_message(ErrorCode::PayloadTooLarge, message)
        }
    }

    /// An image that is not as it should be.
    fn image(code: ErrorCode, message: String) -> Self {
        Self {
            errors: vec![ProblemField::new("image", message.clone())],
            ..Self::with_message(code, message)
        }
    }

    /// What went wrong with a photo that the body names: where there is no such photo, the address
    /// is not at fault.
    pub(crate) fn of_named_photo(error: service::Error) -> Self {
        match error {
            service::Error::NotFound => Self {
                errors: vec![ProblemField::new("photoId", "names no photo")],
                ..Self::with_message(ErrorCode::NotFound, "photoId: names no photo")
            },
            error => error.into(),
        }
    }

    /// A token without the scopes that the route asks for.
    pub(crate) fn lacks(scopes: Scopes) -> Self {
        let errors = scopes
            .iter()
            .map(|scope| ProblemField {
                scope: Some(scope),
                ..ProblemField::new("scope", "is missing")
            })
            .collect();
        Self {
            errors,
            lacking: Some(scopes),
            ..Self::with_message(
                ErrorCode::TenantRestricted,
                format!("the token lacks: {scopes}"),
            )
        }
    }

    /// What went wrong with an image that is the whole body: its kind is that of the body.
    pub(crate) fn of_plain_image(error: service::Error) -> Self {
        match Self::from(error) {
            Self {
                code: ErrorCode::UnsupportedImage,
                message,
                ..
            } => Self::with_message(ErrorCode::UnsupportedContentType, message),
            error => error,
        }
    }

    /// Too much for now; again after some seconds.
    fn later(code: ErrorCode, seconds: u32) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::new(code)
        }
    }

    /// A server that cannot do its work, for these reasons, the weightiest first.
    pub(crate) fn not_ready(reasons: &[Unready]) -> Self {
        let code = match reasons.first().map(|reason| reason.part()) {
            Some("database") => ErrorCode::DatabaseUnavailable,
            Some("signer") => ErrorCode::SignerUnavailable,
            _ => ErrorCode::NotReady,
        };
        let named: Vec<String> = (reasons.iter())
            .map(|wrong| format!("the {} {}", wrong.part(), wrong.reason()))
            .collect();
        Self {
            errors: reasons.iter().copied().map(ProblemField::from).collect(),
            ..Self::with_message(code, named.join("; "))
        }
    }

    /// More work than fits, of the tenant or of all.
    pub(crate) fn busy(busy: Busy) -> Self {
        let later = |code| Self::later(code, busy.retry_after_seconds);
        match busy.bound {
            Bound::Server => later(ErrorCode::ServerBusy),
            Bound::Share => Self {
                message: Cow::Borrowed(
                    "the tenant has as much work waiting as its share allows while others wait",
                ),
                ..later(ErrorCode::RateLimitExceeded)
            },
        }
    }

    /// A call above one of its tenant's limits.
    fn rate_limited(refusal: Decision) -> Self {
        let message = match (refusal.hour(), refusal.burst()) {
            (Some(hour), _) if hour.remaining == 0 => {
                format!("the {} calls of this hour are used up", hour.limit)
            }
            (_, Some(burst)) => format!(
                "more than {} calls at once, or {} a second",
                burst.limit, refusal.rates.per_second
            ),
            _ => "too many calls".to_owned(),
        };
        Self {
            limit: Some(Box::new(refusal)),
            ..Self::with_message(ErrorCode::RateLimitExceeded, message)
        }
    }

    /// As much of something as the tenant may keep.
    fn quota_exceeded(limit: KeepLimit) -> Self {
        let message = limit.to_string();
        Self {
            errors: vec![ProblemField {
                max: Some(limit.most()),
                ..ProblemField::new(limit.field(), message.clone())
            }],
            ..Self::with_message(ErrorCode::QuotaExceeded, message)
        }
    }

    fn caused(code: ErrorCode, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self {
            source: Some(Arc::new(source)),
            ..Self::new(code)
        }
    }
}

impl From<service::Error> for ApiError {
    fn from(error: service::Error) -> Self {
        use service::Error;
        let message = error.to_string();
        match error {
            Error::Invalid(fields) => Self::fields(fields),
            Error::ContentHash(reason) => Self::content_hash(reason),
            Error::Image(ImagingError::UnsupportedFormat { .. } | ImagingError::Foreign { .. }) => {
                Self::image(ErrorCode::UnsupportedImage, message)
            }
            Error::Image(ImagingError::TooManyBytes { max, actual }) => {
                Self::too_large("image", Limit::Bytes, max, actual)
            }
            Error::Image(ImagingError::TooManyPixels { max, actual }) => {
                Self::too_large("image", Limit::Pixels, max, actual)
            }
            Error::Image(ImagingError::Invalid { .. }) => {
                Self::image(ErrorCode::InvalidImage, message)
            }
            Error::NotProtectable(_) => Self::image(ErrorCode::ImageNotProtectable, message),
            Error::Credentials => Self::new(ErrorCode::AuthFailed),
            Error::Token(TokenError::Invalid | TokenError::UnknownKey) => {
                Self::new(ErrorCode::AuthInvalid)
            }
            Error::Token(TokenError::Expired) => Self::new(ErrorCode::AuthExpired),
            Error::TokenRevoked => Self::new(ErrorCode::AuthRevoked),
            Error::Scope => Self::new(ErrorCode::TenantRestricted),
            Error::Throttled(seconds) => Self::later(ErrorCode::RateLimitExceeded, seconds),
            Error::NotFound => Self::new(ErrorCode::NotFound),
            Error::Conflict(reason) => Self::with_message(ErrorCode::Conflict, reason),
            Error::InProgress(seconds) => Self::later(ErrorCode::IdempotencyInProgress, seconds),
            Error::KeyReused => Self::new(ErrorCode::IdempotencyKeyReused),
            Error::TooManyCopies(_) => Self::with_message(ErrorCode::Conflict, message),
            Error::QuotaExceeded(limit) => Self::quota_exceeded(limit),
            Error::LimitExceeded(refusal) => Self::rate_limited(refusal),
            Error::Busy(busy) => Self::busy(busy),
            Error::DatabaseUnavailable(DbError::Full(_)) => Self {
                message: "The database is unavailable: its disk is full".into(),
                retry_after: Some(UNTIL_SEEN),
                ..Self::caused(ErrorCode::DatabaseUnavailable, error)
            },
            Error::DatabaseUnavailable(_) => Self::caused(ErrorCode::DatabaseUnavailable, error),
            Error::SignerUnavailable(_) => Self::caused(ErrorCode::SignerUnavailable, error),
            Error::Abandoned | Error::Image(ImagingError::Encode { .. }) | Error::Internal(_) => {
                Self::caused(ErrorCode::InternalEngineError, error)
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.code.row().status.into_response();
        if let Some(refusal) = &self.limit {
            tell(refusal, response.headers_mut());
        }
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// Marks an answer whose body is not ours to write: the sign-ins of other protocols. A refusal has
/// a code of that protocol, which is logged and counted as ours are.
#[derive(Debug, Clone, Copy)]
pub(super) struct AsItIs {
    /// The code; `None` unless it is a refusal.
    pub(super) code: Option<&'static str>,
}

/// The code of a refusal or failure, beside the answer, for its access line.
#[derive(Debug, Clone, Copy)]
pub(super) struct RefusalCode(pub(super) &'static str);

/// The answer where no route leads.
pub(super) async fn not_found() -> ApiError {
    ApiError::new(ErrorCode::NotFound)
}

/// The answer when a handler panicked; what it said goes to the log, not to the client.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that tower-http asks for"
)]
pub(super) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    #[derive(Debug, thiserror::Error)]
    #[error("a handler panicked: {0}")]
    struct Panic(String);

    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
    let cause = Panic(text.unwrap_or_else(|| "no message".to_owned()));
    ApiError::caused(ErrorCode::InternalEngineError, cause).into_response()
}

/// Writes the body of every error, logs what failed and counts it.
pub(super) async fn render(State(ctx): State<Context>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let wants_page = page::is_wanted(headers);
    let wants_problem = accept::prefers(headers, "application/problem+json", "application/json");
    let instance = request.uri().path().to_owned();
    let id = request
        .extensions()
        .get::<RequestId>()
        .cloned()
        .unwrap_or_default();
    let mut response = next.run(request).await;
    if let Some(AsItIs { code }) = response.extensions().get() {
        if let Some(code) = *code {
            ctx.metrics.count_refusal(code);
            response.extensions_mut().insert(RefusalCode(code));
        }
        return response;
    }
    let status = response.status();
    let error = match response.extensions().get::<Arc<ApiError>>() {
        Some(error) => Arc::clone(error),
        None if status.is_client_error() || status.is_server_error() => {
            Arc::new(ApiError::new(code_of_bare(status)))
        }
        None => return response,
    };
    log_failure(&error);
    let row = error.code.row();
    ctx.metrics.count_refusal(row.code);
    if wants_page {
        Page {
            title: row.title,
            text: row.action,
            facts: vec![
                ("Message", &error.message),
                ("Code", row.code),
                ("Trace", id.as_str()),
            ],
        }
        .put_into(&mut response);
        *response.status_mut() = row.status;
        response.extensions_mut().insert(RefusalCode(row.code));
        add_hints(&error, response.headers_mut());
        return response;
    }
    let problem = Problem {
        trace_id: id.as_str(),
        instance: &instance,
        errors: Cow::Borrowed(&error.errors),
        error: c2pa::is_ours(&instance).then_some(&*error.message),
        ..Problem::new(error.code, &error.message, &ctx.settings.public_url)
    };
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut rendered = Response::new(Body::from(body));
    *rendered.status_mut() = row.status;
    // What a library set, `Allow` above all, stays.
    *rendered.headers_mut() = response.headers().clone();
    rendered.extensions_mut().insert(RefusalCode(row.code));
    let headers = rendered.headers_mut();
    headers.remove(CONTENT_LENGTH);
    let kind = if wants_problem {
        "application/problem+json"
    } else {
        "application/json"
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    add_hints(&error, headers);
    rendered
}

/// The headers that HTTP asks for beside some statuses.
fn add_hints(error: &ApiError, headers: &mut HeaderMap) {
    let challenge = match error.code {
        ErrorCode::AuthMissing | ErrorCode::AuthFailed => Some("Bearer".to_owned()),
        // RFC 6750 section 3.1.
        ErrorCode::AuthExpired | ErrorCode::AuthInvalid | ErrorCode::AuthRevoked => {
            Some(r#"Bearer error="invalid_token""#.to_owned())
        }
        // RFC 9470 section 3.
        ErrorCode::AuthReauthenticate => Some(format!(
            r#"Bearer error="insufficient_user_authentication", max_age={PASSWORD_SECONDS}"#
        )),
        ErrorCode::TenantRestricted => error
            .lacking
            .map(|scopes| format!(r#"Bearer error="insufficient_scope", scope="{scopes}""#)),
        _ => None,
    };
    if let Some(challenge) = challenge.and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    let unavailable = match error.code {
        ErrorCode::DatabaseUnavailable | ErrorCode::NotReady => Some(2),
        ErrorCode::SignerUnavailable => Some(UNTIL_SEEN),
        _ => None,
    };
    if let Some(seconds) = error.retry_after.or(unavailable) {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}

fn code_of_bare(status: StatusCode) -> ErrorCode {
    match status {
        StatusCode::NOT_FOUND => ErrorCode::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ErrorCode::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::PayloadTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ErrorCode::UnsupportedContentType,
        StatusCode::REQUEST_TIMEOUT => ErrorCode::RequestTimeout,
        status if status.is_client_error() => ErrorCode::ValidationFailed,
        _ => ErrorCode::InternalEngineError,
    }
}

/// Logs a fault of ours with its causes. What is refused is told by its access line, and that the
/// server is busy is no fault of its own, and said often when it is.
pub(super) fn log_failure(error: &ApiError) {
    let row = error.code.row();
    if !row.status.is_server_error() || error.code == ErrorCode::ServerBusy {
        return;
    }
    let mut causes = String::new();
    let mut cause = error
        .source
        .as_deref()
        .map(|source| source as &dyn std::error::Error);
    while let Some(source) = cause {
        causes.push_str(": ");
        causes.push_str(&source.to_string());
        cause = source.source();
    }
    // A server that is not ready has no cause to tell here, and says so often.
    let is_state = row.status == StatusCode::SERVICE_UNAVAILABLE && error.source.is_none();
    if !is_state {
        tracing::error!(error.code = row.code, "failed{causes}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::signers::SignerUnavailable;

    #[test]
    fn without_a_signer_a_client_is_told_to_come_back_and_the_cause_goes_to_the_log() {
        let error = ApiError::from(service::Error::from(SignerUnavailable::None));
        assert_eq!(error.code, ErrorCode::SignerUnavailable);
        assert_eq!(error.code.row().status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(!error.message.contains("lumatrace"), "{}", error.message);
        let cause = error.source.as_deref().and_then(|cause| cause.source());
        assert!(cause.is_some_and(|cause| cause.to_string().contains("lumatrace ca init")));
        let mut headers = HeaderMap::new();
        add_hints(&error, &mut headers);
        assert_eq!(headers[RETRY_AFTER], "60");
    }
}
