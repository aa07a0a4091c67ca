//! A pool whose connections are guarded: no wait on one is without end, and one that is of no more
//! use is closed, not given back.
//!
//! A server that was demoted, stopped or cut off keeps its connections. A pool that went on using
//! them would not find the server that took its place. So the first connection on which that shows
//! takes all older ones with it.

use std::{
    io::ErrorKind,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{
    TryStreamExt,
    future::{self, BoxFuture},
    stream::{self, BoxStream, StreamExt},
};
use sqlx::{
    AssertSqlSafe, Connection, Describe, Either, Error, Execute, Executor, PgConnection, PgPool,
    Postgres, SqlStr,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions, PgQueryResult, PgRow, PgStatement, PgTypeInfo},
};
use tokio::{runtime::Handle, time::timeout};

use super::{
    DbError,
    error::{Trouble, trouble},
    quiet,
};
use crate::fault;

/// How long a request waits for a connection before it fails as unavailable.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an idle connection may take to answer before another one is opened in its place.
const PING_LIMIT: Duration = Duration::from_secs(2);

/// How long a connection may take to end its transaction and be given back; nobody waits for it.
const GIVE_BACK_LIMIT: Duration = Duration::from_secs(5);

/// How a pool opens and guards its connections.
#[derive(Debug, Clone, Copy)]
pub(super) struct PoolSettings {
    /// Most connections at once.
    pub(super) size: u32,
    /// Longest silence of the server during a statement; `None` waits for as long as it takes.
    pub(super) patience: Option<Duration>,
}

/// A pool of guarded connections; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct ConnectionPool {
    pool: PgPool,
    patience: Option<Duration>,
    last_loss: LastLoss,
}

/// When a connection was last found to be of no more use. Older ones lead to the same server.
#[derive(Debug, Clone, Default)]
struct LastLoss(Arc<Mutex<Option<Instant>>>);

impl LastLoss {
    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a connection of that age was opened before the loss.
    fn concerns(&self, age: Duration) -> bool {
        let at = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        at.is_some_and(|at| age >= at.elapsed())
    }
}

impl ConnectionPool {
    /// Opens the pool, and the first connection at once.
    pub(super) async fn open(
        options: PgConnectOptions,
        settings: PoolSettings,
    ) -> Result<Self, DbError> {
        let opened = Self::lazy(options, settings);
        drop(opened.pool.acquire().await?);
        Ok(opened)
    }

    /// Makes the pool, which opens connections as they are asked for.
    pub(super) fn lazy(options: PgConnectOptions, settings: PoolSettings) -> Self {
        let PoolSettings { size, patience } = settings;
        let last_loss = LastLoss::default();
        let (before, after) = (last_loss.clone(), last_loss.clone());
        let pool = PgPoolOptions::new()
            .max_connections(size)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // Done below, for those alone that are not older than the loss: a server that was
            // stopped would let each of them wait.
            .test_before_acquire(false)
            .before_acquire(move |connection, idle| {
                let last_loss = before.clone();
                Box::pin(async move {
                    if last_loss.concerns(idle.age) {
                        return Ok(false);
                    }
                    let answers =
                        matches!(timeout(PING_LIMIT, connection.ping()).await, Ok(Ok(())));
                    if !answers {
                        last_loss.note();
                    }
                    Ok(answers)
                })
            })
            .after_release(move |_, released| {
                let stale = after.concerns(released.age);
                Box::pin(future::ready(Ok(!stale)))
            })
            .connect_lazy_with(quiet(options));
        Self {
            pool,
            patience,
            last_loss,
        }
    }

    /// Takes a connection.
    pub(super) async fn acquire(&self) -> Result<GuardedConnection, DbError> {
        fault::point("connection of the database").map_err(Error::Io)?;
        Ok(GuardedConnection {
            connection: Some(self.pool.acquire().await?),
            guard: Guard {
                patience: self.patience,
                last_loss: self.last_loss.clone(),
                usable: true,
            },
            in_transaction: false,
        })
    }

    /// Whether all connections that there may be are in use.
    pub(super) fn is_used_up(&self) -> bool {
        self.pool.num_idle() == 0 && self.pool.size() >= self.pool.options().get_max_connections()
    }

    /// The connections without their guard, for what takes as long as it takes.
    pub(super) fn unguarded(&self) -> &PgPool {
        &self.pool
    }

    /// How many connections are open, and how many of them are not in use.
    pub(super) fn size(&self) -> (usize, usize) {
        let open = self.pool.size() as usize;
        (open, self.pool.num_idle().min(open))
    }

    /// Closes all connections after waiting for those in use.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// A connection that is closed when it is dropped after it was lost or in the middle of a
/// statement, and given back otherwise.
#[derive(Debug)]
pub(super) struct GuardedConnection {
    /// `None` only while it is dropped.
    connection: Option<PoolConnection<Postgres>>,
    guard: Guard,
    in_transaction: bool,
}

/// Bounds the waits on a connection, and learns from their outcome.
#[derive(Debug)]
struct Guard {
    patience: Option<Duration>,
    last_loss: LastLoss,
    usable: bool,
}

impl Guard {
    /// Waits for one answer of the server.
    async fn wait<T>(
        &mut self,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        // Stays so if this wait is broken off: what the server still sends belongs to nobody.
        self.usable = false;
        let answer = async {
            fault::point("statement")?;
            let answered = answer.await;
            // It was done, and the answer is lost.
            fault::point("answer of the database")?;
            answered
        };
        let answered = match self.patience {
            None => answer.await,
            Some(patience) => timeout(patience, answer)
                .await
                .unwrap_or_else(|_| Err(Error::Io(ErrorKind::TimedOut.into()))),
        };
        let lost = answered
            .as_ref()
            .is_err_and(|error| trouble(error) == Some(Trouble::ConnectionLost));
        self.usable = true;
        if lost {
            self.lose();
        }
        answered
    }

    fn lose(&mut self) {
        self.usable = false;
        self.last_loss.note();
    }
}

impl GuardedConnection {
    /// Begins a transaction with `statements`, the first of which is `begin`.
    pub(super) async fn begin(&mut self, statements: String) -> Result<(), DbError> {
        self.in_transaction = true;
        self.execute(AssertSqlSafe(statements)).await?;
        Ok(())
    }

    /// Sends a transaction as one message, from its begin to its commit, and returns its rows.
    pub(super) async fn ask(&mut self, statements: String) -> Result<Vec<PgRow>, DbError> {
        self.in_transaction = true;
        let rows = sqlx::raw_sql(AssertSqlSafe(statements))
            .fetch_all(&mut *self)
            .await?;
        self.in_transaction = false;
        Ok(rows)
    }

    /// Commits the transaction.
    pub(super) async fn commit(&mut self) -> Result<(), DbError> {
        self.execute("commit").await?;
        self.in_transaction = false;
        Ok(())
    }

    /// Has the connection closed in place of given back, and all that are older with it.
    pub(super) fn discard(mut self) {
        self.guard.lose();
    }

    fn parts(&mut self) -> Result<(&mut PgConnection, &mut Guard), Error> {
        let connection = self.connection.as_deref_mut().ok_or(Error::PoolClosed)?;
        Ok((connection, &mut self.guard))
    }
}

impl Drop for GuardedConnection {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        match Handle::try_current() {
            Ok(runtime) if self.guard.usable => {
                runtime.spawn(give_back(connection, self.in_transaction));
            }
            _ => connection.close_on_drop(),
        }
    }
}

/// Gives a connection back to its pool, after a rollback if it is in a transaction.
async fn give_back(mut connection: PoolConnection<Postgres>, in_transaction: bool) {
    if in_transaction {
        let rolled_back = timeout(GIVE_BACK_LIMIT, connection.execute("rollback")).await;
        if !matches!(rolled_back, Ok(Ok(_))) {
            connection.close_on_drop();
            return;
        }
    }
    // The pool makes sure that the connection answers. A server that is stopped does not, and the
    // connection must not keep its place in the pool meanwhile.
    timeout(GIVE_BACK_LIMIT, connection.return_to_pool())
        .await
        .ok();
}

impl<'c> Executor<'c> for &'c mut GuardedConnection {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let (connection, guard) = match self.parts() {
            Ok(parts) => parts,
            Err(error) => return stream::once(future::ready(Err(error))).boxed(),
        };
        let rows = connection.fetch_many(query);
        stream::try_unfold((rows, guard), |(mut rows, guard)| async move {
            let next = guard.wait(rows.try_next()).await?;
            Ok(next.map(|row| (row, (rows, guard))))
        })
        .boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(async move {
            let (connection, guard) = self.parts()?;
            guard.wait(connection.fetch_optional(query)).await
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'c: 'e,
    {
        Box::pin(async move {
            let (connection, guard) = self.parts()?;
            guard.wait(connection.prepare_with(sql, parameters)).await
        })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, Error>>
    where
        'c: 'e,
    {
        Box::pin(async move {
            let (connection, guard) = self.parts()?;
            guard.wait(connection.describe(sql)).await
        })
    }
}
