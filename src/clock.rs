//! The source of the current time: the system, or a test that moves it by hand.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use time::OffsetDateTime;

/// A source of the current time; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    fixed: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// A clock that shows the machine's time.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands at `unix_seconds` until [`Clock::advance`] moves it; for tests of
    /// expiry.
    pub fn fixed(unix_seconds: i64) -> Self {
        Self {
            fixed: Some(Arc::new(AtomicI64::new(unix_seconds))),
        }
    }

    /// Moves a fixed clock, and all its clones, by `seconds`. A system clock does not move.
    pub fn advance(&self, seconds: i64) {
        if let Some(now) = &self.fixed {
            now.fetch_add(seconds, Ordering::Relaxed);
        }
    }

    /// The current time in UTC, cut to the microseconds that PostgreSQL keeps, so that an answer
    /// equals what is stored.
    pub fn now(&self) -> OffsetDateTime {
        if let Some(now) = &self.fixed {
            let seconds = now.load(Ordering::Relaxed);
            return OffsetDateTime::from_unix_timestamp(seconds)
                .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        }
        #[expect(clippy::disallowed_methods, reason = "this is the one place")]
        let now = OffsetDateTime::now_utc();
        now.replace_nanosecond(now.microsecond() * 1_000)
            .unwrap_or(now)
    }
}
