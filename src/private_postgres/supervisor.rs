//! The life of a cluster, as the loop of one thread: try to become its owner, be a good guest
//! otherwise.

use std::{
    fs::File,
    path::PathBuf,
    process::{Child, ExitStatus},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender},
    thread,
    time::{Duration, Instant},
};

use super::{PrivatePostgresError, at, home::Home, sys};

/// How often a healthy cluster is looked at, by its owner and by guests.
const WATCH: Duration = Duration::from_millis(200);
/// How often one is looked at that is coming up or going down.
const HURRY: Duration = Duration::from_millis(10);
/// How long `start` waits for a cluster, which includes the end of an old one.
const START_LIMIT: Duration = Duration::from_mins(1);
/// How long it waits for one that is on its way up: to break off a recovery would only begin it anew.
const RECOVERY_LIMIT: Duration = Duration::from_mins(10);
/// How long PostgreSQL may take to write everything down at the end.
const STOP_LIMIT: Duration = Duration::from_mins(1);
/// A PostgreSQL that lived this long did not fail to start.
const STEADY: Duration = Duration::from_secs(10);
/// How often PostgreSQL may end at once before `start` gives up.
const MAX_ATTEMPTS: u32 = 5;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long an abandoned cluster has to go down on its own, before it is asked to.
const ABANDONED_LIMIT: Duration = Duration::from_secs(1);

type Report = Result<PathBuf, PrivatePostgresError>;

/// The watching thread's state.
#[derive(Debug)]
pub(super) struct Supervisor {
    home: Home,
    stop: Receiver<()>,
    /// Takes the outcome of `start`; gone once that has returned.
    report: Option<SyncSender<Report>>,
    started: Instant,
    abandoned_since: Option<Instant>,
    failures: u32,
    told_of_recovery: bool,
}

/// What follows a turn of the loop.
enum Next {
    Stop,
    After(Duration),
}

/// How a PostgreSQL of ours ended.
enum End {
    Asked,
    Unasked(ExitStatus),
}

impl Supervisor {
    pub(super) fn new(home: Home, stop: Receiver<()>, report: SyncSender<Report>) -> Self {
        Self {
            home,
            stop,
            report: Some(report),
            started: Instant::now(),
            abandoned_since: None,
            failures: 0,
            told_of_recovery: false,
        }
    }

    pub(super) fn run(mut self) {
        loop {
            let pause = match self.turn() {
                Ok(Next::Stop) => return,
                Ok(Next::After(pause)) => pause,
                Err(error) => {
                    if let Some(report) = self.report.take() {
                        // Nobody listens only if the caller is gone, and then nobody needs to know.
                        let _ = report.send(Err(error));
                        return;
                    }
                    tracing::error!(%error, "the private PostgreSQL is down");
                    self.failures += 1;
                    self.back_off()
                }
            };
            if self.stop_requested_within(pause) {
                return;
            }
        }
    }

    fn turn(&mut self) -> Result<Next, PrivatePostgresError> {
        match self.home.try_lock_cluster()? {
            Some(lock) => self.own(lock),
            None => self.visit(),
        }
    }

    /// Runs PostgreSQL until it ends.
    fn own(&mut self, lock: File) -> Result<Next, PrivatePostgresError> {
        self.abandoned_since = None;
        let ownership = self.home.lock_ownership()?;
        let mut child = self.home.launch(&lock)?;
        // From here on PostgreSQL holds it, down to its last process.
        drop(lock);
        let launched = Instant::now();
        let end = match self.watch(&mut child) {
            Ok(end) => end,
            Err(error) => {
                shut_down(&mut child);
                return Err(error);
            }
        };
        drop(ownership);
        let status = match end {
            End::Asked => return Ok(Next::Stop),
            End::Unasked(status) => status,
        };
        tracing::warn!(%status, "the private PostgreSQL ended unexpectedly, starting it again");
        if launched.elapsed() > STEADY {
            self.failures = 0;
        }
        self.failures += 1;
        if self.report.is_some() && self.failures >= MAX_ATTEMPTS {
            return Err(self.not_ready("ends as soon as it is started"));
        }
        Ok(Next::After(self.back_off()))
    }

    fn watch(&mut self, child: &mut Child) -> Result<End, PrivatePostgresError> {
        let mut ready = false;
        loop {
            if let Some(status) = child.try_wait().map_err(at(self.home.folder()))? {
                return Ok(End::Unasked(status));
            }
            if !ready && self.home.is_ready(Some(child.id())) {
                ready = true;
                tracing::info!(folder = %self.home.folder().display(), "the private PostgreSQL is ready");
                self.report_ready();
            }
            if !ready {
                self.check_time("does not become ready")?;
            }
            if self.stop_requested_within(if ready { WATCH } else { HURRY }) {
                shut_down(child);
                return Ok(End::Asked);
            }
        }
    }

    /// Uses a cluster that another process runs, or waits for the remains of an old one to go.
    fn visit(&mut self) -> Result<Next, PrivatePostgresError> {
        if !self.home.has_owner()? {
            // Linux has told it to stop when its owner died; elsewhere we have to.
            if self
                .abandoned_since
                .get_or_insert_with(Instant::now)
                .elapsed()
                > ABANDONED_LIMIT
            {
                self.abandoned_since = None;
                self.home.stop_abandoned();
            }
        } else if self.report.is_none() {
            self.abandoned_since = None;
            return Ok(Next::After(WATCH));
        } else if self.home.is_ready(None) {
            tracing::info!(folder = %self.home.folder().display(), "using the PostgreSQL of another process");
            self.report_ready();
        }
        self.check_time("is held by another process, and does not become ready")?;
        Ok(Next::After(HURRY))
    }

    fn report_ready(&mut self) {
        if let Some(report) = self.report.take() {
            let _ = report.send(Ok(self.home.socket_folder()));
        }
    }

    /// Only `start` is impatient: later on there is nobody to tell, and nothing better to do than to
    /// go on trying.
    fn check_time(&mut self, trouble: &'static str) -> Result<(), PrivatePostgresError> {
        let waited = self.started.elapsed();
        if self.report.is_none() || waited <= START_LIMIT {
            return Ok(());
        }
        if waited > RECOVERY_LIMIT || !self.home.is_starting() {
            return Err(self.not_ready(trouble));
        }
        if !self.told_of_recovery {
            self.told_of_recovery = true;
            tracing::warn!(
                "the private PostgreSQL is recovering from a crash, which takes its time"
            );
        }
        Ok(())
    }

    fn not_ready(&self, trouble: &'static str) -> PrivatePostgresError {
        PrivatePostgresError::NotReady {
            trouble,
            log: self.home.log(),
            tail: self.home.log_tail(),
        }
    }

    /// The first new start comes at once, the others at growing intervals.
    fn back_off(&self) -> Duration {
        match self.failures {
            0 | 1 => HURRY,
            failures => LONGEST_PAUSE.min(Duration::from_millis(100 << failures.min(10))),
        }
    }

    fn stop_requested_within(&self, pause: Duration) -> bool {
        self.stop.recv_timeout(pause) != Err(RecvTimeoutError::Timeout)
    }
}

/// Stops PostgreSQL and waits until it is down.
fn shut_down(child: &mut Child) {
    sys::send(child.id(), sys::Signal::FastShutdown);
    let asked = Instant::now();
    while let Ok(None) = child.try_wait() {
        if asked.elapsed() > STOP_LIMIT {
            tracing::warn!(
                "the private PostgreSQL does not stop in time and will have to recover at its next start"
            );
            sys::send(child.id(), sys::Signal::ImmediateShutdown);
            let _ = child.wait();
            return;
        }
        thread::sleep(HURRY);
    }
}
