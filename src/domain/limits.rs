//! Rate limits of a tenant: a token bucket for bursts and a quota for each hour. The database takes
//! the step (`db::tenant_rates`), atomically and by its own clock; here its row becomes the figures
//! that a client sees.

use std::time::Duration;

/// Length of the quota's window, in seconds.
const HOUR_SECONDS: u32 = 3_600;

/// The limits of a tenant; 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// Tokens that flow into the bucket each second.
    pub per_second: u32,
    /// Size of the bucket: how many calls may come at once.
    pub burst: u32,
    /// Most calls in an hour of UTC.
    pub per_hour: u32,
}

impl Rates {
    /// The token bucket; `None`, for no limit, when either of its numbers is 0.
    pub fn bucket(self) -> Option<TokenBucket> {
        (self.per_second > 0 && self.burst > 0).then_some(TokenBucket {
            per_second: self.per_second,
            burst: self.burst,
        })
    }

    /// The hourly quota, in calls; `None` for no limit.
    pub fn hourly(self) -> Option<u32> {
        (self.per_hour > 0).then_some(self.per_hour)
    }
}

/// A token bucket: each call takes a token. Neither number is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBucket {
    /// Tokens that flow in each second.
    pub per_second: u32,
    /// Tokens that it holds when full.
    pub burst: u32,
}

/// The operator's limits for a tenant; `None` for the server's setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateOverrides {
    /// Tokens that flow into the bucket each second.
    pub per_second: Option<u32>,
    /// Size of the bucket, in calls.
    pub burst: Option<u32>,
    /// Most calls in an hour of UTC.
    pub per_hour: Option<u32>,
}

impl RateOverrides {
    /// The limits of the tenant on a server with these defaults.
    pub fn over(self, defaults: Rates) -> Rates {
        Rates {
            per_second: self.per_second.unwrap_or(defaults.per_second),
            burst: self.burst.unwrap_or(defaults.burst),
            per_hour: self.per_hour.unwrap_or(defaults.per_hour),
        }
    }
}

/// The state of a tenant's limits after a call, as the database stores it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tally {
    /// Whether the call was allowed; one that was not took nothing.
    pub allowed: bool,
    /// Tokens left in the bucket.
    pub tokens: f64,
    /// Calls counted in this hour.
    pub used: i64,
    /// The database's time, in seconds since 1970.
    pub now: f64,
}

/// One limit in the figures of the `RateLimit` headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Calls that the limit allows in its window.
    pub limit: u32,
    /// Calls of it that are left now.
    pub remaining: u32,
    /// Length of the window, in seconds.
    pub window: u32,
    /// Seconds until all of it is available again, rounded up.
    pub reset: u32,
}

/// Whether a call was allowed, and how much of the limits is left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision {
    /// The limits in force.
    pub rates: Rates,
    /// The state after the call.
    pub tally: Tally,
}

impl Decision {
    /// Whether the call was allowed.
    pub fn allowed(&self) -> bool {
        self.tally.allowed
    }

    /// The bucket's figures; `None` for a tenant without one.
    pub fn burst(&self) -> Option<Quota> {
        let TokenBucket { per_second, burst } = self.rates.bucket()?;
        let missing = f64::from(burst) - self.tally.tokens;
        Some(Quota {
            limit: burst,
            remaining: whole(self.tally.tokens.floor()).min(burst),
            window: burst.div_ceil(per_second),
            reset: whole((missing / f64::from(per_second)).ceil()),
        })
    }

    /// The hourly quota's figures; `None` for a tenant without one.
    pub fn hour(&self) -> Option<Quota> {
        let limit = self.rates.hourly()?;
        let used = u32::try_from(self.tally.used).unwrap_or(u32::MAX);
        Some(Quota {
            limit,
            remaining: limit.saturating_sub(used),
            window: HOUR_SECONDS,
            reset: whole(self.hour_left().ceil()),
        })
    }

    /// How long until the next call can be allowed; zero if it can be now.
    pub fn wait(&self) -> Duration {
        let bucket = self.rates.bucket().map_or(0.0, |bucket| {
            (1.0 - self.tally.tokens) / f64::from(bucket.per_second)
        });
        let hour = match self.hour() {
            Some(quota) if quota.remaining == 0 => self.hour_left(),
            _ => 0.0,
        };
        Duration::try_from_secs_f64(bucket.max(hour)).unwrap_or_default()
    }

    /// The same in whole seconds, at least 1: after them a call is allowed if no other was faster.
    pub fn retry_after(&self) -> u32 {
        whole(self.wait().as_secs_f64().ceil()).max(1)
    }

    /// The decision as it stands a little later, if nobody called meanwhile.
    #[must_use]
    pub fn later(mut self, elapsed: Duration) -> Self {
        let elapsed = elapsed.as_secs_f64().min(self.hour_left());
        if let Some(bucket) = self.rates.bucket() {
            let filled = self.tally.tokens + elapsed * f64::from(bucket.per_second);
            self.tally.tokens = filled.min(f64::from(bucket.burst));
        }
        self.tally.now += elapsed;
        self
    }

    /// How long until the next hour of UTC begins.
    pub fn hour_ends_in(&self) -> Duration {
        Duration::try_from_secs_f64(self.hour_left()).unwrap_or_default()
    }

    /// Seconds until the next hour of UTC begins.
    fn hour_left(&self) -> f64 {
        let hour = f64::from(HOUR_SECONDS);
        hour - self.tally.now.rem_euclid(hour)
    }
}

/// Converts a whole number to an integer, clamped to its range.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped, and the callers rounded"
)]
fn whole(number: f64) -> u32 {
    number.clamp(0.0, f64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: Rates = Rates {
        per_second: 50,
        burst: 100,
        per_hour: 50_000,
    };

    /// 20 minutes and half a second into an hour.
    const NOW: f64 = 1_800_000_000.0 + 1_200.5;

    fn decision(rates: Rates, allowed: bool, tokens: f64, used: i64) -> Decision {
        let tally = Tally {
            allowed,
            tokens,
            used,
            now: NOW,
        };
        Decision { rates, tally }
    }

    #[test]
    fn the_first_call_leaves_all_but_one() {
        let first = decision(RATES, true, 99.0, 1);
        let burst = first.burst().unwrap();
        assert_eq!((burst.limit, burst.remaining), (100, 99));
        assert_eq!((burst.window, burst.reset), (2, 1));
        let hour = first.hour().unwrap();
        assert_eq!((hour.limit, hour.remaining), (50_000, 49_999));
        assert_eq!((hour.window, hour.reset), (3_600, 2_400));
        assert_eq!(first.wait(), Duration::ZERO);
    }

    #[test]
    fn after_the_wait_there_is_a_token_and_not_before() {
        for (tokens, per_second) in [(0.0, 1), (0.25, 1), (0.9, 3), (0.999, 50), (0.0, 1_000)] {
            let rates = Rates {
                per_second,
                ..RATES
            };
            let refused = decision(rates, false, tokens, 5);
            let wait = refused.wait();
            assert!(refused.later(wait).tally.tokens > 1.0 - 1e-6);
            assert!(refused.later(wait.mul_f64(0.9)).tally.tokens < 1.0);
            assert!(f64::from(refused.retry_after()) >= wait.as_secs_f64());
            assert_eq!(refused.retry_after(), 1);
        }
    }

    #[test]
    fn a_spent_hour_is_waited_for_to_its_end() {
        let refused = decision(RATES, false, 80.0, 50_000);
        assert_eq!(refused.retry_after(), 2_400);
        assert_eq!(refused.hour().unwrap().remaining, 0);
        // More than the quota is counted when the operator lowers it, or a logout passes.
        let over = decision(RATES, false, 80.0, 60_000);
        assert_eq!(over.hour().unwrap().remaining, 0);
        assert_eq!(over.later(Duration::from_secs(100)).retry_after(), 2_300);
    }

    #[test]
    fn later_never_promises_more_than_the_bucket_holds_nor_another_hour() {
        let later = decision(RATES, false, 0.0, 50_000).later(Duration::from_hours(24));
        assert!(later.tally.tokens <= 100.0);
        assert_eq!(later.hour().unwrap().remaining, 0);
    }

    #[test]
    fn zero_is_no_limit() {
        for (per_second, burst) in [(0, 100), (50, 0), (0, 0)] {
            let rates = Rates {
                per_second,
                burst,
                per_hour: 0,
            };
            let free = decision(rates, true, 0.0, 9);
            assert_eq!((free.burst(), free.hour()), (None, None));
            assert_eq!(free.wait(), Duration::ZERO);
        }
    }

    #[test]
    fn numbers_out_of_range_are_the_nearest() {
        assert_eq!(whole(-3.0), 0);
        assert_eq!(whole(1e300), u32::MAX);
        assert_eq!(whole(f64::NAN), 0);
        let odd = decision(RATES, true, 1e9, i64::MAX);
        assert_eq!(odd.burst().unwrap().remaining, 100);
        assert_eq!(odd.hour().unwrap().remaining, 0);
    }
}
