//! Whether a tenant may call now.
//!
//! The database decides, so that all servers share one count. A tenant that it refused is remembered here for a moment, and
//! refused without asking anyone: who calls too often costs the others no connection.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{Context, Error};
use crate::{
    db::tenant_rates,
    domain::{Decision, Rates, TenantId},
};

/// Most tenants that are remembered; one more is refused by the database, as it was the first time.
const MOST_REMEMBERED: usize = 4_096;

/// Longest that a refusal is remembered: so soon a new limit holds that the operator sets.
const LONGEST_MEMORY: Duration = Duration::from_secs(1);

/// What limits do to a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Passage {
    /// Calls are refused when the limit is reached.
    #[default]
    Limited,
    /// Calls are counted and never refused.
    Always,
}

/// The limits of tenants for whom the operator set none, and who was refused just now.
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
    /// Remembers nobody yet.
    pub fn new(defaults: Rates) -> Self {
        Self {
            defaults,
            refused: Mutex::default(),
        }
    }

    /// Refuses a tenant that was refused a moment ago; knows nothing of others.
    fn recall(&self, tenant: &TenantId, passage: Passage) -> Result<(), Error> {
        if passage == Passage::Always {
            return Ok(());
        }
        let now = Instant::now();
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match refused.get(tenant) {
            Some(refusal) if now < refusal.until => {
                let elapsed = now.duration_since(refusal.at);
                Err(Error::LimitExceeded(refusal.decision.later(elapsed)))
            }
            _ => Ok(()),
        }
    }

    fn remember(&self, tenant: &TenantId, decision: Decision) {
        let at = Instant::now();
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
    passage: Passage,
) -> Result<Option<Decision>, Error> {
    ctx.limiter.recall(tenant, passage)?;
    let always = passage == Passage::Always;
    let mut tx = ctx.db.begin_fleeting(tenant).await?;
    let decision = tenant_rates::take(&mut tx, ctx.limiter.defaults, always).await?;
    tx.commit().await?;
    match decision {
        Some(refusal) if !refusal.allowed() => {
            ctx.limiter.remember(tenant, refusal);
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

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_remembered_until_a_call_could_pass() {
        let limiter = Limiter::new(Rates::default());
        let (acme, bolt) = (tenant("acme"), tenant("bolt"));
        limiter.remember(&acme, refusal());
        assert!(limiter.recall(&bolt, Passage::Limited).is_ok());
        assert!(limiter.recall(&acme, Passage::Always).is_ok());
        tokio::time::advance(Duration::from_millis(400)).await;
        let Err(Error::LimitExceeded(now)) = limiter.recall(&acme, Passage::Limited) else {
            panic!("it is refused still");
        };
        assert!((now.tally.tokens - 0.8).abs() < 0.01, "{now:?}");
        tokio::time::advance(Duration::from_millis(101)).await;
        assert!(limiter.recall(&acme, Passage::Limited).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_spent_hour_is_asked_about_again_within_a_second() {
        let limiter = Limiter::new(Rates::default());
        let mut spent = refusal();
        spent.tally.used = 10;
        limiter.remember(&tenant("acme"), spent);
        tokio::time::advance(Duration::from_millis(999)).await;
        assert!(limiter.recall(&tenant("acme"), Passage::Limited).is_err());
        tokio::time::advance(Duration::from_millis(2)).await;
        assert!(limiter.recall(&tenant("acme"), Passage::Limited).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_tenants_are_remembered_than_fit() {
        let limiter = Limiter::new(Rates::default());
        for number in 0..MOST_REMEMBERED + 100 {
            limiter.remember(&tenant(&format!("t{number}")), refusal());
        }
        let remembered = || limiter.refused.lock().unwrap().len();
        assert_eq!(remembered(), MOST_REMEMBERED);
        tokio::time::advance(Duration::from_secs(2)).await;
        limiter.remember(&tenant("acme"), refusal());
        assert_eq!(remembered(), 1);
    }
}
