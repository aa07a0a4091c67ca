//! From what a client sends to a verified caller.

use super::{Context, Error, admission::access};
use crate::{
    auth::{Claims, Origin, SecretHash, TokenError, TokenStatus},
    domain::CredentialId,
};

/// What came with a request.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// The token.
    pub token: &'a str,
    /// `x-api-key`.
    pub api_key: Option<&'a str>,
    /// `AppIdV3`.
    pub application: Option<&'a str>,
}

/// Checks a token, that what it is bound to came with it, and that nothing has ended it: logout, a new password, a disabled
/// account, a revoked key or application, a suspended tenant. The database is not asked.
///
/// # Errors
///
/// [`Error::Token`] and [`Error::TokenRevoked`].
pub async fn authenticate(ctx: &Context, presented: Presented<'_>) -> Result<Claims, Error> {
    let claims = ctx.tokens.verify(presented.token)?;
    if !is_sent_with_its_credential(&claims.origin, presented) {
        return Err(TokenError::Invalid.into());
    }
    if is_live(ctx, &claims).await? {
        Ok(claims)
    } else {
        Err(Error::TokenRevoked)
    }
}

/// Whether nothing has ended a token of ours. Only where the copy does not know is the database asked, once.
pub(super) async fn is_live(ctx: &Context, claims: &Claims) -> Result<bool, Error> {
    let mut status = ctx.access.status(claims);
    if status == TokenStatus::Unknown {
        access::refresh(ctx).await?;
        status = ctx.access.status(claims);
    }
    Ok(status == TokenStatus::Live)
}

/// Whether the credential that a token was minted with was sent beside it, where it must be.
fn is_sent_with_its_credential(origin: &Origin, presented: Presented<'_>) -> bool {
    match origin {
        Origin::Account { .. } | Origin::Client { .. } => true,
        Origin::ApiKey { key, .. } => presented
            .api_key
            .is_some_and(|sent| SecretHash::of(sent).matches(key.as_bytes())),
        Origin::Application { credential } => presented
            .application
            .and_then(CredentialId::parse_application)
            .is_some_and(|sent| sent == *credential),
    }
}
