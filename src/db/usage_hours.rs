//! The table `usage_hours`: charged calls of a tenant by hour.

use time::{Date, OffsetDateTime};

use super::{DbError, TenantTransaction};
use crate::domain::{DayUse, MeteredOperation};

/// Counts one call in the hour of `now`. The row stays locked until the transaction ends, so do
/// this late in it.
pub async fn add(
    tx: &mut TenantTransaction,
    operation: MeteredOperation,
    now: OffsetDateTime,
) -> Result<(), DbError> {
    let (db, tenant) = tx.parts();
    let seconds = now.unix_timestamp();
    let hour = OffsetDateTime::from_unix_timestamp(seconds - seconds.rem_euclid(3_600));
    sqlx::query!(
        "insert into usage_hours as used (tenant_id, hour, operation, calls) values ($1, $2, $3, 1)
         on conflict on constraint usage_hours_pkey do update set calls = used.calls + 1",
        tenant,
        hour.unwrap_or(now),
        operation.as_str()
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
