//! Token introspection and revocation for clients of OAuth 2.0.

use super::{
    Context, Error,
    admission::limits::{self, LimitMode},
    authenticate::{is_live, verify},
    login::Client,
    logout,
};
use crate::{auth::Claims, domain::audit::CallTrace};

/// Returns the claims of a token if it is live and belongs to the client's tenant; `None` for any
/// other. A call of the client's tenant, which counts against its limits.
///
/// # Errors
///
/// [`Error::LimitExceeded`]; or the database had to be asked and did not answer.
pub async fn introspect(
    ctx: &Context,
    client: &Client,
    token: &str,
) -> Result<Option<Claims>, Error> {
    limits::admit(ctx, &client.tenant, LimitMode::Enforce).await?;
    let Some(claims) = read(ctx, token).await? else {
        return Ok(None);
    };
    let active = claims.tenant == client.tenant && is_live(ctx, &claims).await?;
    Ok(active.then_some(claims))
}

/// Ends a token that was issued with the client's credential; any other is left alone, and one that
/// has been ended already. Counts like a logout, and is like it never refused for a limit.
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
    limits::admit(ctx, &client.tenant, LimitMode::CountOnly).await?;
    let Some(claims) = read(ctx, token).await? else {
        return Ok(());
    };
    let own =
        claims.tenant == client.tenant && claims.origin.credential() == Some(client.application.id);
    if own && is_live(ctx, &claims).await? {
        logout::logout(ctx, &claims, call).await?;
    }
    Ok(())
}

/// The claims of a token; `None` if it is none of ours, or has expired.
async fn read(ctx: &Context, token: &str) -> Result<Option<Claims>, Error> {
    match verify(ctx, token).await {
        Err(Error::Token(_)) => Ok(None),
        verified => verified.map(Some),
    }
}
