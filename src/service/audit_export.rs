//! The audit log as a file: read in batches, oldest first, up to the head that it had when the
//! export began. Between batches, while the client reads, nothing is held but its place.
//!
//! An export is an event itself, and so the last one that it can contain.

use super::{Caller, Context, Error, audit as log, journal};
use crate::{
    db::audit,
    domain::{
        TenantId,
        audit::{Action, AuditEntry, Event, EventFilter, Subject},
    },
};

/// Most events in memory at once, of an export: some 300 KB.
const BATCH: i64 = 500;

/// Most events that one statement looks at, whatever the filter leaves of them: some 0.03 s.
const WINDOW: i64 = 100_000;

/// An export that is under way.
#[derive(Debug)]
pub struct Export {
    ctx: Context,
    tenant: TenantId,
    filter: EventFilter,
    /// The last event that was looked at.
    after: i64,
    last: i64,
}

/// Begins to export the events that a filter leaves. That it was done is in the log before the
/// first of them is read.
pub async fn begin(ctx: &Context, caller: &Caller, filter: EventFilter) -> Result<Export, Error> {
    let tenant = caller.tenant.clone();
    let subject = Subject::Tenant(tenant.clone());
    let mut entry = AuditEntry::new(caller.by(), Action::AuditExported, subject);
    let filters = filter.given().join(" ");
    if !filters.is_empty() {
        entry = entry.with("filters", filters);
    }
    let tx = ctx.db.begin(&tenant).await?;
    journal::commit(tx, &ctx.master, ctx.clock.now(), &entry).await?;
    let head = log::head(ctx, &tenant).await?;
    Ok(Export {
        ctx: ctx.clone(),
        tenant,
        filter,
        after: 0,
        last: head.sequence,
    })
}

impl Export {
    /// The tenant whose log it is.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The sequence of the last event that it can contain.
    pub fn last(&self) -> i64 {
        self.last
    }

    /// Reads the next events, in a transaction of their own; none at the end.
    pub async fn next(&mut self) -> Result<Vec<Event>, Error> {
        while self.after < self.last {
            let until = self.last.min(self.after + WINDOW);
            let mut tx = self.ctx.db.begin_snapshot(&self.tenant).await?;
            let (filter, after) = (&self.filter, self.after);
            let events = audit::read_filtered(&mut tx, filter, (after, until), BATCH).await?;
            tx.commit().await?;
            let full = i64::try_from(events.len()) == Ok(BATCH);
            self.after = match events.last() {
                Some(last) if full => last.sequence,
                _ => until,
            };
            if !events.is_empty() {
                return Ok(events);
            }
        }
        Ok(Vec::new())
    }
}
