//! From a token to a verified caller.

use super::{Context, Error, limits::Passage};
use crate::{auth::Claims, db::accounts};

/// Checks a token and that nothing has ended it since it was issued: logout, a new password, a disabled account, a suspended
/// tenant. The database is asked each time, so an answer is never older than the request, on any replica. It is not asked for a
/// tenant that was refused for its limits a moment ago: such a call is refused whether the token is live or not.
pub async fn authenticate(ctx: &Context, token: &str, passage: Passage) -> Result<Claims, Error> {
    let claims = ctx.tokens.verify(token)?;
    ctx.limiter.recall(&claims.tenant, passage)?;
    let mut tx = ctx.db.begin(&claims.tenant).await?;
    let live =
        accounts::token_is_live(&mut tx, &claims.username, claims.token, claims.issued_at).await?;
    tx.commit().await?;
    if live {
        Ok(claims)
    } else {
        Err(Error::TokenRevoked)
    }
}
