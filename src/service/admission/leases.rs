//! Calls that were taken from the limits in advance, so that most calls ask the database nothing.
//!
//! ```text
//! first call ── one statement, one call
//! next one, within a second ── one statement, with a lease where there is plenty
//! further ones ── from memory, while a task renews the lease beside them
//! ```
//!
//! What a server knows of a tenant here holds for less than a second: a limit that the operator
//! changes is followed in that time. Near a limit there is no lease, and each call is one
//! statement, whose decision is that of all servers. What is left of a lease is given back by the
//! next statement about the tenant, by the task, or when the server stops; one that is killed costs
//! the tenant what it held.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{
    super::{Context, Error},
    limits,
};
use crate::{
    db::tenant_rates::{Ask, Taken},
    domain::{Decision, GiveBack, Megapixels, RateLease, TenantId},
};

/// How long what was told of a tenant holds: less than the second that the operator is promised.
const LIFETIME: Duration = Duration::from_millis(900);
/// Interval at which leases that are in use are renewed, before they end: each is meant for half a
/// second.
const TICK: Duration = Duration::from_millis(400);
/// How long after it was taken a lease may be given back: the bucket leaves room for it a second
/// longer.
const LONGEST_HELD: Duration = Duration::from_secs(2);
/// How long after its last call a tenant is given a lease, and a statement is waited for that asks
/// for one.
const RECENT: Duration = Duration::from_secs(1);
/// Most tenants that are remembered; any more ask the database for each call.
const MOST_TENANTS: usize = 4_096;
/// Statements of the task at once.
const AT_ONCE: usize = 2;

/// The tenants that called a moment ago.
#[derive(Debug, Default)]
pub(super) struct Leases(Mutex<HashMap<TenantId, Held>>);

/// How a tenant stands at a call that may pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct Admitted {
    /// Its limits after the call; `None` for a tenant without any.
    pub decision: Option<Decision>,
    /// The largest picture that it may send; `None` for the server's default.
    pub max_megapixels: Option<Megapixels>,
}

/// A lease, and when the statement that took it was sent.
#[derive(Debug, Clone, Copy)]
struct DatedLease {
    lease: RateLease,
    asked: Instant,
}

impl DatedLease {
    /// What is left; nothing if it is so late that the bucket may have given it up.
    fn rest(self, now: Instant) -> GiveBack {
        if now.duration_since(self.asked) > LONGEST_HELD {
            return GiveBack::default();
        }
        self.lease.rest()
    }
}

/// What further calls are paid with.
#[derive(Debug, Clone, Copy)]
enum Paid {
    /// Each call asks.
    Nothing,
    /// There are no limits.
    Unlimited,
    /// From this lease.
    Lease(DatedLease),
}

/// What is known of a tenant.
#[derive(Debug)]
struct Held {
    /// When the statement that told it was sent.
    asked: Instant,
    max_megapixels: Option<Megapixels>,
    paid: Paid,
    /// A lease that another one took the place of, and that is to be given back.
    previous: Option<DatedLease>,
    /// Whether a call was admitted since.
    is_used: bool,
    last_call: Instant,
    /// When a statement was sent that asks for a lease and has not been answered.
    asking: Option<Instant>,
}

impl Held {
    fn is_recent(&self, now: Instant) -> bool {
        now.duration_since(self.last_call) < RECENT
    }

    fn is_asking(&self, now: Instant) -> bool {
        self.asking
            .is_some_and(|since| now.duration_since(since) < RECENT)
    }

    fn admit(&mut self, now: Instant) -> Option<Admitted> {
        if now.duration_since(self.asked) >= LIFETIME {
            return None;
        }
        let decision = match &mut self.paid {
            Paid::Nothing => return None,
            Paid::Unlimited => None,
            Paid::Lease(held) => Some(held.lease.admit(now.duration_since(held.asked))?),
        };
        self.is_used = true;
        self.last_call = now;
        Some(Admitted {
            decision,
            max_megapixels: self.max_megapixels,
        })
    }

    /// Takes out what is to be given back now: the lease in use, too, if it `has_ended`.
    fn give_back(&mut self, now: Instant, has_ended: bool) -> GiveBack {
        let mut rest = GiveBack::default();
        if let Some(previous) = self.previous.take() {
            rest = previous.rest(now);
        }
        if has_ended && let Paid::Lease(held) = self.paid {
            self.paid = Paid::Nothing;
            rest = rest.and(held.rest(now));
        }
        rest
    }

    /// Takes over what a statement told that asked for a lease.
    fn renew(&mut self, asked: Instant, taken: &Taken) {
        if let Paid::Lease(held) = self.paid {
            self.previous = Some(held);
        }
        self.paid = match (taken.decision, taken.lease) {
            (None, _) => Paid::Unlimited,
            (Some(_), None) => Paid::Nothing,
            (Some(_), Some(lease)) => Paid::Lease(DatedLease { lease, asked }),
        };
        self.asked = asked;
        self.max_megapixels = taken.max_megapixels;
        self.is_used = false;
        self.asking = None;
    }
}

impl Leases {
    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call that is paid for; `None` when the database has to be asked.
    pub(super) fn admit(&self, now: Instant, tenant: &TenantId) -> Option<Admitted> {
        self.lock().get_mut(tenant)?.admit(now)
    }

    /// What the statement of a call gives back, if it is to ask for a lease: the tenant called a
    /// moment ago, and no other statement asks.
    pub(super) fn ask(&self, now: Instant, tenant: &TenantId) -> Option<GiveBack> {
        let mut tenants = self.lock();
        let held = tenants.get_mut(tenant)?;
        if !held.is_recent(now) || held.is_asking(now) {
            return None;
        }
        held.asking = Some(now);
        Some(held.give_back(now, true))
    }

    /// Takes over what the statement of a call told, which was sent at `asked`.
    pub(super) fn learn(&self, asked: Instant, tenant: &TenantId, ask: Ask, taken: &Taken) {
        let mut tenants = self.lock();
        if !tenants.contains_key(tenant) && tenants.len() >= MOST_TENANTS {
            tenants.retain(|_, held| held.is_recent(asked));
            if tenants.len() >= MOST_TENANTS {
                return;
            }
        }
        let held = tenants.entry(tenant.clone()).or_insert_with(|| Held {
            asked,
            max_megapixels: None,
            paid: Paid::Nothing,
            previous: None,
            is_used: false,
            last_call: asked,
            asking: None,
        });
        if ask.lease {
            held.renew(asked, taken);
        }
        if ask.call {
            held.last_call = held.last_call.max(asked);
        }
    }

    /// What is to be asked now: leases that are in use are renewed, what is left of others is given
    /// back, and tenants that do not call any more are forgotten.
    fn due(&self, now: Instant) -> Vec<(TenantId, Ask)> {
        let mut due = Vec::new();
        self.lock().retain(|tenant, held| {
            if held.is_asking(now) {
                return true;
            }
            let has_ended = now.duration_since(held.asked) >= LIFETIME;
            let lease = held.is_used && held.is_recent(now);
            if !lease && !has_ended {
                return true;
            }
            let given_back = held.give_back(now, has_ended && !lease);
            if lease {
                held.asking = Some(now);
            }
            if lease || !given_back.is_nothing() {
                let ask = Ask {
                    lease,
                    given_back,
                    ..Ask::default()
                };
                due.push((tenant.clone(), ask));
            }
            lease || held.is_recent(now)
        });
        due
    }

    /// Forgets all tenants, and tells what is to be given back.
    fn end(&self, now: Instant) -> Vec<(TenantId, Ask)> {
        let ended = std::mem::take(&mut *self.lock());
        let rests = ended.into_iter().map(|(tenant, mut held)| {
            let given_back = held.give_back(now, true);
            let ask = Ask {
                given_back,
                ..Ask::default()
            };
            (tenant, ask)
        });
        rests
            .filter(|(_, ask)| !ask.given_back.is_nothing())
            .collect()
    }
}

/// Renews leases and gives back what is left of them, until the server stops: then all of them.
pub async fn keep(ctx: Context, stopping: CancellationToken) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    while stopping.run_until_cancelled(ticks.tick()).await.is_some() {
        let due = ctx.limiter.leases.due(Instant::now());
        match settle(&ctx, due).await {
            Ok(()) => failing = false,
            // Once for each time that it stops working; calls ask by themselves then.
            Err(error) if !failing => {
                tracing::warn!(%error, "calls in advance cannot be taken or given back");
                failing = true;
            }
            Err(_) => {}
        }
    }
    let rests = ctx.limiter.leases.end(Instant::now());
    if let Err(error) = settle(&ctx, rests).await {
        tracing::warn!(%error, "calls that were taken in advance are lost");
    }
}

/// Asks all of it, a few at once, whatever becomes of some.
async fn settle(ctx: &Context, due: Vec<(TenantId, Ask)>) -> Result<(), Error> {
    let asked = stream::iter(due).map(|(tenant, ask)| async move {
        limits::ask(ctx, &tenant, ask).await?;
        Ok(())
    });
    let done: Vec<Result<(), Error>> = asked.buffer_unordered(AT_ONCE).collect().await;
    done.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Rates, Tally};

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    fn after(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    /// What a statement answers that took a call and `leased` more of a full bucket.
    fn taken(leased: u32) -> Taken {
        let decision = Decision {
            rates: Rates {
                per_second: 50,
                burst: 100,
                per_hour: 0,
            },
            tally: Tally {
                allowed: true,
                tokens: 99.0 - f64::from(leased),
                used: 0,
                now: 1_800_000_000.0,
            },
        };
        Taken {
            max_megapixels: None,
            decision: Some(decision),
            lease: (leased > 0).then(|| RateLease::new(decision, 500_000, 1, leased)),
        }
    }

    const CALL: Ask = Ask {
        call: true,
        count_only: false,
        lease: false,
        given_back: GiveBack {
            leased: 0,
            round: 0,
            tokens: 0,
            calls: 0,
            hour: 0,
        },
    };

    fn leasing(given_back: GiveBack) -> Ask {
        Ask {
            lease: true,
            given_back,
            ..CALL
        }
    }

    /// A tenant with a lease of that many calls, taken at `start`.
    fn with_lease(start: Instant, calls: u32) -> Leases {
        let (leases, acme) = (Leases::default(), tenant("acme"));
        assert_eq!(leases.ask(start, &acme), None, "the first call takes one");
        leases.learn(start, &acme, CALL, &taken(0));
        assert!(leases.admit(start, &acme).is_none());
        let ask = leasing(leases.ask(start, &acme).unwrap());
        assert_eq!(leases.ask(start, &acme), None, "one statement asks");
        leases.learn(start, &acme, ask, &taken(calls));
        leases
    }

    #[test]
    fn the_second_call_takes_a_lease_and_further_ones_are_admitted_from_it() {
        let start = Instant::now();
        let (leases, acme) = (with_lease(start, 2), tenant("acme"));
        for left in [98, 97] {
            let told = leases.admit(start, &acme).unwrap().decision.unwrap();
            assert_eq!(told.burst().unwrap().remaining, left);
        }
        assert!(leases.admit(start, &acme).is_none(), "it is used up");
        let asked = leases.ask(start, &acme).unwrap();
        assert_eq!((asked.leased, asked.tokens), (2, 0));
    }

    #[test]
    fn what_was_told_holds_for_less_than_a_second() {
        let start = Instant::now();
        let (leases, acme) = (Leases::default(), tenant("acme"));
        let unlimited = Taken {
            decision: None,
            ..taken(0)
        };
        leases.learn(start, &acme, CALL, &unlimited);
        assert!(leases.admit(start, &acme).is_none());
        leases.learn(start, &acme, leasing(GiveBack::default()), &unlimited);
        assert!(leases.admit(after(start, 899), &acme).is_some());
        assert!(leases.admit(after(start, 900), &acme).is_none());
    }

    #[test]
    fn a_lease_in_use_is_renewed_and_what_is_left_of_it_given_back_by_the_next_statement() {
        let start = Instant::now();
        let (leases, acme) = (with_lease(start, 25), tenant("acme"));
        assert!(leases.due(after(start, 200)).is_empty(), "nobody called");
        leases.admit(after(start, 210), &acme).unwrap();
        let due = leases.due(after(start, 400));
        assert_eq!(due.len(), 1);
        assert!(due[0].1.lease && due[0].1.given_back.is_nothing());
        assert!(
            leases.admit(after(start, 401), &acme).is_some(),
            "it is good until the new one is there"
        );
        assert!(leases.due(after(start, 402)).is_empty(), "one asks");
        leases.learn(after(start, 400), &acme, due[0].1, &taken(25));
        leases.admit(after(start, 410), &acme).unwrap();
        let next = leases.due(after(start, 800)).remove(0).1;
        assert_eq!(next.given_back.calls, 23);
        assert_eq!((next.given_back.leased, next.given_back.tokens), (25, 23));
    }

    #[test]
    fn what_is_left_is_given_back_once_when_the_tenant_falls_silent_or_the_server_stops() {
        let start = Instant::now();
        let (leases, acme) = (with_lease(start, 25), tenant("acme"));
        let due = leases.due(after(start, 950));
        assert_eq!(due.len(), 1);
        assert!(!due[0].1.lease && !due[0].1.call);
        assert_eq!(due[0].1.given_back.calls, 25);
        assert!(leases.due(after(start, 1_000)).is_empty());
        assert!(leases.lock().is_empty(), "and it is forgotten");

        let leases = with_lease(start, 25);
        leases.admit(start, &acme).unwrap();
        let ended = leases.end(after(start, 100));
        assert_eq!(ended.len(), 1);
        assert_eq!(ended[0].1.given_back.calls, 24);
        assert_eq!(ended[0].1.given_back.leased, 25);
        assert!(leases.admit(after(start, 100), &acme).is_none());
    }

    #[test]
    fn no_more_tenants_are_remembered_than_fit() {
        let (leases, start) = (Leases::default(), Instant::now());
        for number in 0..MOST_TENANTS + 100 {
            leases.learn(start, &tenant(&format!("t{number}")), CALL, &taken(0));
        }
        assert_eq!(leases.lock().len(), MOST_TENANTS);
        leases.learn(after(start, 1_500), &tenant("acme"), CALL, &taken(0));
        assert_eq!(leases.lock().len(), 1);
    }
}
