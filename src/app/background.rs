//! The work that runs beside requests: one set of tasks, which the stop of the server waits for.

use std::{collections::HashMap, time::Duration};

use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

/// How long the tasks may take to end once they are told to. None holds more than one short
/// transaction, and a transaction that is broken off changes nothing.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Owns every background task of a server. Dropping it aborts them; [`Background::stop`] lets them
/// finish what they are doing.
#[derive(Debug, Default)]
pub struct Background {
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
    stopping: CancellationToken,
}

impl Background {
    /// Starts a task. `work` is given the token that is cancelled when the server stops, and should
    /// return soon after: within [`STOP_LIMIT`], or it is aborted. `name` is for the log.
    pub fn spawn<F>(&mut self, name: &'static str, work: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let work = work(self.stopping.child_token());
        let task = self.tasks.spawn(async move {
            work.await;
        });
        self.names.insert(task.id(), name);
    }

    /// Tells all tasks to end and waits for them, for at most [`STOP_LIMIT`].
    pub async fn stop(mut self) {
        self.stopping.cancel();
        let ended = async {
            while let Some(ended) = self.tasks.join_next_with_id().await {
                let (id, failure) = match ended {
                    Ok((id, ())) => (id, None),
                    Err(failure) => (failure.id(), Some(failure)),
                };
                let task = self.names.remove(&id);
                if let Some(error) = failure {
                    tracing::error!(task, %error, "a background task failed");
                }
            }
        };
        if tokio::time::timeout(STOP_LIMIT, ended).await.is_err() {
            let tasks: Vec<&str> = self.names.into_values().collect();
            tracing::warn!(?tasks, "some background tasks did not end in time");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[tokio::test]
    async fn a_stop_waits_until_each_task_has_finished_what_it_does() {
        let finished = Arc::new(AtomicUsize::new(0));
        let mut background = Background::default();
        for steps in [0, 1, 100] {
            let finished = Arc::clone(&finished);
            background.spawn("steps", |stopping| async move {
                stopping.cancelled().await;
                for _ in 0..steps {
                    tokio::task::yield_now().await;
                }
                finished.fetch_add(1, Ordering::Relaxed);
            });
        }
        background.stop().await;
        assert_eq!(finished.load(Ordering::Relaxed), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_does_not_wait_for_ever_nor_stumble_over_a_task_that_failed() {
        let alive = Arc::new(());
        let mut background = Background::default();
        background.spawn("fails", |_| async { panic!("on purpose") });
        let held = Arc::clone(&alive);
        background.spawn("deaf", |_| async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        let started = tokio::time::Instant::now();
        background.stop().await;
        assert_eq!(started.elapsed().as_secs(), STOP_LIMIT.as_secs());
        tokio::task::yield_now().await;
        assert_eq!(Arc::strong_count(&alive), 1, "it is aborted");
    }
}
