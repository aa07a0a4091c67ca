//! A hot standby of the database, which is asked for what only suggests. It may be behind, stopped
//! or gone; whoever asks it has another way.
//!
//! How far it is behind is told by the write-ahead log alone, not by clocks: a standby that has
//! replayed the log up to where the primary's ended at some moment shows everything that was
//! committed by then, and it does not fall behind while nothing is written.

use std::{io::ErrorKind, time::Duration};

use sqlx::{PgExecutor, postgres::PgConnectOptions};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    Database, DbError, TenantRows, TenantTransaction,
    pool::{ConnectionPool, PoolSettings},
    pool_shares::PoolShares,
    roles,
};
use crate::domain::TenantId;

/// How long a standby may take to begin a transaction, the wait for a connection included. It is
/// what a call loses at most to one that has just gone.
const BEGIN_LIMIT: Duration = Duration::from_millis(250);

/// How long it may take to be looked at, a new connection included.
const LOOK_LIMIT: Duration = Duration::from_secs(1);

/// Limits of a transaction, as those of the primary: local to it, in milliseconds. Votes take half
/// a second at a million photos of a tenant, 2.6 s with nothing in memory (docs/identify.md).
const LIMITS: &str = "; set local transaction_read_only = on; set local statement_timeout = 3000; \
                      set local idle_in_transaction_session_timeout = 10000";

/// Longest silence during a statement: a little longer than the server lets one take.
const PATIENCE: Duration = Duration::from_millis(3250);

/// A place in the write-ahead log: its distance from the log's beginning, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WalPosition(pub(crate) i64);

/// What tells a database from all others. Physical copies have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The cluster's system identifier.
    pub system: i64,
    /// The number of the database in it.
    pub database: i64,
}

/// A server of PostgreSQL at one moment.
#[derive(Debug, Clone, Copy)]
pub struct ServerState {
    /// Which database it has.
    pub identity: Identity,
    /// Whether it is a standby.
    pub in_recovery: bool,
    /// Up to where a standby has replayed the log, or another server has written it to its disk.
    /// `None` before the first.
    pub position: Option<WalPosition>,
}

/// How transactions on a standby become the serving role's; known once it was looked at.
#[derive(Debug, Clone, Copy)]
pub struct Access(pub(crate) &'static str);

/// A pool of connections to a standby.
#[derive(Debug)]
pub struct Standby {
    pool: ConnectionPool,
    shares: PoolShares,
}

impl Standby {
    /// Makes a pool of at most `connections`, and opens none yet.
    pub fn new(options: PgConnectOptions, connections: u32) -> Self {
        let settings = PoolSettings {
            size: connections,
            patience: Some(PATIENCE),
        };
        Self {
            pool: ConnectionPool::lazy(options, settings),
            shares: PoolShares::of(connections),
        }
    }

    /// Looks at the server, in a second at most. There is no access where row-level security would
    /// not hold what is asked.
    pub async fn look(&self) -> Result<(ServerState, Option<Access>), DbError> {
        let look = async {
            let mut connection = self.pool.acquire().await?;
            connection.begin(format!("begin{LIMITS}")).await?;
            let access = match roles::must_switch(&mut connection).await {
                Ok(switch) => Some(Access(if switch { roles::SWITCH } else { "" })),
                Err(DbError::UnsafeRole) => None,
                Err(error) => return Err(error),
            };
            let state = state(&mut connection).await?;
            connection.commit().await?;
            Ok((state, access))
        };
        timeout(LOOK_LIMIT, look).await.unwrap_or_else(|_| silent())
    }

    /// Starts a transaction that sees the rows of `tenant` only and changes nothing, in a quarter
    /// of a second at most.
    ///
    /// # Errors
    ///
    /// One that [`DbError::is_passing`] when no connection is to be had so soon: all are in use, or
    /// the tenant's share of them, or a new one takes longer.
    pub async fn begin(
        &self,
        tenant: &TenantId,
        access: Access,
    ) -> Result<ReadTransaction, DbError> {
        let limit = Instant::now() + BEGIN_LIMIT;
        let take = async {
            let permit = self.shares.take(tenant).await?;
            Ok::<_, DbError>((permit, self.pool.acquire().await?))
        };
        let taken = timeout_at(limit, take).await;
        let (permit, connection) = taken.map_err(|_| sqlx::Error::PoolTimedOut)??;
        let started = TenantTransaction::begin(connection, tenant, access.0, LIMITS);
        let answer = timeout_at(limit, started).await;
        let mut transaction = answer.unwrap_or_else(|_| silent())?;
        transaction.permit = Some(permit);
        Ok(ReadTransaction { transaction })
    }

    /// Closes all connections after waiting for those in use.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// A transaction on a standby in which row-level security shows one tenant's rows. It can be read,
/// and there is no way to commit it: it ends when it is dropped.
#[derive(Debug)]
pub struct ReadTransaction {
    transaction: TenantTransaction,
}

impl ReadTransaction {
    /// Whether the server is still a standby, and shows all that was committed before `position`.
    pub async fn has_replayed(&mut self, position: WalPosition) -> Result<bool, DbError> {
        let replayed = sqlx::query_scalar!(
            r#"select pg_is_in_recovery()
                      and coalesce(pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint >= $1, false) as "replayed!""#,
            position.0
        )
        .fetch_one(&mut self.transaction.connection)
        .await?;
        Ok(replayed)
    }

    /// The tenant's rows.
    pub fn rows(&mut self) -> TenantRows<'_> {
        self.transaction.rows()
    }
}

impl Database {
    /// The server, as a standby of it is compared with it.
    pub async fn server_state(&self) -> Result<ServerState, DbError> {
        let mut tx = self.begin_shared("").await?;
        let state = state(&mut tx).await?;
        tx.commit().await?;
        Ok(state)
    }
}

impl TenantTransaction {
    /// Up to where the log is on the server's disk. Whatever a client was told to be done lies
    /// before: a commit is shown to others only once it is there (unless `synchronous_commit` is
    /// off). `None` on a standby.
    pub async fn written(&mut self) -> Result<Option<WalPosition>, DbError> {
        let written = sqlx::query_scalar!(
            "select case when not pg_is_in_recovery()
                 then pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::bigint end"
        )
        .fetch_one(&mut self.connection)
        .await?;
        Ok(written.map(WalPosition))
    }
}

async fn state(db: impl PgExecutor<'_>) -> Result<ServerState, DbError> {
    let row = sqlx::query!(
        r#"select (select system_identifier from pg_control_system()) as "system!",
                  (select oid::bigint from pg_database where datname = current_database()) as "database!",
                  pg_is_in_recovery() as "in_recovery!",
                  pg_wal_lsn_diff(
                      case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end,
                      '0/0')::bigint as position"#
    )
    .fetch_one(db)
    .await?;
    Ok(ServerState {
        identity: Identity {
            system: row.system,
            database: row.database,
        },
        in_recovery: row.in_recovery,
        position: row.position.map(WalPosition),
    })
}

/// It did not answer in time.
fn silent<T>() -> Result<T, DbError> {
    Err(sqlx::Error::Io(ErrorKind::TimedOut.into()).into())
}
