//! Rate limits: whether a tenant may call now.
//!
//! The database decides, so that all servers share one count. Far from a limit it gives calls in
//! advance ([`super::leases`]). A refused tenant is remembered here for a moment and refused again
//! without asking: one that calls too often costs the others no connection.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use tracing::Instrument;

use super::{
    super::{Context, Error},
    leases::{Admitted, Leases},
};
use crate::{
    db::tenant_rates::{self, Ask, Taken},
    domain::{Decision, RateOverrides, Rates, TenantId},
};

/// Most refused tenants that are remembered; any more are refused by the database again.
const MOST_REMEMBERED: usize = 4_096;

/// Longest time that a refusal is remembered, and so the delay until a new limit of the operator's
/// applies.
const LONGEST_MEMORY: Duration = Duration::from_secs(1);

/// How limits apply to a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LimitMode {
    /// Calls are refused when the limit is reached.
    #[default]
    Enforce,
    /// Calls are counted, and never refused.
    CountOnly,
}

/// The server's default limits, calls in advance, and the tenants that were refused just now.
#[derive(Debug)]
pub struct Limiter {
    defaults: Rates,
    pub(super) leases: Leases,
    refused: Mutex<HashMap<TenantId, Refusal>>,
}

/// A refusal that still holds.
#[derive(Debug)]
struct Refusal {
    decision: Decision,
    at: Instant,
    until: Instant,
}

impl Limiter {
    /// Starts with no tenant refused.
    pub fn new(defaults: Rates) -> Self {
        Self {
            defaults,
            leases: Leases::default(),
            refused: Mutex::default(),
        }
    }

    /// The limits of a tenant for which the operator has set these.
    pub fn rates(&self, set: RateOverrides) -> Rates {
        set.over(self.defaults)
    }

    /// Refuses a tenant that was refused a moment ago; passes any other.
    fn recall(&self, tenant: &TenantId, mode: LimitMode) -> Result<(), Error> {
        match mode {
            LimitMode::CountOnly => Ok(()),
            LimitMode::Enforce => self.recall_at(Instant::now(), tenant),
        }
    }

    fn recall_at(&self, now: Instant, tenant: &TenantId) -> Result<(), Error> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match refused.get(tenant) {
            Some(refusal) if now < refusal.until => {
                let elapsed = now.duration_since(refusal.at);
                Err(Error::LimitExceeded(refusal.decision.later(elapsed)))
            }
            _ => Ok(()),
        }
    }

    fn remember_at(&self, at: Instant, tenant: &TenantId, decision: Decision) {
        let until = at + decision.wait().min(LONGEST_MEMORY);
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() >= MOST_REMEMBERED {
            refused.retain(|_, refusal| at < refusal.until);
        }
        if refused.len() < MOST_REMEMBERED {
            let refusal = Refusal {
                decision,
                at,
                until,
            };
            refused.insert(tenant.clone(), refusal);
        }
    }
}

/// Counts a call of the tenant, from what was taken in advance if there is any.
///
/// # Errors
///
/// A call above a limit is [`Error::LimitExceeded`] and counts nothing.
pub async fn admit(ctx: &Context, tenant: &TenantId, mode: LimitMode) -> Result<Admitted, Error> {
    let limiter = &ctx.limiter;
    limiter.recall(tenant, mode)?;
    let now = Instant::now();
    if let Some(admitted) = limiter.leases.admit(now, tenant) {
        return Ok(admitted);
    }
    let given_back = limiter.leases.ask(now, tenant);
    let call = Ask {
        call: true,
        count_only: mode == LimitMode::CountOnly,
        lease: given_back.is_some(),
        given_back: given_back.unwrap_or_default(),
    };
    // A tenant that is gone has no limits; its token is ended.
    let taken = if call.lease {
        ask_to_the_end(ctx, tenant, call).await?
    } else {
        ask(ctx, tenant, call).await?
    };
    let Some(taken) = taken else {
        return Ok(Admitted::default());
    };
    let decision = match (taken.decision, taken.lease) {
        (Some(refusal), _) if !refusal.allowed() => {
            limiter.remember_at(Instant::now(), tenant, refusal);
            return Err(Error::LimitExceeded(refusal));
        }
        (_, Some(lease)) => Some(lease.state(Duration::ZERO)),
        (decision, None) => decision,
    };
    Ok(Admitted {
        decision,
        max_megapixels: taken.max_megapixels,
    })
}

/// The same as [`ask`] even if the client hangs up meanwhile: the bucket would leave room for a
/// lease that no server knows of.
async fn ask_to_the_end(
    ctx: &Context,
    tenant: &TenantId,
    call: Ask,
) -> Result<Option<Taken>, Error> {
    let (ctx, tenant) = (ctx.clone(), tenant.clone());
    let asking = async move { ask(&ctx, &tenant, call).await };
    tokio::spawn(asking.in_current_span())
        .await
        .map_err(Error::internal)?
}

/// Asks the tenant's limits, and takes over what they told; `None` when the tenant is gone.
pub(super) async fn ask(
    ctx: &Context,
    tenant: &TenantId,
    ask: Ask,
) -> Result<Option<Taken>, Error> {
    let limiter = &ctx.limiter;
    let mut tx = ctx.db.begin_async_commit(tenant).await?;
    // Before the statement is sent, so that the bucket is never thought emptier than it is.
    let asked = Instant::now();
    let taken = tenant_rates::take(&mut tx, limiter.defaults, ask).await?;
    tx.commit().await?;
    if let Some(taken) = &taken
        && (ask.call || ask.lease)
    {
        limiter.leases.learn(asked, tenant, ask, taken);
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Tally;

    fn refusal() -> Decision {
        Decision {
            rates: Rates {
                per_second: 2,
                burst: 4,
                per_hour: 10,
            },
            tally: Tally {
                allowed: false,
                tokens: 0.0,
                used: 5,
                now: 1_800_000_010.0,
            },
        }
    }

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    fn after(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_refusal_is_remembered_until_a_call_could_pass() {
        let (limiter, start) = (Limiter::new(Rates::default()), Instant::now());
        let (acme, bolt) = (tenant("acme"), tenant("bolt"));
        limiter.remember_at(start, &acme, refusal());
        assert!(limiter.recall_at(start, &bolt).is_ok());
        assert!(limiter.recall(&acme, LimitMode::CountOnly).is_ok());
        let Err(Error::LimitExceeded(told)) = limiter.recall_at(after(start, 400), &acme) else {
            panic!("it is refused still");
        };
        assert!((told.tally.tokens - 0.8).abs() < 0.01, "{told:?}");
        assert!(limiter.recall_at(after(start, 501), &acme).is_ok());
    }

    #[test]
    fn a_spent_hour_is_asked_about_again_within_a_second() {
        let (limiter, start) = (Limiter::new(Rates::default()), Instant::now());
        let mut spent = refusal();
        spent.tally.used = 10;
        limiter.remember_at(start, &tenant("acme"), spent);
        assert!(
            limiter
                .recall_at(after(start, 999), &tenant("acme"))
                .is_err()
        );
        assert!(
            limiter
                .recall_at(after(start, 1_001), &tenant("acme"))
                .is_ok()
        );
    }

    #[test]
    fn no_more_tenants_are_remembered_than_fit() {
        let (limiter, start) = (Limiter::new(Rates::default()), Instant::now());
        for number in 0..MOST_REMEMBERED + 100 {
            limiter.remember_at(start, &tenant(&format!("t{number}")), refusal());
        }
        let remembered = || limiter.refused.lock().unwrap().len();
        assert_eq!(remembered(), MOST_REMEMBERED);
        limiter.remember_at(after(start, 2_000), &tenant("acme"), refusal());
        assert_eq!(remembered(), 1);
    }
}
