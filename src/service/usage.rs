//! Metering: charges successful calls, and reports them.

use time::Date;

use super::{Context, Error};
use crate::{
    db::{TenantTransaction, usage_hours},
    domain::{DayUse, MeteredOperation, TenantId},
};

/// Charges work in the transaction that makes it permanent: both happen, or neither.
pub(super) async fn charge(
    ctx: &Context,
    tx: &mut TenantTransaction,
    operation: MeteredOperation,
) -> Result<(), Error> {
    Ok(usage_hours::add(tx, operation, ctx.clock.now()).await?)
}

/// Charges work that stores nothing else, after it succeeded.
pub(super) async fn charge_alone(
    ctx: &Context,
    tenant: &TenantId,
    operation: MeteredOperation,
) -> Result<(), Error> {
    let mut tx = ctx.db.begin(tenant).await?;
    charge(ctx, &mut tx, operation).await?;
    Ok(tx.commit().await?)
}

/// Reports the tenant's use from the first day to before the last, in UTC.
pub async fn report(
    ctx: &Context,
    tenant: &TenantId,
    from: Date,
    to: Date,
) -> Result<Vec<DayUse>, Error> {
    let mut tx = ctx.db.begin(tenant).await?;
    let days = usage_hours::by_day(&mut tx, from, to).await?;
    tx.commit().await?;
    Ok(days)
}
