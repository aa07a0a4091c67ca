//! Slows down password guessing, and locks nobody out for good.
//!
//! Three leaky buckets count failures: of an account from one source, of an account from anywhere,
//! of a source at any account. A full one refuses until it has leaked enough, in seconds. Names
//! that do not exist are counted alike. Each server keeps its own counts, so a wrong guess causes
//! no write to the database, and an attacker gets the same number of guesses at each replica.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
};

use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

/// Most buckets that are kept; each failure that fills one costs its sender a slow hash.
const MOST_BUCKETS: usize = 100_000;
/// Seconds in which the bucket of an account and a source leaks one failure.
const PAIR_SECONDS: f64 = 6.0;
/// How many times larger an account's bucket for all sources is, and how many times faster it
/// leaks.
const ACCOUNT_FACTOR: f64 = 10.0;
/// The same for the bucket of a source.
const SOURCE_FACTOR: f64 = 10.0;

/// The thing whose failures a bucket counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Counted {
    Pair([u8; 32], IpAddr),
    Account([u8; 32]),
    Source(IpAddr),
}

impl Counted {
    fn factor(self) -> f64 {
        match self {
            Self::Pair(..) => 1.0,
            Self::Account(_) => ACCOUNT_FACTOR,
            Self::Source(_) => SOURCE_FACTOR,
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
pub struct Attempt([Counted; 3]);

impl Attempt {
    /// An attempt at `name`, hashed since it may be of any length, in a tenant or with an API key.
    pub fn new(realm: &str, name: &str, source: IpAddr) -> Self {
        let account = Sha256::new()
            .chain_update((realm.len() as u64).to_le_bytes())
            .chain_update(realm)
            .chain_update(name)
            .finalize()
            .into();
        let source = network(source);
        Self([
            Counted::Pair(account, source),
            Counted::Account(account),
            Counted::Source(source),
        ])
    }
}

/// The network of a source: an IPv6 user has at least a /64, so that counts as one source.
fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
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

    /// Checks that an attempt may be made now.
    ///
    /// # Errors
    ///
    /// The number of seconds after which it may.
    pub fn admit(&self, attempt: &Attempt, now: OffsetDateTime) -> Result<(), u32> {
        if self.burst <= 0.0 {
            return Ok(());
        }
        let now = seconds(now);
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = attempt.0.iter().filter_map(|counted| {
            let factor = counted.factor();
            let over = buckets.get(counted)?.level(now, factor) + 1.0 - self.burst * factor;
            (over > 0.0).then_some((over * PAIR_SECONDS / factor).ceil())
        });
        wait.reduce(f64::max)
            .map_or(Ok(()), |wait| Err(whole(wait)))
    }

    /// Counts a failed attempt in all three buckets.
    pub fn failed(&self, attempt: &Attempt, now: OffsetDateTime) {
        let now = seconds(now);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST_BUCKETS {
            buckets.retain(|counted, bucket| bucket.level(now, counted.factor()) > 0.0);
        }
        if buckets.len() >= MOST_BUCKETS {
            buckets.clear();
        }
        for counted in attempt.0 {
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
        buckets.remove(&attempt.0[0]);
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
            assert_eq!(throttle.admit(&guess, now), Ok(()));
            throttle.failed(&guess, now);
        }
        assert_eq!(throttle.admit(&guess, now), Err(6));
        for other in [
            Attempt::new("acme", "press", source(2)),
            Attempt::new("acme", "desk", source(1)),
            Attempt::new("acmep", "ress", source(1)),
        ] {
            assert_eq!(throttle.admit(&other, now), Ok(()));
        }
        let then = now + Duration::seconds(6);
        assert_eq!(throttle.admit(&guess, then), Ok(()), "what it was told");
        throttle.failed(&guess, then);
        assert!(throttle.admit(&guess, then).is_err(), "one guess only");
        throttle.succeeded(&guess);
        assert_eq!(throttle.admit(&guess, then), Ok(()));
    }

    #[test]
    fn spraying_is_refused_by_source_and_many_sources_by_account() {
        let throttle = Throttle::new(5);
        let now = OffsetDateTime::UNIX_EPOCH;
        let mut guesses = 0;
        while let attempt = Attempt::new("acme", &format!("user{guesses}"), source(1))
            && throttle.admit(&attempt, now).is_ok()
        {
            throttle.failed(&attempt, now);
            guesses += 1;
        }
        assert_eq!(guesses, 50);
        for last in 2..52 {
            let attempt = Attempt::new("acme", "press", source(last));
            assert_eq!(throttle.admit(&attempt, now), Ok(()));
            throttle.failed(&attempt, now);
        }
        let owner = Attempt::new("acme", "press", source(99));
        assert_eq!(throttle.admit(&owner, now), Err(1), "never for long");
    }

    #[test]
    fn a_source_is_a_network_and_nothing_is_counted_without_a_burst() {
        let v6 = |text: &str| network(text.parse().unwrap());
        assert_eq!(v6("2001:db8::1"), v6("2001:db8::ffff:2"));
        assert_ne!(v6("2001:db8::1"), v6("2001:db8:0:1::1"));
        assert_eq!(v6("::ffff:192.0.2.1"), source(1));
        let throttle = Throttle::new(0);
        let attempt = Attempt::new("acme", "press", source(1));
        throttle.failed(&attempt, OffsetDateTime::UNIX_EPOCH);
        assert_eq!(throttle.admit(&attempt, OffsetDateTime::UNIX_EPOCH), Ok(()));
    }
}
