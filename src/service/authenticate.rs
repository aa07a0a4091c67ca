//! From a token to a verified caller.

use super::{Context, Error};
use crate::{auth::Claims, db::accounts};

/// Checks a token and that nothing has ended it since it was issued: logout, a new password, a disabled account, a suspended
/// tenant. The database is asked each time, so an answer is never older than the request, on any replica.
pub async fn authenticate(ctx: &Context, token: &str) -> Result<Claims, Error> {
    let claims = ctx.tokens.verify(token)?;
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
