//! Ends a session.

use time::{Duration, OffsetDateTime};

use super::{Context, Error, admission::access, audit, journal};
use crate::{
    auth::Claims,
    db::revoked_tokens,
    domain::audit::{Action, AuditEntry, By, CallTrace},
};

/// Entries are kept a little longer than their tokens live, since clocks differ.
const GRACE: Duration = Duration::minutes(5);

/// Refuses a token from now on, on this server and on every other within a second, and deletes
/// entries whose tokens have expired.
pub async fn logout(ctx: &Context, session: &Claims, call: &CallTrace) -> Result<(), Error> {
    let expires_at =
        OffsetDateTime::from_unix_timestamp(session.expires_at).map_err(Error::internal)?;
    let mut tx = ctx.db.begin(&session.tenant).await?;
    revoked_tokens::insert(&mut tx, session.token, expires_at + GRACE).await?;
    revoked_tokens::sweep(&mut tx, ctx.clock.now()).await?;
    let actor = audit::actor(&session.origin, &session.username);
    let subject = audit::subject(&session.origin, &session.username);
    let entry = AuditEntry::new(By::call(actor, call.clone()), Action::SessionEnded, subject);
    journal::commit(tx, &ctx.master, ctx.clock.now(), &entry).await?;
    access::refresh(ctx).await?;
    tracing::info!(tenant.id = %session.tenant, account.name = %session.username, "logged out");
    Ok(())
}
