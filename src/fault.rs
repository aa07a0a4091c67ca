//! Faults on purpose: a test lets the n-th step of one call fail, and counts n up until nothing is
//! left to fail.
//!
//! Steps are marked by [`point`], at the seams where the world can fail a call: a statement and a
//! connection of the database, the engine, the signature. The hook is compiled with debug
//! assertions only, so that tests have it and a release has not. It is no cargo feature, which
//! would compile everything once more for the tests, and could be switched on by who builds. A plan
//! belongs to one task ([`Plan::during`]), so that tests beside it do not notice, and nothing
//! outside of the process can make one.

use std::io;

#[cfg(debug_assertions)]
pub use self::planned::{Failing, Plan};

/// A step of the call that can fail. Does nothing, unless a test has planned otherwise.
///
/// # Errors
///
/// The test's.
pub fn point(step: &'static str) -> io::Result<()> {
    #[cfg(debug_assertions)]
    planned::pass(step)?;
    let _ = step;
    Ok(())
}

/// Carries the plan of this task along to the thread on which `work` runs.
pub fn carried<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    #[cfg(debug_assertions)]
    let work = planned::carried(work);
    work
}

#[cfg(debug_assertions)]
mod planned {
    use std::{
        io,
        panic::resume_unwind,
        sync::{Arc, Mutex, PoisonError},
    };

    tokio::task_local! {
        static PLAN: Plan;
    }

    /// What fails of a call; steps are counted from 0.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Failing {
        /// This step alone.
        Step(usize),
        /// This step and all that come after it.
        From(usize),
        /// This step, by a panic.
        PanicAt(usize),
    }

    /// A plan of what fails, and what became of it; clones are the same.
    #[derive(Debug, Clone)]
    pub struct Plan {
        failing: Failing,
        passed: Arc<Mutex<Passed>>,
    }

    #[derive(Debug, Default)]
    struct Passed {
        steps: usize,
        failed: Vec<&'static str>,
    }

    impl Plan {
        /// A plan of which nothing has happened yet.
        pub fn new(failing: Failing) -> Self {
            Self {
                failing,
                passed: Arc::default(),
            }
        }

        /// What was planned.
        pub fn failing(&self) -> Failing {
            self.failing
        }

        /// Does the work, and lets it fail as planned.
        pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
            PLAN.scope(self.clone(), work).await
        }

        /// The names of the steps that were failed.
        pub fn failed(&self) -> Vec<&'static str> {
            let passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
            passed.failed.clone()
        }

        fn pass(&self, step: &'static str) -> io::Result<()> {
            let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
            let number = passed.steps;
            passed.steps += 1;
            let fails = match self.failing {
                Failing::Step(at) | Failing::PanicAt(at) => number == at,
                Failing::From(at) => number >= at,
            };
            if !fails {
                return Ok(());
            }
            passed.failed.push(step);
            drop(passed);
            let fault = format!("failed on purpose: {step}");
            if matches!(self.failing, Failing::PanicAt(_)) {
                resume_unwind(Box::new(fault));
            }
            Err(io::Error::other(fault))
        }
    }

    pub(super) fn pass(step: &'static str) -> io::Result<()> {
        PLAN.try_with(|plan| plan.pass(step)).unwrap_or(Ok(()))
    }

    pub(super) fn carried<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
        let plan = PLAN.try_with(Plan::clone).ok();
        move || match plan {
            Some(plan) => PLAN.sync_scope(plan, work),
            None => work(),
        }
    }
}
