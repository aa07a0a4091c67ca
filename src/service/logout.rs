//! The end of a session.

use time::{Duration, OffsetDateTime};

use super::{Context, Error, audit::actor};
use crate::{
    auth::Claims,
    db::{audit, revoked_tokens},
    domain::audit::{Action, Entry, Subject},
};

/// Entries are kept a little longer than their tokens could live, for clocks that differ.
const GRACE: Duration = Duration::minutes(5);

/// Refuses the caller's token from now on, here and on every replica, and forgets entries that have run out.
pub async fn logout(ctx: &Context, caller: &Claims) -> Result<(), Error> {
    let expires_at =
        OffsetDateTime::from_unix_timestamp(caller.expires_at).map_err(Error::internal)?;
    let mut tx = ctx.db.begin(&caller.tenant).await?;
    revoked_tokens::insert(&mut tx, caller.token, expires_at + GRACE).await?;
    revoked_tokens::sweep(&mut tx, ctx.clock.now()).await?;
    let subject = Subject::Account(caller.username.clone());
    let entry = Entry::new(actor(caller), Action::SessionEnded, subject);
    audit::append(&mut tx, ctx.clock.now(), &entry).await?;
    tx.commit().await?;
    tracing::info!(tenant.id = %caller.tenant, account.name = %caller.username, "logged out");
    Ok(())
}
