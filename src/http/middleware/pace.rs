//! How fast a body must move, on its way in or out: a client that trickles or stalls cannot hold a
//! place, nor memory.

use std::time::Duration;

use tokio::time::Instant;

/// Time that every body has, however short.
const HEAD_START: Duration = Duration::from_secs(20);

/// Longest time without a byte.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// Slowest average pace after that.
const SLOWEST_BYTES_PER_SECOND: u64 = 16 * 1024;

/// The pace of one body.
#[derive(Debug)]
pub(super) struct Pace {
    started: Instant,
    moved: u64,
    deadline: Instant,
}

impl Pace {
    /// A body that begins to move now.
    pub(super) fn begin() -> Self {
        let started = Instant::now();
        Self {
            started,
            moved: 0,
            deadline: started + HEAD_START,
        }
    }

    /// So many more bytes have moved.
    pub(super) fn moved(&mut self, bytes: usize) {
        self.moved += bytes as u64;
        let allowed = Duration::from_secs(self.moved / SLOWEST_BYTES_PER_SECOND);
        let average = self.started + HEAD_START + allowed;
        self.deadline = average.min(Instant::now() + LONGEST_PAUSE);
    }

    /// Bytes that have moved so far.
    pub(super) fn bytes(&self) -> u64 {
        self.moved
    }

    /// When it is too slow, unless something moves before.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }
}
