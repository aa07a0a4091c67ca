//! What a caller can tell apart when a use case fails.

use crate::{
    auth::TokenError, cpu::Busy, db::DbError, domain::Decision, imaging::ImagingError,
    watermark::WatermarkError,
};

/// One field of a request and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The name on the wire.
    pub field: &'static str,
    /// What it should be.
    pub reason: String,
}

/// A failed use case.
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
    /// Wrong credentials, whatever part of them.
    #[error("the credentials are not right")]
    Credentials,
    /// The token is not good, or not any more.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The token was good and has been revoked.
    #[error("the token has been revoked")]
    TokenRevoked,
    /// A scope was asked for that there is no right to.
    #[error("the scope is more than was granted")]
    Scope,
    /// Too many wrong credentials; the number of seconds to wait.
    #[error("too many failed logins")]
    Throttled(u32),
    /// The tenant has no such thing.
    #[error("there is no such thing")]
    NotFound,
    /// It is there already.
    #[error("conflict: {0}")]
    Conflict(&'static str),
    /// A request with the same idempotency key is being worked on; the seconds after which to ask again.
    #[error("a request with this idempotency key is being worked on")]
    InProgress(u32),
    /// The idempotency key stands for a request with another body.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The picture was protected as often as the tenant allows.
    #[error("this picture has been protected {0} times already, which is the limit of this tenant")]
    TooManyCopies(u32),
    /// The tenant calls more often than it may.
    #[error("the tenant calls too often")]
    LimitExceeded(Decision),
    /// Too much work waits.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The caller went away; nobody will read this.
    #[error("the caller went away")]
    Abandoned,
    /// The database does not answer.
    #[error("the database is unavailable")]
    DatabaseUnavailable(#[source] DbError),
    /// A fault of ours.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Wraps a fault of ours.
    pub(crate) fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }

    /// One wrong field.
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
            DbError::Unavailable(_) => Self::DatabaseUnavailable(error),
            other => Self::internal(other),
        }
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
