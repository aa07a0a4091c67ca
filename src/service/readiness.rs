//! Whether this server can do its work. One task looks, four times a second; whoever asks is told
//! what it saw last, so that a question costs nothing and waits for nothing.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::time::{sleep, timeout};

use super::{Context, signers::SignerUnavailable};
use crate::{
    cpu::CpuGate,
    db::DatabaseFault,
    disk::{Disk, Room, megabytes},
};

/// Pause between two looks. With the look itself (600 ms at most, where the database does not
/// answer) it is less than the second that is promised.
const PAUSE: Duration = Duration::from_millis(250);

/// How long the disks may take to tell how much room they have. One of a network may never do so.
const DISK_LIMIT: Duration = Duration::from_millis(200);

/// Age from which on what was seen is no longer believed: the looks have stopped, as those of a
/// machine that was suspended.
const OVERDUE: Duration = Duration::from_secs(2);

/// How long ago somebody must have asked for a server to believe that it is watched. Kubernetes
/// asks every 10 seconds unless it is told otherwise; others more often.
const WATCHED: Duration = Duration::from_mins(1);

macro_rules! unready {
    ($($(#[$doc:meta])* $variant:ident $code:literal $part:literal $reason:literal;)*) => {
        /// What keeps a server from being ready.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Unready {
            $($(#[$doc])* $variant,)*
        }

        impl Unready {
            /// All of them, the weightiest first.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name on the wire and in the log, which stays the same.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The part of the server that is concerned.
            pub fn part(self) -> &'static str {
                match self { $(Self::$variant => $part,)* }
            }

            /// What is wrong with it, as the end of a sentence that begins with the part's name.
            pub fn reason(self) -> &'static str {
                match self { $(Self::$variant => $reason,)* }
            }
        }
    };
}

unready! {
    /// The server is about to stop.
    Stopping "stopping" "server" "is about to stop";
    /// It has not looked for some seconds.
    LookOverdue "look-overdue" "server" "has not looked for some seconds";
    /// The database refuses, or is not there.
    DatabaseDown "database-down" "database" "refuses connections, or is not there";
    /// The database does not answer in time.
    DatabaseSilent "database-silent" "database" "does not answer in time";
    /// No connection to the database is to be had.
    DatabaseExhausted "database-exhausted" "database" "has no connection left";
    /// The database takes no changes.
    DatabaseReadOnly "database-read-only" "database" "takes no changes";
    /// The disk of the database is full.
    DatabaseFull "database-full" "database" "has a full disk";
    /// The disk of the data folder is full.
    DiskFull "disk-full" "disk" "is full";
    /// There is no certificate to sign files with.
    SignerMissing "signer-missing" "signer" "is missing";
    /// The certificate that signs files has ended, or not begun.
    SignerEnded "signer-ended" "signer" "has ended, or not begun";
}

impl From<DatabaseFault> for Unready {
    fn from(fault: DatabaseFault) -> Self {
        match fault {
            DatabaseFault::Down => Self::DatabaseDown,
            DatabaseFault::Silent => Self::DatabaseSilent,
            DatabaseFault::Exhausted => Self::DatabaseExhausted,
            DatabaseFault::ReadOnly => Self::DatabaseReadOnly,
            DatabaseFault::Full => Self::DatabaseFull,
        }
    }
}

/// What this server knows of itself.
#[derive(Debug)]
pub struct Readiness {
    disks: Vec<WatchedDisk>,
    /// Asks the disks off the async threads, one look at a time.
    gate: CpuGate<()>,
    seen: Mutex<Option<Seen>>,
    asked: Mutex<Option<Instant>>,
    stopping: AtomicBool,
}

/// What a look saw.
#[derive(Debug)]
struct Seen {
    at: Instant,
    reasons: Vec<Unready>,
}

#[derive(Debug)]
struct WatchedDisk {
    disk: Disk,
    /// Whether the log has been told that it is nearly full.
    told: AtomicBool,
}

impl Readiness {
    /// Of a server that writes to these disks.
    pub fn new(disks: Vec<Disk>) -> Self {
        let disks = disks.into_iter().map(|disk| WatchedDisk {
            disk,
            told: AtomicBool::new(false),
        });
        Self {
            disks: disks.collect(),
            gate: CpuGate::new(1, 0),
            seen: Mutex::default(),
            asked: Mutex::default(),
            stopping: AtomicBool::new(false),
        }
    }

    /// What keeps the server from being ready; nothing if it is. Whoever asks counts as a balancer,
    /// which has to see that the server stops.
    pub fn ask(&self) -> Vec<Unready> {
        *lock(&self.asked) = Some(Instant::now());
        self.reasons()
    }

    /// The same for somebody who is no balancer.
    pub fn reasons(&self) -> Vec<Unready> {
        let seen = lock(&self.seen);
        let mut reasons = match &*seen {
            Some(seen) if seen.at.elapsed() < OVERDUE => seen.reasons.clone(),
            _ => vec![Unready::LookOverdue],
        };
        if self.is_stopping() {
            reasons.insert(0, Unready::Stopping);
        }
        reasons
    }

    /// From now on the server says that it is about to stop.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the server is about to stop.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Whether somebody has asked within the last minute.
    pub fn is_watched(&self) -> bool {
        lock(&self.asked).is_some_and(|at| at.elapsed() < WATCHED)
    }

    /// Notes what was seen, and tells the log when it is something else than before.
    fn note(&self, reasons: Vec<Unready>) {
        let mut seen = lock(&self.seen);
        let before = seen.as_ref().map_or(&[][..], |seen| &seen.reasons);
        if before != reasons {
            let codes: Vec<&str> = reasons.iter().map(|reason| reason.code()).collect();
            if codes.is_empty() {
                tracing::info!("ready again");
            } else {
                tracing::error!(reasons = codes.join(", "), "not ready");
            }
        }
        let at = Instant::now();
        *seen = Some(Seen { at, reasons });
    }

    /// Whether a disk is full; one that does not answer in time is left to the database to miss.
    async fn is_disk_full(&self) -> bool {
        let disks: Vec<Disk> = (self.disks.iter())
            .map(|watched| watched.disk.clone())
            .collect();
        let asked = self.gate.run((), move |_| {
            disks.iter().map(Disk::room).collect::<Vec<_>>()
        });
        let Ok(Ok(rooms)) = timeout(DISK_LIMIT, asked).await else {
            return false;
        };
        let mut full = false;
        for (watched, room) in self.disks.iter().zip(rooms) {
            watched.tell(room);
            full |= matches!(room, Some(Room::Full(_)));
        }
        full
    }
}

impl WatchedDisk {
    /// Warns once when it is nearly full, and again after there was enough room meanwhile.
    fn tell(&self, room: Option<Room>) {
        let Some(Room::Low(free) | Room::Full(free)) = room else {
            return self.told.store(false, Ordering::Relaxed);
        };
        if !self.told.swap(true, Ordering::Relaxed) {
            let folder = self.disk.folder().display();
            tracing::warn!(%folder, free_mb = megabytes(free), "the disk is nearly full");
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks again and again; never returns. It may be dropped at any point.
pub async fn watch(ctx: Context) {
    loop {
        look(&ctx).await;
        sleep(PAUSE).await;
    }
}

/// Looks once.
pub async fn look(ctx: &Context) {
    let (database, disk_full) = tokio::join!(ctx.db.examine(), ctx.readiness.is_disk_full());
    let mut reasons: Vec<Unready> = database.err().map(Unready::from).into_iter().collect();
    if disk_full {
        reasons.push(Unready::DiskFull);
    }
    if ctx.settings.credentials {
        reasons.extend(match ctx.signers.of_server(ctx.clock.now()) {
            Ok(_) => None,
            Err(SignerUnavailable::None) => Some(Unready::SignerMissing),
            Err(_) => Some(Unready::SignerEnded),
        });
    }
    ctx.readiness.note(reasons);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_long_ago_or_never_is_not_believed_and_a_stop_is_said_first() {
        let readiness = Readiness::new(Vec::new());
        assert!(!readiness.is_watched());
        assert_eq!(readiness.ask(), [Unready::LookOverdue]);
        assert!(readiness.is_watched());
        readiness.note(Vec::new());
        assert_eq!(readiness.ask(), []);
        readiness.note(vec![Unready::DatabaseDown, Unready::DiskFull]);
        readiness.stop();
        let all = [Unready::Stopping, Unready::DatabaseDown, Unready::DiskFull];
        assert_eq!(readiness.ask(), all);
        let old = Instant::now().checked_sub(OVERDUE).unwrap();
        lock(&readiness.seen).as_mut().unwrap().at = old;
        assert_eq!(readiness.ask(), [Unready::Stopping, Unready::LookOverdue]);
    }
}
