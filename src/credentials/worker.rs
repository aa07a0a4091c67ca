//! Runs work that a stranger's file may make slow, deep or faulty: on a thread of its own, with a
//! deadline.
//!
//! A thread cannot be stopped from outside. The crate asks [`has_time`] between its steps, so that
//! work that is late ends at the next one; until then it is a stray, and there are never more than
//! [`MAX_STRAYS`]. While there are as many, nothing is begun.

use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

/// Stack of the thread: the crate walks nested boxes and ingredients by recursion, and its limits
/// (200 ingredients deep) need more than the 2 MiB of an ordinary thread.
const STACK_BYTES: usize = 8 << 20;
/// Most threads that may be late at a time: half of a small machine.
const MAX_STRAYS: usize = 2;

thread_local! {
    /// When the work on this thread is to be finished.
    static DEADLINE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Returns whether the work on this thread still has time.
pub(super) fn has_time() -> bool {
    DEADLINE
        .get()
        .is_none_or(|deadline| Instant::now() < deadline)
}

/// Runs work within a limit of time.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    limit: Duration,
    strays: Arc<AtomicUsize>,
}

/// Work that was finished.
#[derive(Debug)]
pub(super) struct Finished<T> {
    pub(super) result: T,
    /// CPU time of its thread.
    pub(super) cpu: Duration,
}

/// Reasons for which there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overrun {
    /// It is late.
    Deadline,
    /// Too much is late already; it was not begun.
    Crowded,
    /// It panicked, or there is no thread for it.
    Failed,
}

/// Counts a thread as long as it lives on after its caller has left.
struct Stray(Arc<AtomicUsize>);

impl Drop for Stray {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Worker {
    pub(super) fn new(limit: Duration) -> Self {
        let strays = Arc::default();
        Self { limit, strays }
    }

    /// Runs work, and waits for it as long as the limit is.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Finished<T>, Overrun> {
        if self.strays.load(Ordering::Acquire) >= MAX_STRAYS {
            return Err(Overrun::Crowded);
        }
        // Made late, the thread is given the stray to drop when it ends.
        let (finish, finished) = mpsc::sync_channel(1);
        let (release, released) = mpsc::sync_channel::<Stray>(1);
        let deadline = Instant::now() + self.limit;
        let spawned = thread::Builder::new()
            .name("judge".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                DEADLINE.set(Some(deadline));
                let result = panic::catch_unwind(AssertUnwindSafe(work));
                // What was cut short by the deadline may have a result, and a wrong one.
                let result = match result {
                    Ok(result) if has_time() => Ok(Finished {
                        result,
                        cpu: thread_cpu_time(),
                    }),
                    Ok(_) => Err(Overrun::Deadline),
                    Err(_) => Err(Overrun::Failed),
                };
                let _ = finish.send(result);
                drop(released);
            });
        if spawned.is_err() {
            return Err(Overrun::Failed);
        }
        match finished.recv_timeout(self.limit) {
            Ok(result) => result,
            Err(RecvTimeoutError::Disconnected) => Err(Overrun::Failed),
            Err(RecvTimeoutError::Timeout) => {
                self.strays.fetch_add(1, Ordering::AcqRel);
                let _ = release.send(Stray(Arc::clone(&self.strays)));
                Err(Overrun::Deadline)
            }
        }
    }
}

/// CPU time of this thread.
fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strays(worker: &Worker) -> usize {
        worker.strays.load(Ordering::Acquire)
    }

    #[test]
    fn work_that_panics_or_recurses_deeply_is_contained() {
        fn deep(levels: u32) -> u32 {
            let ballast = std::hint::black_box([levels; 256]);
            if levels == 0 {
                0
            } else {
                deep(levels - 1) + ballast[7].min(1)
            }
        }
        let worker = Worker::new(Duration::from_secs(20));
        let panicked = worker.run(|| panic!("on purpose")).map(|f| f.result);
        assert_eq!(panicked, Err::<(), _>(Overrun::Failed));
        assert_eq!(worker.run(|| deep(2_000)).unwrap().result, 2_000);
        assert_eq!(strays(&worker), 0);
    }

    /// Late work is left to itself; while two are late nothing is begun, and their end is noticed.
    #[test]
    fn late_work_is_counted_until_it_ends() {
        let worker = Worker::new(Duration::from_millis(20));
        let mut gates = Vec::new();
        for late in 1..=MAX_STRAYS {
            let (gate, wait) = mpsc::channel::<()>();
            let ended = worker.run(move || wait.recv().is_err());
            assert_eq!(ended.unwrap_err(), Overrun::Deadline);
            assert_eq!(strays(&worker), late);
            gates.push(gate);
        }
        assert_eq!(worker.run(|| ()).unwrap_err(), Overrun::Crowded);
        drop(gates);
        while strays(&worker) > 0 {
            thread::yield_now();
        }
        assert!(worker.run(|| ()).is_ok());
    }

    #[test]
    fn work_can_ask_whether_it_has_time() {
        let worker = Worker::new(Duration::from_millis(30));
        let (tell, told) = mpsc::channel();
        let late = worker.run(move || {
            assert!(has_time());
            while has_time() {
                thread::yield_now();
            }
            tell.send(()).unwrap();
        });
        assert_eq!(late.unwrap_err(), Overrun::Deadline);
        assert_eq!(told.recv(), Ok(()), "it ended by itself");
        assert!(has_time(), "no deadline on this thread");
    }
}
