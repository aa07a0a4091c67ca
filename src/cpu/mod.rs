//! CPU-heavy work, off the async threads, bounded in number and fair between parties.
//!
//! A [`CpuGate`] has as many shares as there are workers. A job takes one share, or more if its
//! work is larger, and runs once it has them. Jobs wait in a queue of bounded length; whose turn it
//! is, and who is refused when it is full, goes by party: [`fair_queue`] has the rules. CPU time is
//! that of the job's thread.
//!
//! A caller that goes away while its job waits frees the place. If the job runs already, it runs
//! on, since a thread cannot be stopped: it keeps its shares, so that never more than `workers` of
//! them are in use, and it can check [`Job::abandoned`] between its steps.

mod fair_queue;

use std::{
    collections::HashMap,
    fmt::Debug,
    hash::Hash,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};
use tokio::sync::oneshot;
use tracing::Span;

use crate::request_scope::RequestScope;

pub use self::fair_queue::{Bound, Busy};
use self::fair_queue::{FairQueue, Start};
use crate::fault;

/// The jobs of a [`CpuGate`] at one moment. A job counts once, however many shares it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Jobs that have their shares, also those whose caller is gone.
    pub running: usize,
    /// Jobs that wait for theirs.
    pub waiting: usize,
}

/// Bounded access to the CPU for parties of type `K`; clones share the bound.
#[derive(Debug)]
pub struct CpuGate<K: Clone + Eq + Hash>(Arc<Mutex<GateState<K>>>);

impl<K: Clone + Eq + Hash> Clone for CpuGate<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
struct GateState<K> {
    queue: FairQueue<K>,
    /// Who is told how it went on, by ticket.
    told: HashMap<u64, oneshot::Sender<Result<Start, Busy>>>,
}

impl<K: Clone + Eq + Hash> GateState<K> {
    /// Tells all jobs that may start now. Whoever takes its place back does so under the same lock,
    /// so each of them hears it.
    fn start(&mut self) {
        while let Some(start) = self.queue.next() {
            self.tell(start.ticket, Ok(start));
        }
    }

    fn tell(&mut self, ticket: u64, outcome: Result<Start, Busy>) {
        if let Some(waiting) = self.told.remove(&ticket) {
            waiting.send(outcome).ok();
        }
    }
}

/// Tells a running job whether its caller still waits for the result.
#[derive(Debug)]
pub struct Job {
    abandoned: Arc<AtomicBool>,
    /// CPU time that the job used on other threads, in nanoseconds.
    elsewhere: Arc<AtomicU64>,
}

impl Job {
    /// Whether nobody waits for the result any more, so that the job may skip the rest of its work.
    pub fn abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Adds CPU time that was used on another thread, so that it counts for the party.
    pub fn charge(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.elsewhere.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

/// A job in the queue; gives its place back when dropped, also when the caller hangs up.
struct QueuedJob<K: Clone + Eq + Hash> {
    gate: CpuGate<K>,
    party: K,
    shares: u32,
    ticket: u64,
    outcome: oneshot::Receiver<Result<Start, Busy>>,
}

impl<K: Clone + Eq + Hash> QueuedJob<K> {
    fn turn(&self, start: Start) -> Turn<K> {
        Turn {
            gate: self.gate.clone(),
            party: self.party.clone(),
            shares: self.shares,
            start,
            began: None,
            elsewhere: Arc::default(),
        }
    }
}

impl<K: Clone + Eq + Hash> Drop for QueuedJob<K> {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        if state.queue.leave(&self.party, self.ticket) {
            state.told.remove(&self.ticket);
            // What waited behind it may fit now.
            state.start();
        }
        drop(state);
        // It was told to start and did not hear it any more.
        if let Ok(Ok(start)) = self.outcome.try_recv() {
            drop(self.turn(start));
        }
    }
}

/// The shares of a job that runs; dropped on its thread, it gives them back and is charged.
struct Turn<K: Clone + Eq + Hash> {
    gate: CpuGate<K>,
    party: K,
    shares: u32,
    start: Start,
    /// CPU seconds of the thread when the job began.
    began: Option<f64>,
    /// CPU time on other threads, in nanoseconds.
    elsewhere: Arc<AtomicU64>,
}

impl<K: Clone + Eq + Hash> Drop for Turn<K> {
    fn drop(&mut self) {
        let elsewhere = Duration::from_nanos(self.elsewhere.load(Ordering::Relaxed));
        let seconds = self.began.map_or(0.0, |began| {
            thread_cpu_seconds() - began + elsewhere.as_secs_f64()
        });
        let mut state = self.gate.lock();
        (state.queue).finish(&self.party, self.shares, self.start, seconds);
        state.start();
    }
}

/// CPU time of this thread in seconds.
fn thread_cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    #[expect(
        clippy::cast_precision_loss,
        reason = "a thread does not run for 2^53 seconds"
    )]
    let (seconds, nanoseconds) = (time.tv_sec as f64, time.tv_nsec as f64);
    seconds + nanoseconds * 1e-9
}

/// Tells the job that its caller is gone.
struct Abandon(Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl<K: Clone + Debug + Eq + Hash + Send + 'static> CpuGate<K> {
    /// A gate of `workers` shares (at least one) and `queue` waiting jobs.
    pub fn new(workers: usize, queue: usize) -> Self {
        let workers = u32::try_from(workers).unwrap_or(u32::MAX);
        Self(Arc::new(Mutex::new(GateState {
            queue: FairQueue::new(workers, queue),
            told: HashMap::new(),
        })))
    }

    /// Whether a job of `party` would be taken now. Costs no more than a look.
    ///
    /// # Errors
    ///
    /// What [`CpuGate::run`] would say.
    pub fn admits(&self, party: &K) -> Result<(), Busy> {
        self.lock().queue.admits(party)
    }

    /// How many jobs run and how many wait at this moment.
    pub fn load(&self) -> Load {
        let state = self.lock();
        Load {
            running: state.queue.running(),
            waiting: state.queue.waiting(),
        }
    }

    /// Runs `work` of `party`, which takes one share, on a blocking thread, in the caller's tracing
    /// span.
    ///
    /// # Errors
    ///
    /// [`Busy`] at once when the party's share or the whole queue is used up; later, when the
    /// party has to give a place up for another. A panic of the job is resumed in the caller.
    pub async fn run<T, F>(&self, party: K, work: F) -> Result<T, Busy>
    where
        T: Send + 'static,
        F: FnOnce(&Job) -> T + Send + 'static,
    {
        self.run_taking(party, 1, work).await
    }

    /// Like [`CpuGate::run`], for work that takes `shares` shares. Work that asks for more than
    /// there are gets all of them, and runs alone.
    ///
    /// # Errors
    ///
    /// As [`CpuGate::run`].
    pub async fn run_taking<T, F>(&self, party: K, shares: u32, work: F) -> Result<T, Busy>
    where
        T: Send + 'static,
        F: FnOnce(&Job) -> T + Send + 'static,
    {
        let mut place = self.enter(party, shares)?;
        let stopped = Busy {
            bound: Bound::Server,
            retry_after_seconds: 1,
        };
        let start = (&mut place.outcome).await.unwrap_or(Err(stopped))?;
        let turn = place.turn(start);
        drop(place);
        let abandoned = Arc::new(AtomicBool::new(false));
        let _abandon = Abandon(Arc::clone(&abandoned));
        let (span, scope) = (Span::current(), RequestScope::current());
        let work = fault::carried(move || {
            let mut turn = turn;
            turn.began = Some(thread_cpu_seconds());
            let job = Job {
                abandoned,
                elsewhere: Arc::clone(&turn.elsewhere),
            };
            let work = || span.in_scope(|| work(&job));
            match scope {
                Some(scope) => scope.hold_sync(work),
                None => work(),
            }
        });
        #[expect(clippy::disallowed_methods, reason = "this is the one place")]
        let finished = tokio::task::spawn_blocking(work);
        match finished.await {
            Ok(value) => Ok(value),
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Only a runtime that shuts down cancels a blocking task.
                Err(_) => Err(stopped),
            },
        }
    }
}

impl<K: Clone + Eq + Hash> CpuGate<K> {
    fn enter(&self, party: K, shares: u32) -> Result<QueuedJob<K>, Busy> {
        let mut state = self.lock();
        let entered = state.queue.enter(&party, shares)?;
        let (tell, outcome) = oneshot::channel();
        state.told.insert(entered.ticket, tell);
        if let Some((displaced, busy)) = entered.displaced {
            state.tell(displaced, Err(busy));
        }
        state.start();
        drop(state);
        Ok(QueuedJob {
            gate: self.clone(),
            party,
            shares,
            ticket: entered.ticket,
            outcome,
        })
    }

    fn lock(&self) -> MutexGuard<'_, GateState<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{atomic::AtomicUsize, mpsc};

    use tokio::task::JoinHandle;

    use super::*;

    #[tokio::test]
    async fn a_full_queue_is_refused_at_once_and_a_hang_up_frees_its_place() {
        let gate = CpuGate::new(1, 1);
        let (release, running) = hold(&gate).await;
        let mut queued = Box::pin(gate.run((), |_| ()));
        assert!(futures_pending(&mut queued).await);
        assert!(gate.admits(&()).is_err());
        let refused = gate.run((), |_| ()).await.unwrap_err();
        assert_eq!(refused.bound, Bound::Server);
        let load = gate.load();
        assert_eq!((load.running, load.waiting), (1, 1));

        drop(queued);
        assert!(gate.admits(&()).is_ok());
        let mut next = Box::pin(gate.run((), |_| 7));
        assert!(futures_pending(&mut next).await);
        release.send(()).unwrap();
        assert_eq!(next.await, Ok(7));
        assert!(running.await.unwrap().is_ok());
        let load = gate.load();
        assert_eq!((load.running, load.waiting), (0, 0));
    }

    #[tokio::test]
    async fn a_job_stays_in_the_scope_of_its_request() {
        let gate = CpuGate::new(1, 1);
        let scope = RequestScope::begin(None, Span::none());
        let trace = || RequestScope::current().map(|scope| scope.trace());
        let found = scope.clone().hold(gate.run((), move |_| trace())).await;
        assert_eq!(found, Ok(Some(scope.trace())));
        assert_eq!(gate.run((), move |_| trace()).await, Ok(None));
    }

    #[tokio::test]
    async fn a_job_learns_that_its_caller_is_gone() {
        let gate = CpuGate::new(1, 0);
        let (started, has_started) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let caller = tokio::spawn({
            let gate = gate.clone();
            async move {
                gate.run((), move |job| {
                    started.send(()).ok();
                    while !job.abandoned() {
                        std::thread::yield_now();
                    }
                    tell.send(()).ok();
                })
                .await
            }
        });
        while has_started.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
        caller.abort();
        while gate.load().running > 0 {
            tokio::task::yield_now().await;
        }
        assert!(told.recv().is_ok());
    }

    #[tokio::test]
    async fn large_jobs_run_alone_and_all_get_their_turn_in_order() {
        let gate = CpuGate::new(2, 16);
        let (log, running) = (
            Arc::new(Mutex::new(Vec::new())),
            Arc::new(AtomicUsize::new(0)),
        );
        let (release, held) = hold(&gate).await;
        // One share is free all the time. 9 is more than there is.
        let mut queued = Vec::new();
        for (number, shares) in [9, 1, 1, 2, 1, 9, 1].into_iter().enumerate() {
            let (log, running) = (Arc::clone(&log), Arc::clone(&running));
            let taken = shares.min(2) as usize;
            let gate = gate.clone();
            let work = move |_: &Job| {
                let others = running.fetch_add(taken, Ordering::SeqCst);
                log.lock().unwrap().push((number, others + taken));
                std::thread::sleep(Duration::from_millis(5));
                running.fetch_sub(taken, Ordering::SeqCst);
            };
            let mut job = Box::pin(async move { gate.run_taking((), shares, work).await });
            assert!(futures_pending(&mut job).await, "{number} waits its turn");
            queued.push(job);
        }
        assert!(log.lock().unwrap().is_empty(), "nobody overtakes the first");
        release.send(()).unwrap();
        assert!(held.await.unwrap().is_ok());
        let queued: Vec<_> = queued.into_iter().map(tokio::spawn).collect();
        for job in queued {
            assert_eq!(job.await.unwrap(), Ok(()));
        }
        let log = log.lock().unwrap();
        assert!(log.iter().all(|(_, shares)| *shares <= 2), "{log:?}");
        // The two that run at once may begin in either order.
        let order: Vec<usize> = log.iter().map(|(number, _)| *number).collect();
        let [first, b, c, rest @ ..] = order.as_slice() else {
            panic!("{order:?}");
        };
        assert_eq!((*first, b.min(c), b.max(c)), (0, &1, &2), "{order:?}");
        assert_eq!(rest, [3, 4, 5, 6]);
        assert_eq!(gate.load().running, 0);
    }

    #[tokio::test]
    async fn a_large_job_that_hangs_up_gives_back_what_was_put_aside() {
        let gate = CpuGate::new(2, 1);
        let (release, held) = hold(&gate).await;
        let mut large = Box::pin(gate.run_taking((), 2, |_| ()));
        assert!(futures_pending(&mut large).await);
        assert!(
            gate.admits(&()).is_err(),
            "the free share is the large job's"
        );
        drop(large);
        assert_eq!(gate.run((), |_| 7).await, Ok(7));
        release.send(()).unwrap();
        assert!(held.await.unwrap().is_ok());
    }

    /// Holds a share until something is sent.
    async fn hold(gate: &CpuGate<()>) -> (mpsc::Sender<()>, JoinHandle<Result<(), Busy>>) {
        let (release, wait) = mpsc::channel::<()>();
        let held = tokio::spawn({
            let gate = gate.clone();
            async move { gate.run((), move |_| wait.recv().unwrap_or(())).await }
        });
        while gate.load().running < 1 {
            tokio::task::yield_now().await;
        }
        (release, held)
    }

    /// Polls once; whether the future is still waiting.
    async fn futures_pending<F: Future + Unpin>(future: &mut F) -> bool {
        std::future::poll_fn(|cx| {
            std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending())
        })
        .await
    }
}
