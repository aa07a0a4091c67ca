//! Authentication: from a token and its credentials to verified claims.

use super::{Context, Error, admission::access};
use crate::{
    auth::{Claims, Origin, SecretHash, TokenError, TokenStatus},
    domain::CredentialId,
};

/// The credentials that came with a request.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// The token, as a JWS in compact form.
    pub token: &'a str,
    /// The header `x-api-key`, which tokens issued with an API key need.
    pub api_key: Option<&'a str>,
    /// The header `AppIdV3`, which tokens of applications need.
    pub application: Option<&'a str>,
    /// Whether the token came in the cookie of the console, from a page of this server.
    pub in_cookie: bool,
}

impl<'a> Presented<'a> {
    /// The token of a session at the console, which came in its cookie.
    pub fn in_cookie(token: &'a str) -> Self {
        Self {
            token,
            api_key: None,
            application: None,
            in_cookie: true,
        }
    }
}

/// Checks a token, that the credential it is bound to came with it, and that nothing has ended it:
/// a logout, a new password, a disabled account, a revoked or expired key or application, a
/// suspended tenant.
/// The database is not asked, but for what changed a moment ago.
///
/// # Errors
///
/// [`Error::Token`] when it is invalid or has expired, [`Error::TokenRevoked`] when it was ended.
pub async fn authenticate(ctx: &Context, presented: Presented<'_>) -> Result<Claims, Error> {
    let claims = verify(ctx, presented.token).await?;
    if !is_sent_with_its_credential(&claims.origin, presented) {
        return Err(TokenError::Invalid.into());
    }
    if is_live(ctx, &claims).await? {
        Ok(claims)
    } else {
        Err(Error::TokenRevoked)
    }
}

/// Checks a token as far as its text goes. The database is asked only if the token names a key that
/// this server does not have, and then seldom.
pub(super) async fn verify(ctx: &Context, token: &str) -> Result<Claims, Error> {
    match ctx.tokens.verify(token) {
        Err(TokenError::UnknownKey) => {
            access::look_for_key(ctx).await?;
            Ok(ctx.tokens.verify(token)?)
        }
        verified => Ok(verified?),
    }
}

/// Whether nothing has ended a verified token. The database is asked only if the copy in memory
/// does not know, and then once.
pub(super) async fn is_live(ctx: &Context, claims: &Claims) -> Result<bool, Error> {
    let now = ctx.clock.now().unix_timestamp();
    let mut status = ctx.access.status(claims, now);
    if status == TokenStatus::Unknown {
        access::refresh(ctx).await?;
        status = ctx.access.status_as_read(claims, now);
    }
    Ok(status == TokenStatus::Live)
}

/// Whether the credential that a token is bound to was sent with it, where it must be. A token of
/// the console is good in the cookie alone, and the cookie for nothing else: so that neither is a
/// way around what holds for the other.
fn is_sent_with_its_credential(origin: &Origin, presented: Presented<'_>) -> bool {
    if presented.in_cookie != matches!(origin, Origin::Console { .. }) {
        return false;
    }
    match origin {
        Origin::Account { .. } | Origin::Console { .. } | Origin::Client { .. } => true,
        Origin::ApiKey { key, .. } => presented
            .api_key
            .is_some_and(|sent| SecretHash::of(sent).matches(key.as_bytes())),
        Origin::Application { credential } => presented
            .application
            .and_then(CredentialId::parse_application)
            .is_some_and(|sent| sent == *credential),
    }
}
