//! What a client of OAuth 2.0 may learn of tokens, and end.

use super::{Context, Error, authenticate::is_live, login::Client, logout};
use crate::auth::Claims;

/// What a token says, if it is good and belongs to the client's tenant.
///
/// # Errors
///
/// The database does not answer, and must be asked.
pub async fn introspect(
    ctx: &Context,
    client: &Client,
    token: &str,
) -> Result<Option<Claims>, Error> {
    let Ok(claims) = ctx.tokens.verify(token) else {
        return Ok(None);
    };
    let active = claims.tenant == client.tenant && is_live(ctx, &claims).await?;
    Ok(active.then_some(claims))
}

/// Ends a token that was minted with the client's credential; any other is left alone.
///
/// # Errors
///
/// The database cannot be written.
pub async fn revoke(ctx: &Context, client: &Client, token: &str) -> Result<(), Error> {
    let Ok(claims) = ctx.tokens.verify(token) else {
        return Ok(());
    };
    if claims.tenant == client.tenant && claims.origin.credential() == Some(client.application.id) {
        logout::logout(ctx, &claims).await?;
    }
    Ok(())
}
