//! CPU-heavy work, off the async threads and bounded in number.
//!
//! A [`CpuGate`] has as many shares as there are workers. A job takes one share, or more if its
//! work is larger, and runs once it has them. Jobs wait in a queue of bounded length; one more is
//! refused at once.
//!
//! Shares are given in order of arrival (tokio's semaphore is fair, for many permits at once too):
//! freed shares are set aside for the first job in the queue, so small jobs never overtake a large
//! one, and never wait for a large one that came later.
//!
//! A caller that goes away while its job waits frees the place. If the job runs already, it runs
//! on, since a thread cannot be stopped: it keeps its shares, so that never more than `workers` of
//! them are in use, and it can check [`Job::abandoned`] between its steps.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::sync::Semaphore;
use tracing::Span;

/// Refusal of a job because the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("all workers are busy and the queue is full")]
pub struct Busy;

/// The jobs of a [`CpuGate`] at one moment. A job counts once, however many shares it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Jobs that have their shares, also those whose caller is gone.
    pub running: usize,
    /// Jobs that wait for theirs.
    pub waiting: usize,
}

/// Bounded access to the CPU; clones share the bound.
#[derive(Debug, Clone)]
pub struct CpuGate {
    shares: Arc<Semaphore>,
    running: Arc<AtomicUsize>,
    waiting: Arc<AtomicUsize>,
    started: Arc<AtomicUsize>,
    workers: u32,
    queue: usize,
}

/// Tells a running job whether its caller still waits for the result.
#[derive(Debug)]
pub struct Job {
    abandoned: Arc<AtomicBool>,
}

impl Job {
    /// Whether nobody waits for the result any more, so that the job may skip the rest of its work.
    pub fn abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }
}

/// Stands for one job in a count, and leaves it when dropped, also when the caller hangs up.
struct CountGuard(Arc<AtomicUsize>);

impl Drop for CountGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Tells the job that its caller is gone.
struct Abandon(Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl CpuGate {
    /// A gate of `workers` shares (at least one) and `queue` waiting jobs.
    pub fn new(workers: usize, queue: usize) -> Self {
        let workers = u32::try_from(workers).unwrap_or(u32::MAX).max(1);
        Self {
            shares: Arc::new(Semaphore::new(workers as usize)),
            running: Arc::new(AtomicUsize::new(0)),
            waiting: Arc::new(AtomicUsize::new(0)),
            started: Arc::new(AtomicUsize::new(0)),
            workers,
            queue,
        }
    }

    /// Whether a job that came now would be refused.
    pub fn is_full(&self) -> bool {
        self.shares.available_permits() == 0 && self.waiting.load(Ordering::Acquire) >= self.queue
    }

    /// How many jobs run and how many wait at this moment.
    pub fn load(&self) -> Load {
        Load {
            running: self.running.load(Ordering::Acquire),
            waiting: self.waiting.load(Ordering::Acquire),
        }
    }

    /// Whether no job is running.
    pub fn is_idle(&self) -> bool {
        self.shares.available_permits() == self.workers as usize
    }

    /// How many jobs have started since the gate was made.
    pub fn started(&self) -> usize {
        self.started.load(Ordering::Relaxed)
    }

    /// Runs `work`, which takes one share, on a blocking thread, in the caller's tracing span.
    ///
    /// # Errors
    ///
    /// [`Busy`] at once when the queue is full. A panic of the job is resumed in the caller.
    pub async fn run<T, F>(&self, work: F) -> Result<T, Busy>
    where
        T: Send + 'static,
        F: FnOnce(&Job) -> T + Send + 'static,
    {
        self.run_taking(1, work).await
    }

    /// Like [`CpuGate::run`], for work that takes `shares` shares. Work that asks for more than
    /// there are gets all of them, and runs alone.
    ///
    /// # Errors
    ///
    /// As [`CpuGate::run`].
    pub async fn run_taking<T, F>(&self, shares: u32, work: F) -> Result<T, Busy>
    where
        T: Send + 'static,
        F: FnOnce(&Job) -> T + Send + 'static,
    {
        let shares = shares.min(self.workers);
        let permit = if let Ok(permit) = Arc::clone(&self.shares).try_acquire_many_owned(shares) {
            permit
        } else {
            let before = self.waiting.fetch_add(1, Ordering::AcqRel);
            let _waiting = CountGuard(Arc::clone(&self.waiting));
            if before >= self.queue {
                return Err(Busy);
            }
            Arc::clone(&self.shares)
                .acquire_many_owned(shares)
                .await
                .map_err(|_| Busy)?
        };
        self.started.fetch_add(1, Ordering::Relaxed);
        self.running.fetch_add(1, Ordering::AcqRel);
        let running = CountGuard(Arc::clone(&self.running));
        let abandoned = Arc::new(AtomicBool::new(false));
        let _abandon = Abandon(Arc::clone(&abandoned));
        let span = Span::current();
        #[expect(clippy::disallowed_methods, reason = "this is the one place")]
        let finished = tokio::task::spawn_blocking(move || {
            let _place = (running, permit);
            span.in_scope(|| work(&Job { abandoned }))
        });
        match finished.await {
            Ok(value) => Ok(value),
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Only a runtime that shuts down cancels a blocking task.
                Err(_) => Err(Busy),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use super::*;

    #[tokio::test]
    async fn a_full_queue_is_refused_at_once_and_a_hang_up_frees_its_place() {
        let gate = CpuGate::new(1, 1);
        let (release, wait) = mpsc::channel::<()>();
        let running = tokio::spawn({
            let gate = gate.clone();
            async move { gate.run(move |_| wait.recv()).await }
        });
        while gate.shares.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let mut queued = Box::pin(gate.run(|_| ()));
        assert!(futures_pending(&mut queued).await);
        assert!(gate.is_full());
        assert_eq!(gate.run(|_| ()).await, Err(Busy));
        let load = gate.load();
        assert_eq!((load.running, load.waiting), (1, 1));

        drop(queued);
        assert!(!gate.is_full());
        let mut next = Box::pin(gate.run(|_| 7));
        assert!(futures_pending(&mut next).await);
        release.send(()).unwrap();
        assert_eq!(next.await, Ok(7));
        assert!(running.await.unwrap().is_ok());
        let load = gate.load();
        assert_eq!((load.running, load.waiting), (0, 0));
    }

    #[tokio::test]
    async fn a_job_learns_that_its_caller_is_gone() {
        let gate = CpuGate::new(1, 0);
        let (started, has_started) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let caller = tokio::spawn({
            let gate = gate.clone();
            async move {
                gate.run(move |job| {
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
        let gone = gate.shares.acquire().await;
        assert!(gone.is_ok());
        assert!(told.recv().is_ok());
    }

    #[tokio::test]
    async fn large_jobs_run_alone_and_all_get_their_turn_in_order() {
        let gate = CpuGate::new(2, 16);
        let (log, running) = (
            Arc::new(Mutex::new(Vec::new())),
            Arc::new(AtomicUsize::new(0)),
        );
        let (release, wait) = mpsc::channel::<()>();
        let held = tokio::spawn({
            let gate = gate.clone();
            async move { gate.run(move |_| wait.recv().ok()).await }
        });
        while gate.shares.available_permits() > 1 {
            tokio::task::yield_now().await;
        }
        // One share is free all the time. 9 is more than there is.
        let mut queued = Vec::new();
        for (number, shares) in [9, 1, 1, 2, 1, 9, 1].into_iter().enumerate() {
            let (log, running) = (Arc::clone(&log), Arc::clone(&running));
            let taken = shares.min(2) as usize;
            let gate = gate.clone();
            let work = move |_: &Job| {
                let others = running.fetch_add(taken, Ordering::SeqCst);
                log.lock().unwrap().push((number, others + taken));
                std::thread::sleep(std::time::Duration::from_millis(5));
                running.fetch_sub(taken, Ordering::SeqCst);
            };
            let mut job = Box::pin(async move { gate.run_taking(shares, work).await });
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
        assert!(gate.is_idle());
    }

    #[tokio::test]
    async fn a_large_job_that_hangs_up_gives_back_what_was_put_aside() {
        let gate = CpuGate::new(2, 1);
        let (release, wait) = mpsc::channel::<()>();
        let held = tokio::spawn({
            let gate = gate.clone();
            async move { gate.run(move |_| wait.recv().ok()).await }
        });
        while gate.shares.available_permits() > 1 {
            tokio::task::yield_now().await;
        }
        let mut large = Box::pin(gate.run_taking(2, |_| ()));
        assert!(futures_pending(&mut large).await);
        assert!(gate.is_full(), "the free share is the large job's");
        drop(large);
        assert_eq!(gate.run(|_| 7).await, Ok(7));
        release.send(()).unwrap();
        assert!(held.await.unwrap().is_ok());
    }

    /// Polls once; whether the future is still waiting.
    async fn futures_pending<F: Future + Unpin>(future: &mut F) -> bool {
        std::future::poll_fn(|cx| {
            std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending())
        })
        .await
    }
}
