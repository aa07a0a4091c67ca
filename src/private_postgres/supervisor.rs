//! The life of a cluster, as the loop of one thread: try to become its owner, else follow the owner
//! that it has.

use std::{
    fs::File,
    path::PathBuf,
    process::{Child, ExitStatus},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender},
    thread,
    time::{Duration, Instant},
};

use super::{PrivatePostgresError, at, cluster_dir::ClusterDir, sys};

/// How often a healthy cluster is checked, by its owner and by followers.
const WATCH: Duration = Duration::from_millis(200);
/// How often a cluster that is starting or stopping is checked.
const HURRY: Duration = Duration::from_millis(10);
/// How long `start` waits for a cluster, which includes the end of an old one.
const START_LIMIT: Duration = Duration::from_mins(1);
/// How long `start` waits for one that is recovering: breaking a recovery off would only make the
/// next start begin it again.
const RECOVERY_LIMIT: Duration = Duration::from_mins(10);
/// How long PostgreSQL may take to write everything to disk when it stops.
const STOP_LIMIT: Duration = Duration::from_mins(1);
/// How long it may take when it writes nothing.
const IMMEDIATE_LIMIT: Duration = Duration::from_secs(10);
/// A PostgreSQL that ran this long did not fail to start.
const STEADY: Duration = Duration::from_secs(10);
/// Failed attempts after which `start` gives up.
const MAX_ATTEMPTS: u32 = 5;
/// Longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long an abandoned cluster has to stop on its own before it is asked to.
const ABANDONED_LIMIT: Duration = Duration::from_secs(1);

type Report = Result<PathBuf, PrivatePostgresError>;

/// The state of the thread that watches over a cluster.
#[derive(Debug)]
pub(super) struct Supervisor {
    cluster_dir: ClusterDir,
    stop: Receiver<()>,
    /// Takes the outcome of `start`; `None` once that is sent.
    report: Option<SyncSender<Report>>,
    started: Instant,
    abandoned_since: Option<Instant>,
    failures: u32,
    told_of_recovery: bool,
}

/// The step that follows a turn of the loop: to stop, or another turn after a pause.
enum Next {
    Stop,
    After(Duration),
}

/// How a PostgreSQL that this process owned ended.
enum End {
    Asked,
    Unasked(ExitStatus),
}

impl Supervisor {
    pub(super) fn new(
        cluster_dir: ClusterDir,
        stop: Receiver<()>,
        report: SyncSender<Report>,
    ) -> Self {
        Self {
            cluster_dir,
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
        match self.cluster_dir.try_lock_cluster()? {
            Some(lock) => self.own(lock),
            None => self.follow(),
        }
    }

    /// Runs PostgreSQL until it ends.
    fn own(&mut self, lock: File) -> Result<Next, PrivatePostgresError> {
        self.abandoned_since = None;
        let ownership = self.cluster_dir.lock_ownership()?;
        let mut child = self.cluster_dir.launch(&lock)?;
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
            if let Some(status) = child.try_wait().map_err(at(self.cluster_dir.folder()))? {
                return Ok(End::Unasked(status));
            }
            if !ready && self.cluster_dir.is_ready(Some(child.id())) {
                ready = true;
                tracing::info!(folder = %self.cluster_dir.folder().display(), "the private PostgreSQL is ready");
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

    /// Uses the cluster that another process owns, or waits for what is left of an abandoned one to
    /// end.
    fn follow(&mut self) -> Result<Next, PrivatePostgresError> {
        if !self.cluster_dir.has_owner()? {
            // Linux signals it to stop when its owner dies; on other systems this process must.
            if self
                .abandoned_since
                .get_or_insert_with(Instant::now)
                .elapsed()
                > ABANDONED_LIMIT
            {
                self.abandoned_since = None;
                self.cluster_dir.stop_abandoned();
            }
        } else if self.report.is_none() {
            self.abandoned_since = None;
            return Ok(Next::After(WATCH));
        } else if self.cluster_dir.is_ready(None) {
            tracing::info!(folder = %self.cluster_dir.folder().display(), "using the PostgreSQL of another process");
            self.report_ready();
        }
        self.check_time("is held by another process, and does not become ready")?;
        Ok(Next::After(HURRY))
    }

    fn report_ready(&mut self) {
        if let Some(report) = self.report.take() {
            let _ = report.send(Ok(self.cluster_dir.socket_folder()));
        }
    }

    /// Gives up only during `start`: later there is nobody to report to, and nothing better to do
    /// than to keep trying.
    fn check_time(&mut self, trouble: &'static str) -> Result<(), PrivatePostgresError> {
        let waited = self.started.elapsed();
        if self.report.is_none() || waited <= START_LIMIT {
            return Ok(());
        }
        if waited > RECOVERY_LIMIT || !self.cluster_dir.is_starting() {
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
            log: self.cluster_dir.log(),
            tail: self.cluster_dir.log_tail(),
        }
    }

    /// How long to wait before the next start: none to speak of after the first failure, then twice
    /// as long each time, up to [`LONGEST_PAUSE`].
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
    // One that somebody has paused would not hear of it.
    sys::send(child.id(), sys::Signal::Resume);
    if ends_within(child, STOP_LIMIT) {
        return;
    }
    tracing::warn!(
        "the private PostgreSQL does not stop in time and will have to recover at its next start"
    );
    sys::send(child.id(), sys::Signal::ImmediateShutdown);
    if !ends_within(child, IMMEDIATE_LIMIT) {
        // Its other processes see that it is gone. It is dead, or will be: what fails is no news.
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn ends_within(child: &mut Child, limit: Duration) -> bool {
    let asked = Instant::now();
    while let Ok(None) = child.try_wait() {
        if asked.elapsed() > limit {
            return false;
        }
        thread::sleep(HURRY);
    }
    true
}
