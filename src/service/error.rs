//! Failures of use cases, distinguished as far as their callers act on them.

use super::signers::SignerUnavailable;
use crate::{
    auth::TokenError,
    cpu::{Bound, Busy},
    credentials::SignError,
    db::DbError,
    domain::{Decision, KeepLimit},
    imaging::ImagingError,
    watermark::WatermarkError,
};

/// A wrong field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name on the wire.
    pub field: &'static str,
    /// The rule that it breaks, as the end of a sentence that begins with the field's name.
    pub reason: String,
}

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields are missing or wrong.
    #[error("the request is not valid")]
    Invalid(Vec<FieldError>),
    /// The declared hash is not the image's.
    #[error("contentHash does not match: {0}")]
    ContentHash(&'static str),
    /// The image cannot be read.
    #[error(transparent)]
    Image(ImagingError),
    /// The image can be read but not marked.
    #[error("the image cannot be protected: {0}")]
    NotProtectable(String),
    /// Wrong credentials; which part of them is not disclosed.
    #[error("the credentials are not right")]
    Credentials,
    /// The token is invalid or has expired.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The token was ended before it expired.
    #[error("the token has been revoked")]
    TokenRevoked,
    /// A scope was requested that the client does not have.
    #[error("the scope is more than was granted")]
    Scope,
    /// Too many wrong credentials; retry after so many seconds.
    #[error("too many failed logins")]
    Throttled(u32),
    /// The tenant has nothing of that id or name.
    #[error("there is no such thing")]
    NotFound,
    /// The state of things forbids it; the reason, as a clause.
    #[error("conflict: {0}")]
    Conflict(&'static str),
    /// Another request with the same idempotency key is in progress; retry after so many seconds.
    #[error("a request with this idempotency key is being worked on")]
    InProgress(u32),
    /// The idempotency key was used for a request with another body.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The picture was protected as often as the tenant allows: so many times.
    #[error("this picture has been protected {0} times already, which is the limit of this tenant")]
    TooManyCopies(u32),
    /// The tenant keeps as much of something as it may.
    #[error("{0}")]
    QuotaExceeded(KeepLimit),
    /// The tenant calls more often than it may.
    #[error("the tenant calls too often")]
    LimitExceeded(Decision),
    /// The queue for CPU work is full.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The caller disconnected: nobody will read the answer.
    #[error("the caller went away")]
    Abandoned,
    /// Nobody can sign the file; what is wrong goes to the log.
    #[error("the file cannot be signed")]
    SignerUnavailable(#[source] SignerUnavailable),
    /// The database is not there, or takes no changes; retrying later may help.
    #[error("the database is unavailable")]
    DatabaseUnavailable(#[source] DbError),
    /// A fault of the server, whose cause goes to the log only.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Wraps the cause of a fault of the server.
    pub(crate) fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }

    /// Makes the error for a single wrong field.
    pub(crate) fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError {
            field,
            reason: reason.into(),
        }])
    }
}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Unavailable(_) | DbError::ReadOnly | DbError::Full(_) => {
                Self::DatabaseUnavailable(error)
            }
            other => Self::internal(other),
        }
    }
}

impl From<SignError> for Error {
    fn from(error: SignError) -> Self {
        match error {
            SignError::Busy => Self::Busy(Busy {
                bound: Bound::Server,
                retry_after_seconds: 5,
            }),
            refused => Self::SignerUnavailable(SignerUnavailable::Refused(refused.to_string())),
        }
    }
}

impl From<SignerUnavailable> for Error {
    fn from(error: SignerUnavailable) -> Self {
        Self::SignerUnavailable(error)
    }
}

impl From<ImagingError> for Error {
    fn from(error: ImagingError) -> Self {
        match error {
            ImagingError::Encode { .. } => Self::internal(error),
            sender => Self::Image(sender),
        }
    }
}

impl From<WatermarkError> for Error {
    fn from(error: WatermarkError) -> Self {
        match error {
            WatermarkError::Imaging(imaging) => imaging.into(),
            refusal => Self::NotProtectable(refusal.to_string()),
        }
    }
}
