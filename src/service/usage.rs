//! Metering: charges successful calls, and reports them.
//!
//! Work that stores something is charged in the transaction that does ([`super::journal`]). Work
//! that stores nothing is counted in memory and written once a second: a server that is killed
//! loses that second.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use time::{Date, OffsetDateTime};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{Context, Error};
use crate::{
    db::usage_hours::{self, HourUse, TENANT_IS_GONE},
    domain::{DayUse, MeteredOperation, TenantId},
};

/// Interval at which counts are written. With the writing itself it is less than a second.
const TICK: Duration = Duration::from_millis(800);

/// Calls by the beginning of their hour and their kind.
type Counts = HashMap<(OffsetDateTime, MeteredOperation), i64>;

/// Calls of this server that are charged and not written yet.
#[derive(Debug, Default)]
pub struct UsageTally {
    counts: Mutex<HashMap<TenantId, Counts>>,
    /// Held while counts are written, so that a report does not miss those that are on their way.
    writing: tokio::sync::Mutex<()>,
}

impl UsageTally {
    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Counts>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, tenant: &TenantId, counts: Counts) {
        let mut tenants = self.lock();
        let held = tenants.entry(tenant.clone()).or_default();
        for (counted, calls) in counts {
            *held.entry(counted).or_default() += calls;
        }
    }

    fn tenants(&self) -> Vec<TenantId> {
        self.lock().keys().cloned().collect()
    }
}

/// Counts that were taken out to be written; dropped before that, they go back.
struct Unwritten<'a> {
    tally: &'a UsageTally,
    tenant: &'a TenantId,
    counts: Counts,
}

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        let counts = std::mem::take(&mut self.counts);
        if !counts.is_empty() {
            self.tally.add(self.tenant, counts);
        }
    }
}

/// Charges work that stores nothing, after it succeeded.
pub(super) fn count(ctx: &Context, tenant: &TenantId, operation: MeteredOperation) {
    let hour = usage_hours::hour_of(ctx.clock.now());
    let counts = HashMap::from([((hour, operation), 1)]);
    ctx.usage.add(tenant, counts);
}

/// Reports the tenant's use from the first day to before the last, in UTC: all of this server's,
/// and what others had written.
pub async fn report(
    ctx: &Context,
    tenant: &TenantId,
    from: Date,
    to: Date,
) -> Result<Vec<DayUse>, Error> {
    write(ctx, tenant).await?;
    let mut tx = ctx.db.begin(tenant).await?;
    let days = usage_hours::by_day(&mut tx, from, to).await?;
    tx.commit().await?;
    Ok(days)
}

/// Writes the counts once a second, and when the server stops.
pub async fn keep(ctx: Context, stopping: CancellationToken) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    while stopping.run_until_cancelled(ticks.tick()).await.is_some() {
        match write_all(&ctx).await {
            Ok(()) => failing = false,
            // Once for each time that it stops working.
            Err(error) if !failing => {
                tracing::warn!(%error, "usage cannot be written, and is kept in memory until it can");
                failing = true;
            }
            Err(_) => {}
        }
    }
    if let Err(error) = write_all(&ctx).await {
        tracing::error!(%error, "usage of the last second is lost");
    }
}

/// Writes the counts of all tenants, whatever becomes of some.
async fn write_all(ctx: &Context) -> Result<(), Error> {
    let mut done = Ok(());
    for tenant in ctx.usage.tenants() {
        done = done.and(write(ctx, &tenant).await);
    }
    done
}

/// Writes what was counted of a tenant.
async fn write(ctx: &Context, tenant: &TenantId) -> Result<(), Error> {
    let _writing = ctx.usage.writing.lock().await;
    let Some(counts) = ctx.usage.lock().remove(tenant) else {
        return Ok(());
    };
    let used = counts.iter().map(|(&(hour, operation), &calls)| HourUse {
        hour,
        operation,
        calls,
    });
    let used: Vec<HourUse> = used.collect();
    let mut unwritten = Unwritten {
        tally: &ctx.usage,
        tenant,
        counts,
    };
    let mut tx = ctx.db.begin(tenant).await?;
    let added = usage_hours::add(&mut tx, &used).await;
    if added
        .as_ref()
        .is_err_and(|error| error.breaks(TENANT_IS_GONE))
    {
        // Nobody is charged.
        unwritten.counts.clear();
        return Ok(());
    }
    added?;
    // Whether a commit was done whose answer is lost nobody knows: nothing is charged twice.
    unwritten.counts.clear();
    Ok(tx.commit().await?)
}
