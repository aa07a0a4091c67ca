//! URL-encoded forms, bounded in size (WHATWG URL, application/x-www-form-urlencoded). A field is
//! given once; those that nobody asks for are ignored (RFC 6749 section 3.2).

use axum::extract::{FromRequest, Request};
use zeroize::Zeroize;

use super::body::{check_content_type, read_short};
use crate::http::error::ApiError;

/// The fields of a form.
#[derive(Debug)]
pub(in crate::http) struct Form(Vec<(String, String)>);

/// A field that is given more than once, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) struct Repeated(&'static str);

impl From<Repeated> for ApiError {
    fn from(Repeated(field): Repeated) -> Self {
        Self::field(field, "must be given once")
    }
}

impl Form {
    /// A field that is there and not empty.
    pub(in crate::http) fn get(&self, name: &'static str) -> Result<Option<&str>, Repeated> {
        let mut values = self.0.iter().filter(|(field, _)| field == name);
        let value = values.next().map(|(_, value)| value.as_str());
        match values.next() {
            Some(_) => Err(Repeated(name)),
            None => Ok(value.filter(|value| !value.is_empty())),
        }
    }
}

/// Wipes the values: one may be a password.
impl Drop for Form {
    fn drop(&mut self) {
        for (_, value) in &mut self.0 {
            value.zeroize();
        }
    }
}

impl<S: Sync> FromRequest<S> for Form {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        check_content_type(request.headers(), "application/x-www-form-urlencoded")?;
        let body = read_short(request).await?;
        Ok(Self(form_urlencoded::parse(&body).into_owned().collect()))
    }
}
