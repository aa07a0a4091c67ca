//! The table `tenant_rates`: the token bucket and the hourly count of each tenant.

use super::{DbError, TenantTransaction};
use crate::domain::{Decision, Rates, Tally};

/// Takes one call from the tenant's limits, or refuses it and takes nothing; `None` for a tenant
/// without limits. With `count_only` the call is taken whatever is left.
///
/// One statement, so that the servers that share the table cannot take the same token: calls of one
/// tenant wait for its row, and read the database's clock when they have it. A clock that jumps
/// back fills no bucket and locks nobody out: no time has passed then, and an hour that now lies
/// ahead continues as the present one, with what was used of it.
pub async fn take(
    tx: &mut TenantTransaction,
    defaults: Rates,
    count_only: bool,
) -> Result<Option<Decision>, DbError> {
    let (db, tenant) = tx.parts();
    let number = |set: u32| i32::try_from(set).unwrap_or(i32::MAX);
    let row = sqlx::query!(
        r#"with policy as (
               select coalesce(rate_per_second, $2) as per_second, coalesce(rate_burst, $3) as burst,
                      coalesce(rate_per_hour, $4) as per_hour
               from tenants where tenant_id = $1
           ), taken as (
               insert into tenant_rates as rate (tenant_id, tokens, filled_at, hour, used, allowed)
               select $1, greatest(burst - 1, 0), now, floor(extract(epoch from now) / 3600)::bigint, 1, true
               from policy, lateral (select clock_timestamp() as now) as clock
               where (per_second > 0 and burst > 0) or per_hour > 0
               on conflict on constraint tenant_rates_pkey do update
               set (tokens, filled_at, hour, used, allowed) = (
                   select greatest(decided.tokens - decided.allowed::integer, 0), decided.now, decided.hour,
                          decided.used + decided.allowed::integer, decided.allowed
                   from (
                       select state.*,
                              $5 or ((per_second = 0 or burst = 0 or state.tokens >= 1)
                                     and (per_hour = 0 or state.used < per_hour)) as allowed
                       from (
                           select policy.*, clock.now, this.hour,
                                  least(burst, rate.tokens
                                      + greatest(0, extract(epoch from clock.now - rate.filled_at)::float8) * per_second)
                                      as tokens,
                                  case when rate.hour < this.hour then 0 else rate.used end as used
                           from policy,
                                lateral (select clock_timestamp() as now) as clock,
                                lateral (select floor(extract(epoch from clock.now) / 3600)::bigint as hour) as this
                       ) as state
                   ) as decided
               )
               returning tokens, filled_at, used, allowed
           )
           select allowed as "allowed!", tokens as "tokens!", used as "used!",
                  extract(epoch from filled_at)::float8 as "now!",
                  per_second as "per_second!", burst as "burst!", per_hour as "per_hour!"
           from taken, policy"#,
        tenant,
        number(defaults.per_second),
        number(defaults.burst),
        number(defaults.per_hour),
        count_only
    )
    .fetch_optional(db)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let number = |set: i32| u32::try_from(set).map_err(|_| DbError::Corrupt("tenants"));
    Ok(Some(Decision {
        rates: Rates {
            per_second: number(row.per_second)?,
            burst: number(row.burst)?,
            per_hour: number(row.per_hour)?,
        },
        tally: Tally {
            allowed: row.allowed,
            tokens: row.tokens,
            used: row.used,
            now: row.now,
        },
    }))
}
