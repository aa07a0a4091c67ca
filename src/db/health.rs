//! What is wrong with the database, found out in a bounded time.

use std::time::Duration;

use sqlx::{Connection, Executor, PgConnection, error::DatabaseError, postgres::PgConnectOptions};
use tokio::time::timeout;

use super::{Database, DbError, is_read_only, quiet};

/// How long the database may take to begin a transaction, answer in it and end it.
const LOOK_LIMIT: Duration = Duration::from_millis(400);

/// How long it may take to let somebody in, who asks why it did not answer in time.
const DIAGNOSIS_LIMIT: Duration = Duration::from_millis(200);

/// SQLSTATE `too_many_connections`: of the server, the database or the role.
const TOO_MANY_CONNECTIONS: &str = "53300";

/// A transaction with little memory, so that what it sorts needs the disk. The least that
/// PostgreSQL takes.
const LITTLE_MEMORY: &str = "; set local work_mem = '64kB'";

/// Sorts about 150 KB, which PostgreSQL does in a temporary file: on a full disk it cannot. The
/// serving role may write no table that is nobody's, and a row that fits into a page that is there
/// would show nothing.
const USE_DISK: &str = "select count(*) from (
    select from generate_series(1, 1000) as number order by md5(number::text) || repeat('-', 100) offset 0
) as sorted";

/// What is wrong with a database, as far as an operator acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseFault {
    /// It refuses, or there is nothing at its address.
    Down,
    /// It does not answer in time.
    Silent,
    /// No connection is to be had: it has no more, or all of this server's are in use.
    Exhausted,
    /// It takes no changes.
    ReadOnly,
    /// Its disk is full.
    Full,
}

impl Database {
    /// Checks that the database answers, takes changes, and has room on its disk.
    pub async fn check_writable(&self) -> Result<(), DbError> {
        let mut tx = self.begin_shared(LITTLE_MEMORY).await?;
        if is_read_only(&mut tx).await? {
            tx.discard();
            return Err(DbError::ReadOnly);
        }
        tx.execute(USE_DISK).await?;
        tx.commit().await
    }

    /// The same in 600 ms at most, and what is wrong.
    pub async fn examine(&self) -> Result<(), DatabaseFault> {
        match timeout(LOOK_LIMIT, self.check_writable()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(DbError::ReadOnly)) => Err(DatabaseFault::ReadOnly),
            Ok(Err(DbError::Full(_))) => Err(DatabaseFault::Full),
            _ => Err(self.diagnose().await),
        }
    }

    /// Why there was no answer: asked on a connection beside the pool, which tries again for so
    /// long that the reason is lost.
    async fn diagnose(&self) -> DatabaseFault {
        match refusal(self.options()).await {
            None if self.is_used_up() => DatabaseFault::Exhausted,
            found => found.unwrap_or(DatabaseFault::Silent),
        }
    }
}

/// Why a database lets nobody in who connects like this, found out in 200 ms at most; `None` if it
/// does.
pub async fn refusal(options: PgConnectOptions) -> Option<DatabaseFault> {
    let options = quiet(options);
    match timeout(DIAGNOSIS_LIMIT, PgConnection::connect_with(&options)).await {
        Err(_) => Some(DatabaseFault::Silent),
        Ok(Ok(_)) => None,
        Ok(Err(refused)) => {
            let code = refused.as_database_error().and_then(DatabaseError::code);
            Some(match code.as_deref() {
                Some(TOO_MANY_CONNECTIONS) => DatabaseFault::Exhausted,
                _ => DatabaseFault::Down,
            })
        }
    }
}
