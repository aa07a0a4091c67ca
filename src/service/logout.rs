//! Ends a session.

use time::{Duration, OffsetDateTime};

use super::{Context, Error, admission::access, audit, journal};
use crate::{
    auth::{Claims, Origin},
    db::revoked_tokens::{self, EndedToken},
    domain::audit::{Action, AuditEntry, By, CallTrace},
};

/// Entries are kept a little longer than their tokens live, since clocks differ.
const GRACE: Duration = Duration::minutes(5);

/// Most tokens of one account or application that are ended one by one at a time. Each costs every
/// server some 65 bytes until it would have expired, which may be years.
const MOST_SINGLE_ENDS: i32 = 1_000;

/// Refuses a token from now on, on this server and on every other within a second, and deletes
/// entries whose tokens have expired. That of the console takes all tokens of its session along. A
/// token that was ended before is no event: there are never more ends than tokens were issued.
pub async fn logout(ctx: &Context, session: &Claims, call: &CallTrace) -> Result<(), Error> {
    let moment = |seconds| OffsetDateTime::from_unix_timestamp(seconds).map_err(Error::internal);
    // The tokens of a session at the console are issued one after another, until now.
    let issued_at = match session.origin {
        Origin::Console { .. } => ctx.clock.now(),
        _ => moment(session.issued_at)?,
    };
    let ended = EndedToken {
        id: session.ended_by(),
        holder: &session.username,
        issued_at,
        expires_at: moment(session.ends_at())? + GRACE,
    };
    let mut tx = ctx.db.begin(&session.tenant).await?;
    revoked_tokens::sweep(&mut tx, ctx.clock.now()).await?;
    if !revoked_tokens::insert(&mut tx, &ended).await? {
        return Ok(());
    }
    let folded = revoked_tokens::fold(&mut tx, ended.holder, MOST_SINGLE_ENDS).await?;
    let actor = audit::actor(&session.origin, &session.username);
    let subject = audit::subject(&session.origin, &session.username);
    let mut entry = AuditEntry::new(By::call(actor, call.clone()), Action::SessionEnded, subject);
    if let Some(moment) = folded {
        entry = entry.with("issuedBefore", moment.unix_timestamp());
    }
    journal::commit(tx, &ctx.master, ctx.clock.now(), &entry).await?;
    access::refresh(ctx).await?;
    tracing::info!(tenant.id = %session.tenant, account.name = %session.username, "logged out");
    Ok(())
}
