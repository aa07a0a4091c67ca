//! The table `tenant_rates`: the token bucket and the hourly count of each tenant.

use super::{DbError, TenantTransaction};
use crate::domain::{Decision, GiveBack, Megapixels, RateLease, Rates, Tally};

/// Time for which a lease is meant, in seconds: it has as many calls as flow into the bucket
/// meanwhile.
const LEASE_SECONDS: f64 = 0.5;

/// How long the bucket leaves room for a lease, in seconds: once to twice as long, which is far
/// longer than a server uses it, or gives it back. Then a server that held it was killed.
const HELD_SECONDS: f64 = 3.0;

/// Calls of a lease of a tenant that has an hourly quota and no bucket.
const LEASE_OF_HOUR: i64 = 100;

/// A lease takes one part in so many of the bucket at most: others find the rest.
const LEAST_SHARES: i64 = 4;

/// The same of an hour's quota without a bucket. Nothing else bounds the calls of the next second
/// then, and nobody makes so many.
const LEAST_SHARES_OF_HOUR: i64 = 1_024;

/// What a server asks of a tenant's limits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ask {
    /// Whether a call is to be counted now.
    pub call: bool,
    /// Whether it is counted even when nothing is left.
    pub count_only: bool,
    /// Whether calls are wanted in advance, if there is plenty.
    pub lease: bool,
    /// What is left of earlier leases.
    pub given_back: GiveBack,
}

/// The limits of a tenant, and what was taken.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// The largest picture that the tenant may send; `None` for the server's default.
    pub max_megapixels: Option<Megapixels>,
    /// How it stands, without what is leased; `None` for a tenant without limits.
    pub decision: Option<Decision>,
    /// Calls in advance; `None` where there is not plenty, or none were wanted.
    pub lease: Option<RateLease>,
}

/// Takes a call from the tenant's limits, or refuses it and takes nothing, and takes calls in
/// advance where there is plenty; `None` when the tenant is gone.
///
/// One statement, so that the servers that share the table cannot take the same token: calls of one
/// tenant wait for its row, and read the database's clock when they have it. A clock that jumps
/// back fills no bucket and locks nobody out: no time has passed then, and an hour that now lies
/// ahead continues as the present one, with what was used of it.
///
/// A bucket fills up to the burst less what is leased, so that it and all leases never hold more
/// than the burst; until now also less what is given back now, since that was leased meanwhile.
/// Leases are counted by the round in which they were taken, this one or the one before, and given
/// back in the same; what is left of a round when the next but one begins is older than any lease
/// that is held, so a killed server's.
/// There is plenty when no refusal for the hour can become wrong by the lease: with a bucket, when
/// the hour has more left than a full one and three seconds let through; without, when it has a
/// thousand times the lease. A row that is new has no lease.
#[expect(
    clippy::too_many_lines,
    reason = "one statement, and the values that it is given"
)]
pub async fn take(
    tx: &mut TenantTransaction,
    defaults: Rates,
    ask: Ask,
) -> Result<Option<Taken>, DbError> {
    let (db, tenant) = tx.parts();
    let number = |set: u32| i32::try_from(set).unwrap_or(i32::MAX);
    let row = sqlx::query!(
        r#"with policy as (
               select coalesce(rate_per_second, $2) as per_second, coalesce(rate_burst, $3) as burst,
                      coalesce(rate_per_hour, $4) as per_hour, max_megapixels
               from tenants where tenant_id = $1
           ), taken as (
               insert into tenant_rates as rate (tenant_id, tokens, filled_at, hour, used, allowed, taken)
               select $1, greatest(burst - $6::bigint, 0), now, floor(extract(epoch from now) / 3600)::bigint, $6, true, $6
               from policy, lateral (select clock_timestamp() as now) as clock
               where (per_second > 0 and burst > 0) or per_hour > 0
               on conflict on constraint tenant_rates_pkey do update
               set (tokens, filled_at, hour, used, allowed, taken, leased, leased_before, lease_round, lease_round_began) = (
                   select greatest(sum.tokens - sum.taken, 0), sum.now, sum.hour, sum.used + sum.taken, sum.allowed, sum.taken,
                          sum.held_late + sum.leased, sum.held_early, sum.round, sum.round_began
                   from (
                       select decided.*, case when decided.allowed then $6 + decided.leased else 0 end as taken
                       from (
                           select state.*,
                                  $5 or $6 = 0 or ((per_second = 0 or burst = 0 or state.tokens >= 1)
                                                   and (per_hour = 0 or state.used < per_hour)) as allowed,
                                  case when not $7 then 0
                                      when per_second > 0 and burst > 0 then
                                          case when per_hour > 0 and per_hour - state.used < burst::bigint + 3 * per_second::bigint
                                              then 0
                                              else floor(least(per_second * $8::float8, state.tokens / $9::bigint))::bigint end
                                      when per_hour - state.used >= $10::bigint * $11::bigint then $10
                                      else 0 end as leased
                           from (
                               select policy.per_second, policy.burst, policy.per_hour, clock.now, this.hour, others.held_early, others.held_late, leases.round, leases.round_began,
                                      least(greatest(burst - others.held_early - others.held_late, 0),
                                          $12::bigint + least(greatest(burst - leases.early - leases.late, 0),
                                          rate.tokens + greatest(0, extract(epoch from clock.now - rate.filled_at)::float8) * per_second))
                                          as tokens,
                                      case when rate.hour < this.hour then 0
                                          when rate.hour = $14 then greatest(0, rate.used - $13::bigint)
                                          else rate.used end as used
                               from policy,
                                    lateral (select clock_timestamp() as now) as clock,
                                    lateral (select floor(extract(epoch from clock.now) / 3600)::bigint as hour) as this,
                                    lateral (select case when rate.lease_round_began > clock.now - make_interval(secs => $16) then 0
                                                        when rate.lease_round_began > clock.now - make_interval(secs => 2 * $16) then 1
                                                        else 2 end as rounds) as passed,
                                    lateral (select case passed.rounds when 0 then rate.leased else 0 end as late,
                                                    case passed.rounds when 0 then rate.leased_before when 1 then rate.leased else 0 end as early,
                                                    rate.lease_round + passed.rounds as round,
                                                    case passed.rounds when 0 then rate.lease_round_began else clock.now end as round_began) as leases,
                                    lateral (select greatest(0, leases.late - case when $17 = leases.round then $15::bigint else 0 end) as held_late,
                                                    greatest(0, leases.early - case when $17 = leases.round - 1 then $15::bigint else 0 end)
                                                        as held_early) as others
                           ) as state
                       ) as decided
                   ) as sum
               )
               returning tokens, filled_at, hour, used, allowed, taken, lease_round
           )
           select allowed as "allowed?", tokens as "tokens?", used as "used?", hour as "hour?", taken as "taken?", lease_round as "lease_round?",
                  extract(epoch from filled_at)::float8 as "now?",
                  per_second as "per_second!", burst as "burst!", per_hour as "per_hour!", max_megapixels
           from policy left join taken on true"#,
        tenant,
        number(defaults.per_second),
        number(defaults.burst),
        number(defaults.per_hour),
        ask.count_only,
        i64::from(ask.call),
        ask.lease,
        LEASE_SECONDS,
        LEAST_SHARES,
        LEASE_OF_HOUR,
        LEAST_SHARES_OF_HOUR,
        i64::from(ask.given_back.tokens),
        i64::from(ask.given_back.calls),
        ask.given_back.hour,
        i64::from(ask.given_back.leased),
        HELD_SECONDS,
        ask.given_back.round
    )
    .fetch_optional(db)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let corrupt = || DbError::Corrupt("tenants");
    let number = |set: i32| u32::try_from(set).map_err(|_| DbError::Corrupt("tenants"));
    let max_megapixels = super::tenants::read_megapixels(row.max_megapixels)?;
    let (Some(allowed), Some(tokens), Some(used), Some(now)) =
        (row.allowed, row.tokens, row.used, row.now)
    else {
        return Ok(Some(Taken {
            max_megapixels,
            decision: None,
            lease: None,
        }));
    };
    let decision = Decision {
        rates: Rates {
            per_second: number(row.per_second)?,
            burst: number(row.burst)?,
            per_hour: number(row.per_hour)?,
        },
        tally: Tally {
            allowed,
            tokens,
            used,
            now,
        },
    };
    let (hour, taken) = row.hour.zip(row.taken).ok_or_else(corrupt)?;
    let round = row.lease_round.ok_or_else(corrupt)?;
    let leased = u32::try_from(taken - i64::from(ask.call)).unwrap_or(0);
    Ok(Some(Taken {
        max_megapixels,
        decision: Some(decision),
        lease: (leased > 0).then(|| RateLease::new(decision, hour, round, leased)),
    }))
}
