//! The table `usage_hours`: charged calls of a tenant by hour.

use time::{Date, OffsetDateTime};

use super::{DbError, TenantTransaction};
use crate::domain::{DayUse, MeteredOperation};

/// The constraint that a count breaks whose tenant was deleted.
pub const TENANT_IS_GONE: &str = "usage_hours_tenant_id_fkey";

/// Calls of one kind in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourUse {
    /// The beginning of the hour.
    pub hour: OffsetDateTime,
    /// The kind of work.
    pub operation: MeteredOperation,
    /// How often it was done.
    pub calls: i64,
}

/// The beginning of the hour of `now`, under which its calls are counted.
pub fn hour_of(now: OffsetDateTime) -> OffsetDateTime {
    let seconds = now.unix_timestamp();
    OffsetDateTime::from_unix_timestamp(seconds - seconds.rem_euclid(3_600)).unwrap_or(now)
}

/// Adds calls to their hours, each hour and kind once. The rows stay locked until the transaction
/// ends.
pub async fn add(tx: &mut TenantTransaction, used: &[HourUse]) -> Result<(), DbError> {
    let (db, tenant) = tx.parts();
    let hours: Vec<OffsetDateTime> = used.iter().map(|used| used.hour).collect();
    let operations: Vec<String> = used
        .iter()
        .map(|used| used.operation.as_str().to_owned())
        .collect();
    let calls: Vec<i64> = used.iter().map(|used| used.calls).collect();
    // In one order, so that two servers do not wait for each other.
    sqlx::query!(
        "insert into usage_hours as used (tenant_id, hour, operation, calls)
         select $1, added.hour, added.operation, added.calls
         from unnest($2::timestamptz[], $3::text[], $4::bigint[]) as added (hour, operation, calls)
         order by added.hour, added.operation
         on conflict on constraint usage_hours_pkey do update set calls = used.calls + excluded.calls",
        tenant,
        &hours,
        &operations,
        &calls
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Sums the calls of each day of UTC from `from` to before `to`; days without calls are absent.
pub async fn by_day(
    tx: &mut TenantTransaction,
    from: Date,
    to: Date,
) -> Result<Vec<DayUse>, DbError> {
    let (db, tenant) = tx.parts();
    let rows = sqlx::query!(
        r#"select (hour at time zone 'UTC')::date as "day!", operation, sum(calls)::bigint as "calls!"
           from usage_hours
           where tenant_id = $1 and hour >= $2 and hour < $3
           group by 1, 2 order by 1, 2"#,
        tenant,
        from.midnight().assume_utc(),
        to.midnight().assume_utc()
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(DayUse {
                day: row.day,
                operation: MeteredOperation::parse(&row.operation)
                    .ok_or(DbError::Corrupt("usage_hours"))?,
                calls: row.calls,
            })
        })
        .collect()
}
