//! The standby that votes, and whether it is asked.
//!
//! One task looks at it once a second, and a call asks it only if the last look found it well. A
//! call that it fails goes on at the primary, and for some seconds none asks it again. What it says
//! counts only if it has everything that the primary had when the call began, so that a photo is
//! found from the moment at which its client was told that it is protected.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::time::{sleep, timeout};

use super::{Context, Error};
use crate::{
    db::{
        self, Access, DbError, ReadTransaction, ServerState, TenantTransaction, WalPosition,
        words::Vote,
    },
    domain::TenantId,
};

/// Pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a standby that failed a call is not asked, whatever a look finds: one that answers
/// looks may still take too long for votes.
const REST: Duration = Duration::from_secs(5);

/// How long it may take to replay what the primary has written. Until then a call finds out by
/// itself that it is behind, which costs it one question.
const LONGEST_LAG: Duration = Duration::from_secs(10);

/// How long its connections may take to close.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// Why a standby is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It refuses, does not answer in time, or is not there.
    Unreachable,
    /// It failed a call.
    VotesFailed,
    /// It has not replayed what the primary wrote ten seconds ago.
    Behind,
    /// It is no standby: it was promoted, or never was one.
    Promoted,
    /// It has another database.
    Foreign,
    /// Row-level security would not hold what is asked there.
    UnsafeRole,
}

impl Fault {
    /// Its name in the log, which stays the same.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::VotesFailed => "votes-failed",
            Self::Behind => "behind",
            Self::Promoted => "promoted",
            Self::Foreign => "another-database",
            Self::UnsafeRole => "role-unsafe",
        }
    }
}

/// A standby, and what is known of it.
#[derive(Debug)]
pub struct Standby {
    db: db::Standby,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    /// How to ask it, or why not; `None` before the first look.
    state: Option<Result<Access, Fault>>,
    /// When it last failed a call.
    failed: Option<Instant>,
    /// Where the primary's log ended at some moment; taken anew once the standby has come so far.
    mark: Option<(WalPosition, Instant)>,
}

impl Standby {
    /// A standby that nobody has looked at.
    pub fn new(db: db::Standby) -> Self {
        Self {
            db,
            known: Mutex::new(Known {
                state: None,
                failed: None,
                mark: None,
            }),
        }
    }

    /// Whether calls ask it.
    pub fn is_up(&self) -> bool {
        self.access().is_some()
    }

    /// Closes its connections, for as long as that takes, up to a second.
    pub async fn close(&self) {
        timeout(CLOSE_LIMIT, self.db.close()).await.ok();
    }

    fn access(&self) -> Option<Access> {
        self.lock().state?.ok()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what a call came to, and keeps the next ones away from a server that failed it.
    fn learn<T>(&self, outcome: Result<T, DbError>) -> Option<T> {
        outcome
            .inspect_err(|error| {
                if !error.is_passing() {
                    let mut known = self.lock();
                    known.failed = Some(Instant::now());
                    known.note(Err(Fault::VotesFailed), Some(error));
                }
            })
            .ok()
    }
}

impl Known {
    /// What a look means. `primary` is where its log ended just before.
    fn judge(
        &mut self,
        primary: ServerState,
        standby: (ServerState, Option<Access>),
        now: Instant,
    ) -> Result<Access, Fault> {
        let (standby, access) = standby;
        if standby.identity != primary.identity {
            return Err(Fault::Foreign);
        }
        let access = access.ok_or(Fault::UnsafeRole)?;
        if !standby.in_recovery {
            return Err(Fault::Promoted);
        }
        match self.mark {
            // A primary behind its own mark is another one, which took over.
            Some((written, at))
                if standby.position < Some(written) && primary.position >= Some(written) =>
            {
                if now.duration_since(at) > LONGEST_LAG {
                    return Err(Fault::Behind);
                }
            }
            _ => self.mark = primary.position.map(|written| (written, now)),
        }
        let rests = |at: Instant| now.duration_since(at) < REST;
        if self.failed.is_some_and(rests) {
            return Err(Fault::VotesFailed);
        }
        Ok(access)
    }

    /// Takes a new state, and tells the log when it is another one than before.
    fn note(&mut self, state: Result<Access, Fault>, error: Option<&DbError>) {
        if Some(state.err()) != self.state.map(Result::err) {
            match state {
                Ok(_) => tracing::info!("the read database is asked for votes"),
                Err(fault) => tracing::warn!(
                    reason = fault.code(),
                    error = error.map(tracing::field::display),
                    "the read database is not asked: votes are the primary's"
                ),
            }
        }
        self.state = Some(state);
    }
}

/// Where the primary's log ends now; `None` when no standby will be asked.
pub(super) async fn written(
    ctx: &Context,
    tx: &mut TenantTransaction,
) -> Result<Option<WalPosition>, Error> {
    match &ctx.standby {
        Some(standby) if standby.is_up() => Ok(tx.written().await?),
        _ => Ok(None),
    }
}

/// Begins a transaction on the standby, if there is one that is well and has replayed the log up to
/// `written`.
pub(super) async fn begin(
    ctx: &Context,
    tenant: &TenantId,
    written: Option<WalPosition>,
) -> Option<ReadTransaction> {
    let standby = ctx.standby.as_ref()?;
    let (access, written) = (standby.access()?, written?);
    let begun = async {
        let mut tx = standby.db.begin(tenant, access).await?;
        let there = tx.has_replayed(written).await?;
        Ok(there.then_some(tx))
    };
    standby.learn(begun.await).flatten()
}

/// What the standby's votes came to; `None` when the primary has to be asked.
pub(super) fn voted(ctx: &Context, votes: Result<Vec<Vote>, DbError>) -> Option<Vec<Vote>> {
    ctx.standby.as_ref()?.learn(votes)
}

/// Looks again and again; never returns. It may be dropped at any point.
pub async fn watch(ctx: Context) {
    loop {
        sleep(PAUSE).await;
        look(&ctx).await;
    }
}

/// Looks once; returns why the standby is not asked. While the primary cannot be asked all stays as
/// it was: no call comes so far.
pub async fn look(ctx: &Context) -> Option<Fault> {
    let standby = ctx.standby.as_ref()?;
    let primary = ctx.db.server_state().await;
    let seen = standby.db.look().await;
    let mut known = standby.lock();
    let (state, error) = match (primary, seen) {
        (Err(error @ DbError::NotPermitted(_)), _) => (Err(Fault::Unreachable), Some(error)),
        (Err(_), _) => return known.state.and_then(Result::err),
        (_, Err(error)) => (Err(Fault::Unreachable), Some(error)),
        (Ok(primary), Ok(seen)) => (known.judge(primary, seen, Instant::now()), None),
    };
    known.note(state, error.as_ref());
    state.err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Identity;

    fn at(system: i64, position: i64, in_recovery: bool) -> ServerState {
        ServerState {
            identity: Identity {
                system,
                database: 5,
            },
            in_recovery,
            position: Some(WalPosition(position)),
        }
    }

    #[test]
    fn a_standby_is_asked_while_it_is_the_right_one_and_keeps_up() {
        let access = Some(Access(""));
        let began = Instant::now();
        let mut known = Known {
            state: None,
            failed: None,
            mark: None,
        };
        let mut cases = 0;
        for (second, primary, standby, access, expected) in [
            (0, 100, at(1, 40, true), access, None),
            (1, 200, at(1, 40, true), access, None),
            // It has what there was at the first look.
            (9, 300, at(1, 120, true), access, None),
            (19, 400, at(1, 299, true), access, None),
            (20, 500, at(1, 299, true), access, Some(Fault::Behind)),
            (21, 600, at(1, 300, true), access, None),
            // Nothing is written for a long time.
            (60, 600, at(1, 600, true), access, None),
            (900, 600, at(1, 600, true), access, None),
            // Another primary took over, without the end of the log.
            (901, 590, at(1, 590, true), access, None),
            (990, 590, at(1, 590, true), access, None),
            (991, 590, at(2, 590, true), access, Some(Fault::Foreign)),
            (992, 590, at(2, 590, true), None, Some(Fault::Foreign)),
            (993, 590, at(1, 590, true), None, Some(Fault::UnsafeRole)),
            (994, 590, at(1, 590, false), access, Some(Fault::Promoted)),
        ] {
            let now = began + Duration::from_secs(second);
            let state = known.judge(at(1, primary, false), (standby, access), now);
            assert_eq!(state.err(), expected, "after {second} s");
            cases += 1;
        }
        assert_eq!(cases, 14);
        known.failed = Some(began);
        for (second, fault) in [(4, Some(Fault::VotesFailed)), (5, None)] {
            let now = began + Duration::from_secs(second);
            let seen = (at(1, 600, true), access);
            let state = known.judge(at(1, 600, false), seen, now);
            assert_eq!(state.err(), fault, "{second} s after it failed a call");
        }
    }
}
