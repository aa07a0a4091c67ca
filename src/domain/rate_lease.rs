//! Calls that a server has taken from a tenant's limits in advance, and admits from memory.
//!
//! The bucket in the database leaves room for what is leased: it fills up to the burst less the
//! leases that were not given back, so bucket and leases never hold more than the burst together.
//! So no more calls are admitted than by one bucket that sees each of them at once.

use std::time::Duration;

use super::Decision;

/// Calls that are paid for, beside the state of the limits without them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLease {
    /// The state when they had been taken.
    taken: Decision,
    /// The hour whose quota they were taken from, in hours since 1970.
    hour: i64,
    /// In which the room for it is counted.
    round: i64,
    calls: u32,
    left: u32,
}

/// What is left of leases when they end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GiveBack {
    /// Calls that they were taken with in the round below: the bucket has room for them again.
    pub leased: u32,
    /// The round that they were taken in. What was taken in an earlier one is forgotten soon.
    pub round: i64,
    /// Calls that were not made: tokens for the bucket.
    pub tokens: u32,
    /// The same of the hour below.
    pub calls: u32,
    /// That hour, in hours since 1970.
    pub hour: i64,
}

impl RateLease {
    /// A lease of so many calls of that round, which are no longer in the state `taken`.
    pub fn new(taken: Decision, hour: i64, round: i64, calls: u32) -> Self {
        Self {
            taken,
            hour,
            round,
            calls,
            left: calls,
        }
    }

    /// The state of the limits `elapsed` after the statement that took the lease was sent, if
    /// nobody else called: what is left of the lease is part of it.
    pub fn state(&self, elapsed: Duration) -> Decision {
        let mut state = self.taken.later(elapsed);
        state.tally.tokens += f64::from(self.left);
        state.tally.used -= i64::from(self.left);
        state
    }

    /// Takes a call from the lease, and tells the state after it; `None` when nothing is left, or
    /// the hour has ended.
    pub fn admit(&mut self, elapsed: Duration) -> Option<Decision> {
        let is_good = elapsed < self.taken.hour_ends_in();
        self.left = self.left.checked_sub(1).filter(|_| is_good)?;
        Some(self.state(elapsed))
    }

    /// What is left.
    pub fn rest(&self) -> GiveBack {
        GiveBack {
            leased: self.calls,
            round: self.round,
            tokens: self.left,
            calls: self.left,
            hour: self.hour,
        }
    }
}

impl GiveBack {
    /// This, and what is left of another lease. Of two hours, the later one is told: the earlier
    /// has ended. Of two rounds, too: room that is not given back is there later.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let (late, early) = if self.hour >= other.hour {
            (self, other)
        } else {
            (other, self)
        };
        let early_calls = if early.hour == late.hour {
            early.calls
        } else {
            0
        };
        let round = self.round.max(other.round);
        let leased = [self, other].map(|one| if one.round == round { one.leased } else { 0 });
        Self {
            leased: leased.iter().sum(),
            round,
            tokens: late.tokens + early.tokens,
            calls: late.calls + early_calls,
            hour: late.hour,
        }
    }

    /// Whether there is nothing to give back.
    pub fn is_nothing(&self) -> bool {
        self.leased == 0 && self.tokens == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Rates, Tally};

    const RATES: Rates = Rates {
        per_second: 50,
        burst: 100,
        per_hour: 50_000,
    };

    fn taken(rates: Rates, tokens: f64) -> Decision {
        let tally = Tally {
            allowed: true,
            tokens,
            used: 125,
            // 20 minutes into an hour.
            now: 1_800_000_000.0 + 1_200.0,
        };
        Decision { rates, tally }
    }

    fn lease(tokens: f64, calls: u32) -> RateLease {
        RateLease::new(taken(RATES, tokens), 500_000, 1, calls)
    }

    fn milliseconds(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn calls_count_down_by_one_and_end_with_the_lease() {
        let mut lease = lease(60.0, 3);
        for left in [2, 1, 0] {
            let told = lease.admit(Duration::ZERO).unwrap();
            assert_eq!(told.burst().unwrap().remaining, 60 + left);
            assert_eq!(told.hour().unwrap().remaining, 50_000 - 125 + left);
        }
        assert_eq!(lease.admit(Duration::ZERO), None);
        let rest = lease.rest();
        assert_eq!((rest.leased, rest.tokens, rest.calls), (3, 0, 0));
    }

    /// Three servers lease and give back at random; then all call at once, from their leases and
    /// from the bucket. A bucket that sees each call at once would have let all of them pass.
    #[test]
    fn leases_admit_no_call_that_one_bucket_would_not() {
        let (rate, burst) = (50.0, 100.0);
        let (mut bucket, mut strict) = (burst, burst);
        let mut leases: [Option<RateLease>; 3] = [None; 3];
        let (mut draw, mut admitted) = (88_172_645_463_325_252_u64, [0, 0]);
        for now in 1..400_000_u64 {
            let out = leases.iter().flatten().map(|lease| lease.rest().leased);
            let out: f64 = out.map(f64::from).sum();
            bucket = f64::min(burst - out, bucket + rate / 1_000.0);
            strict = f64::min(burst, strict + rate / 1_000.0);
            draw ^= draw << 13;
            draw ^= draw >> 7;
            draw ^= draw << 17;
            let server = usize::try_from(draw % 3).unwrap();
            if (draw >> 8).is_multiple_of(200) {
                if let Some(ended) = leases[server].take() {
                    bucket += f64::from(ended.rest().tokens);
                }
                let fits = |calls: &u32| f64::from(*calls) <= bucket / 4.0;
                let calls = (1..=25).rev().find(fits).unwrap_or(0);
                bucket -= f64::from(calls);
                leases[server] = Some(lease(bucket, calls));
            }
            if now % 3_000 > 60 {
                continue;
            }
            for held in leases.iter_mut().flatten() {
                if held.admit(Duration::ZERO).is_some() {
                    strict -= 1.0;
                    admitted[0] += 1;
                }
            }
            for _ in 0..3 {
                if bucket >= 1.0 {
                    bucket -= 1.0;
                    strict -= 1.0;
                    admitted[1] += 1;
                }
            }
            assert!(strict >= -1e-6, "at {now} ms: {strict}");
        }
        println!("{admitted:?} calls admitted, from leases and from the bucket");
        assert!(admitted.iter().all(|&calls| calls > 1_000));
    }

    #[test]
    fn a_lease_ends_with_its_hour_and_what_is_left_belongs_to_it() {
        let mut late = taken(RATES, 50.0);
        late.tally.now += 2_399.9;
        let mut lease = RateLease::new(late, 500_000, 1, 9);
        assert!(lease.admit(milliseconds(50)).is_some());
        assert_eq!(lease.admit(milliseconds(101)), None);
        let next = RateLease::new(taken(RATES, 50.0), 500_001, 1, 4);
        let rest = next.rest().and(lease.rest());
        assert_eq!((rest.calls, rest.hour), (4, 500_001));
        assert_eq!((rest.leased, rest.tokens), (13, 12));
        let same = next.rest().and(next.rest());
        assert_eq!(same.calls, 8);
        let later = RateLease::new(taken(RATES, 50.0), 500_001, 2, 6);
        let rest = later.rest().and(next.rest());
        assert_eq!((rest.leased, rest.round, rest.tokens), (6, 2, 10));
    }

    #[test]
    fn without_a_bucket_nothing_flows_over() {
        let rates = Rates {
            per_second: 0,
            ..RATES
        };
        let mut lease = RateLease::new(taken(rates, 0.0), 500_000, 1, 2);
        let told = lease.admit(milliseconds(800)).unwrap();
        assert_eq!(told.burst(), None);
        assert_eq!(told.hour().unwrap().remaining, 50_000 - 125 + 1);
        assert!(lease.admit(milliseconds(800)).is_some());
        assert_eq!(lease.admit(milliseconds(800)), None);
    }
}
