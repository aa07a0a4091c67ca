//! How often one account or application may sign in. The tenant's limits count its sign-ins, too,
//! but one client that signs in without end should not use them up for the others.
//!
//! Each server keeps its own counts: what they bound is the work of that server, and what is
//! written of it.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::super::Error;
use crate::domain::{TenantId, Username};

/// Sign-ins of one holder that may come at once: a fleet of workers that starts.
const AT_ONCE: u32 = 100;
/// After that, one in this time.
const INTERVAL: Duration = Duration::from_secs(1);
/// Most holders that are counted; more are let through.
const MOST_COUNTED: usize = 100_000;

/// An account or application, of its tenant.
type Holder = (TenantId, Username);

/// The sign-ins that were let through a while ago.
#[derive(Debug, Default)]
pub struct SignIns {
    /// When each holder's count is back at zero: an interval later with each sign-in.
    drained_at: Mutex<HashMap<Holder, Instant>>,
}

impl SignIns {
    /// Counts a sign-in.
    ///
    /// # Errors
    ///
    /// One too many is [`Error::Throttled`] and counts nothing.
    pub fn admit(&self, tenant: &TenantId, username: &Username) -> Result<(), Error> {
        self.admit_at(Instant::now(), tenant, username)
            .map_err(Error::Throttled)
    }

    fn admit_at(&self, now: Instant, tenant: &TenantId, username: &Username) -> Result<(), u32> {
        let holder = (tenant.clone(), username.clone());
        let mut drained_at = (self.drained_at.lock()).unwrap_or_else(PoisonError::into_inner);
        let drained = drained_at.get(&holder).map_or(now, |at| (*at).max(now)) + INTERVAL;
        let over = drained
            .duration_since(now)
            .saturating_sub(INTERVAL * AT_ONCE);
        if !over.is_zero() {
            let seconds = over.as_secs() + u64::from(over.subsec_nanos() > 0);
            return Err(u32::try_from(seconds).unwrap_or(u32::MAX));
        }
        if drained_at.len() >= MOST_COUNTED {
            drained_at.retain(|_, at| *at > now);
        }
        if drained_at.len() < MOST_COUNTED || drained_at.contains_key(&holder) {
            drained_at.insert(holder, drained);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_that_signs_in_without_end_waits_and_others_do_not() {
        let (sign_ins, start) = (SignIns::default(), Instant::now());
        let tenant = |name: &str| TenantId::parse(name).unwrap();
        let user = |name: &str| Username::parse(name).unwrap();
        let admit = |tenants: &str, name: &str, milliseconds| {
            let at = start + Duration::from_millis(milliseconds);
            sign_ins.admit_at(at, &tenant(tenants), &user(name))
        };
        for _ in 0..AT_ONCE {
            assert_eq!(admit("acme", "press", 0), Ok(()));
        }
        assert_eq!(admit("acme", "press", 0), Err(1));
        assert_eq!(admit("acme", "press", 100), Err(1), "refusals do not count");
        assert_eq!(admit("acme", "desk", 100), Ok(()));
        assert_eq!(admit("bolt", "press", 100), Ok(()));
        assert_eq!(admit("acme", "press", 1_000), Ok(()), "what it was told");
        assert_eq!(admit("acme", "press", 1_001), Err(1));
        for number in 0..AT_ONCE {
            assert_eq!(admit("acme", "press", 1_000_000), Ok(()), "{number}");
        }
    }

    #[test]
    fn no_more_holders_are_counted_than_fit() {
        let (sign_ins, start) = (SignIns::default(), Instant::now());
        let tenant = TenantId::parse("acme").unwrap();
        for number in 0..MOST_COUNTED + 10 {
            let username = Username::parse(&number.to_string()).unwrap();
            assert_eq!(sign_ins.admit_at(start, &tenant, &username), Ok(()));
        }
        let counted = || sign_ins.drained_at.lock().unwrap().len();
        assert_eq!(counted(), MOST_COUNTED);
        let username = Username::parse("press").unwrap();
        let later = start + 2 * INTERVAL;
        assert_eq!(sign_ins.admit_at(later, &tenant, &username), Ok(()));
        assert_eq!(counted(), 1);
    }
}
