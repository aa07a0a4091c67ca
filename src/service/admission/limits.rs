//! Rate limits: whether a tenant may call now.
//!
//! The database decides, so that all servers share one count. A refused tenant is remembered here
//! for a moment and refused again without asking: one that calls too often costs the others no
//! connection.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::super::{Context, Error};
use crate::{
    db::tenant_rates,
    domain::{Decision, Rates, TenantId},
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

/// The server's default limits, and the tenants that were refused just now.
#[derive(Debug)]
pub struct Limiter {
    defaults: Rates,
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
            refused: Mutex::default(),
        }
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

/// Counts a call of the tenant.
///
/// # Errors
///
/// A call above a limit is [`Error::LimitExceeded`] and counts nothing.
pub async fn admit(
    ctx: &Context,
    tenant: &TenantId,
    mode: LimitMode,
) -> Result<Option<Decision>, Error> {
    ctx.limiter.recall(tenant, mode)?;
    let count_only = mode == LimitMode::CountOnly;
    let mut tx = ctx.db.begin_async_commit(tenant).await?;
    let decision = tenant_rates::take(&mut tx, ctx.limiter.defaults, count_only).await?;
    tx.commit().await?;
    match decision {
        Some(refusal) if !refusal.allowed() => {
            ctx.limiter.remember_at(Instant::now(), tenant, refusal);
            Err(Error::LimitExceeded(refusal))
        }
        decision => Ok(decision),
    }
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
