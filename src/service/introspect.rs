//! Token introspection and revocation for clients of OAuth 2.0.

use super::{Context, Error, authenticate::is_live, login::Client, logout};
use crate::{auth::Claims, domain::audit::CallTrace};

/// Returns the claims of a token if it is live and belongs to the client's tenant; `None` for any
/// other.
///
/// # Errors
///
/// The database had to be asked and did not answer.
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

/// Ends a token that was issued with the client's credential; any other is left alone.
///
/// # Errors
///
/// The database does not answer.
pub async fn revoke(
    ctx: &Context,
    client: &Client,
    token: &str,
    call: &CallTrace,
) -> Result<(), Error> {
    let Ok(claims) = ctx.tokens.verify(token) else {
        return Ok(());
    };
    if claims.tenant == client.tenant && claims.origin.credential() == Some(client.application.id) {
        logout::logout(ctx, &claims, call).await?;
    }
    Ok(())
}
