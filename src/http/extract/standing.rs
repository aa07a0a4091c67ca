//! How the caller's tenant stands with its limits. The limiting layer puts it there.

use std::convert::Infallible;

use axum::{extract::FromRequestParts, http::request::Parts};

use crate::{
    domain::{Megapixels, Rates},
    service::admission::leases::Admitted,
};

/// What became of this call; nothing for a tenant without limits.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::http) struct Standing(pub(in crate::http) Admitted);

impl Standing {
    /// The limits that hold.
    pub(in crate::http) fn rates(self) -> Rates {
        let decision = self.0.decision;
        decision.map(|decision| decision.rates).unwrap_or_default()
    }

    /// The largest picture that the tenant may send; `None` for the server's default.
    pub(in crate::http) fn max_megapixels(self) -> Option<Megapixels> {
        self.0.max_megapixels
    }
}

impl<S: Sync> FromRequestParts<S> for Standing {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or_default())
    }
}
