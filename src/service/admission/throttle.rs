//! Slows down password guessing, and locks nobody out for good.
//!
//! Leaky buckets count failures: of an account from one source, of an account from anywhere, of a
//! source at any account, and of the wider IPv6 networks around a source. A full one refuses until
//! it has leaked enough, in seconds. A source that the account has signed in from before
//! ([`super::sources`]) is held by its own two buckets alone, so that guesses from elsewhere do not
//! keep the owner out. Names that do not exist are counted alike. Each server keeps its own counts,
//! so a wrong guess causes no write to the database, and an attacker gets the same number of
//! guesses at each replica.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use crate::domain::SourceNetwork;

/// Most buckets that are kept; each failure that fills some costs its sender a slow hash.
const MOST_BUCKETS: usize = 100_000;
/// Seconds in which the bucket of an account and a source leaks one failure.
const PAIR_SECONDS: f64 = 6.0;
/// How many times larger an account's bucket for all sources is, and how many times faster it
/// leaks.
const ACCOUNT_FACTOR: f64 = 10.0;
/// The same for the bucket of a source: an IPv4 address or an IPv6 /64.
const SOURCE_FACTOR: f64 = 10.0;
/// The same for an IPv6 /56, which providers give to a household: 256 sources count as two.
const SITE_56_FACTOR: f64 = 20.0;
/// The same for an IPv6 /48, which providers give to a company: 65,536 sources count as four.
const SITE_48_FACTOR: f64 = 40.0;

/// SHA-256 of an account's tenant and name, whether or not there is one.
pub(super) type AccountHash = [u8; 32];

/// The thing whose failures a bucket counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Counted {
    Pair(AccountHash, SourceNetwork),
    Account(AccountHash),
    Network(SourceNetwork),
}

impl Counted {
    fn factor(self) -> f64 {
        match self {
            Self::Pair(..) => 1.0,
            Self::Account(_) => ACCOUNT_FACTOR,
            Self::Network(network) => match network.prefix_bits() {
                48 => SITE_48_FACTOR,
                56 => SITE_56_FACTOR,
                _ => SOURCE_FACTOR,
            },
        }
    }
}

/// A number of failures that decreases with time.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    level: f64,
    at: f64,
}

impl Bucket {
    fn level(self, now: f64, factor: f64) -> f64 {
        // A clock that jumps back leaks nothing.
        (self.level - (now - self.at).max(0.0) * factor / PAIR_SECONDS).max(0.0)
    }
}

/// A login attempt: an account and a source.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    account: AccountHash,
    source: IpAddr,
}

impl Attempt {
    /// An attempt at `name`, hashed since it may be of any length, in a tenant or with an API key.
    pub fn new(realm: &str, name: &str, source: IpAddr) -> Self {
        let account = Sha256::new()
            .chain_update((realm.len() as u64).to_le_bytes())
            .chain_update(realm)
            .chain_update(name)
            .finalize()
            .into();
        Self { account, source }
    }

    /// Tenant and name, hashed.
    pub(super) fn account(&self) -> AccountHash {
        self.account
    }

    /// The network that it comes from.
    pub fn network(&self) -> SourceNetwork {
        SourceNetwork::of(self.source)
    }

    /// The buckets that hold it from wherever it comes.
    fn own(&self) -> impl Iterator<Item = Counted> {
        let network = self.network();
        [
            Counted::Pair(self.account, network),
            Counted::Network(network),
        ]
        .into_iter()
    }

    /// The buckets that it shares with others, which hold it only where the account is not known.
    fn shared(&self) -> impl Iterator<Item = Counted> {
        let around = SourceNetwork::around(self.source).map(Counted::Network);
        std::iter::once(Counted::Account(self.account)).chain(around)
    }
}

/// The buckets of this process.
#[derive(Debug)]
pub struct Throttle {
    burst: f64,
    buckets: Mutex<HashMap<Counted, Bucket>>,
}

impl Throttle {
    /// Allows `burst` failures of an account from one source before it refuses; 0 never refuses.
    pub fn new(burst: u32) -> Self {
        Self {
            burst: f64::from(burst),
            buckets: Mutex::default(),
        }
    }

    /// Checks that an attempt may be made now; `known` says that its account has signed in from its
    /// source before.
    ///
    /// # Errors
    ///
    /// The number of seconds after which it may.
    pub fn admit(&self, attempt: &Attempt, known: bool, now: OffsetDateTime) -> Result<(), u32> {
        let shared = attempt.shared().filter(|_| !known);
        self.wait(attempt.own().chain(shared), now)
            .map_or(Ok(()), Err)
    }

    /// Whether an attempt is held only by what others did: then it matters if its source is known.
    pub fn is_held_by_others(&self, attempt: &Attempt, now: OffsetDateTime) -> bool {
        self.wait(attempt.own(), now).is_none() && self.wait(attempt.shared(), now).is_some()
    }

    /// The seconds until none of the buckets is full; `None` if none is.
    fn wait(&self, held_by: impl Iterator<Item = Counted>, now: OffsetDateTime) -> Option<u32> {
        if self.burst <= 0.0 {
            return None;
        }
        let now = seconds(now);
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = held_by.filter_map(|counted| {
            let factor = counted.factor();
            let over = buckets.get(&counted)?.level(now, factor) + 1.0 - self.burst * factor;
            (over > 0.0).then_some((over * PAIR_SECONDS / factor).ceil())
        });
        waits.reduce(f64::max).map(whole)
    }

    /// Counts a failed attempt in all its buckets.
    pub fn failed(&self, attempt: &Attempt, now: OffsetDateTime) {
        let now = seconds(now);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST_BUCKETS {
            buckets.retain(|counted, bucket| bucket.level(now, counted.factor()) > 0.0);
        }
        if buckets.len() >= MOST_BUCKETS {
            buckets.clear();
        }
        for counted in attempt.own().chain(attempt.shared()) {
            let factor = counted.factor();
            let bucket = buckets.entry(counted).or_insert(Bucket {
                level: 0.0,
                at: now,
            });
            let level = bucket.level(now, factor) + 1.0;
            *bucket = Bucket {
                level: level.min(self.burst * factor),
                at: now,
            };
        }
    }

    /// Forgets the failures of an account from a source that has the right password after all.
    pub fn succeeded(&self, attempt: &Attempt) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.remove(&Counted::Pair(attempt.account, attempt.network()));
    }
}

fn seconds(moment: OffsetDateTime) -> f64 {
    (moment - OffsetDateTime::UNIX_EPOCH).as_seconds_f64()
}

/// Converts to whole seconds, at least 1.
fn whole(seconds: f64) -> u32 {
    let seconds = Duration::seconds_f64(seconds).whole_seconds();
    u32::try_from(seconds).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn source(last: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, last).into()
    }

    #[test]
    fn a_guesser_waits_and_others_do_not() {
        let throttle = Throttle::new(5);
        let now = OffsetDateTime::UNIX_EPOCH;
        let guess = Attempt::new("acme", "press", source(1));
        for _ in 0..5 {
            assert_eq!(throttle.admit(&guess, false, now), Ok(()));
            throttle.failed(&guess, now);
        }
        assert_eq!(throttle.admit(&guess, false, now), Err(6));
        for other in [
            Attempt::new("acme", "press", source(2)),
            Attempt::new("acme", "desk", source(1)),
            Attempt::new("acmep", "ress", source(1)),
        ] {
            assert_eq!(throttle.admit(&other, false, now), Ok(()));
        }
        let then = now + Duration::seconds(6);
        assert_eq!(
            throttle.admit(&guess, false, then),
            Ok(()),
            "what it was told"
        );
        throttle.failed(&guess, then);
        assert!(
            throttle.admit(&guess, false, then).is_err(),
            "one guess only"
        );
        throttle.succeeded(&guess);
        assert_eq!(throttle.admit(&guess, false, then), Ok(()));
    }

    #[test]
    fn spraying_is_refused_by_source_and_many_sources_by_account() {
        let throttle = Throttle::new(5);
        let now = OffsetDateTime::UNIX_EPOCH;
        let mut guesses = 0;
        while let attempt = Attempt::new("acme", &format!("user{guesses}"), source(1))
            && throttle.admit(&attempt, false, now).is_ok()
        {
            throttle.failed(&attempt, now);
            guesses += 1;
        }
        assert_eq!(guesses, 50);
        for last in 2..52 {
            let attempt = Attempt::new("acme", "press", source(last));
            assert_eq!(throttle.admit(&attempt, false, now), Ok(()));
            throttle.failed(&attempt, now);
        }
        let owner = Attempt::new("acme", "press", source(99));
        assert!(throttle.is_held_by_others(&owner, now));
        assert_eq!(throttle.admit(&owner, false, now), Err(1), "never for long");
        assert_eq!(
            throttle.admit(&owner, true, now),
            Ok(()),
            "known from there"
        );
        for _ in 0..5 {
            throttle.failed(&owner, now);
        }
        let own = throttle.admit(&owner, true, now);
        assert_eq!(own, Err(6), "a known source may not guess either");
        assert!(!throttle.is_held_by_others(&owner, now));
    }

    #[test]
    fn who_owns_an_ipv6_network_is_a_few_sources_and_not_all_of_its_parts() {
        for (bits, most, step) in [(64, 50, 0), (56, 100, 64), (48, 200, 72)] {
            let throttle = Throttle::new(5);
            let now = OffsetDateTime::UNIX_EPOCH;
            let mut guesses = 0;
            // Each guess at another account, and from the next part of the network.
            while let address = (0x2001_0db8_u128 << 96) | (guesses << step)
                && let source = std::net::Ipv6Addr::from(address).into()
                && let attempt = Attempt::new("acme", &format!("user{guesses}"), source)
                && throttle.admit(&attempt, false, now).is_ok()
            {
                throttle.failed(&attempt, now);
                guesses += 1;
            }
            assert_eq!(guesses, most, "a /{bits}");
        }
    }

    #[test]
    fn nothing_is_counted_without_a_burst() {
        let throttle = Throttle::new(0);
        let attempt = Attempt::new("acme", "press", source(1));
        throttle.failed(&attempt, OffsetDateTime::UNIX_EPOCH);
        let admitted = throttle.admit(&attempt, false, OffsetDateTime::UNIX_EPOCH);
        assert_eq!(admitted, Ok(()));
    }
}
