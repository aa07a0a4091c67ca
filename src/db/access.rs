//! The table `access_states`: what ends tokens, under hashed names, and the channel that announces
//! changes.
//!
//! It is read whole and without a tenant: every server keeps a copy (`auth::AccessStates`).
//! Triggers on tenants, accounts, credentials and revoked tokens write it, in the transaction of
//! the change.

use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use time::OffsetDateTime;

use super::{DbError, is_read_only, pool::GuardedConnection, prepare, quiet};
use crate::domain::AccessState;

/// The channel that the triggers notify.
const CHANNEL: &str = "lumatrace_access";

/// A row as PostgreSQL gives it.
struct AccessRow {
    access_key: Vec<u8>,
    least: i64,
    expires_at: Option<OffsetDateTime>,
}

impl AccessRow {
    fn read(self) -> Result<AccessState, DbError> {
        Ok(AccessState {
            key: self
                .access_key
                .try_into()
                .map_err(|_| DbError::Corrupt("access_states"))?,
            least: self.least,
            expires_at: self.expires_at.map(OffsetDateTime::unix_timestamp),
        })
    }
}

/// Reads all rows, after deleting those that expired an hour ago, unless the database takes no
/// changes.
pub(super) async fn all(db: &mut GuardedConnection) -> Result<Vec<AccessState>, DbError> {
    if !is_read_only(&mut *db).await? {
        sqlx::query!("delete from access_states where expires_at < now() - interval '1 hour'")
            .execute(&mut *db)
            .await?;
    }
    let rows = sqlx::query_as!(
        AccessRow,
        "select access_key, least, expires_at from access_states"
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(AccessRow::read).collect()
}

/// Reads the rows that changed in the last five minutes. That is more than what is new, since a
/// transaction may commit long after it wrote.
pub(super) async fn recent(db: &mut GuardedConnection) -> Result<Vec<AccessState>, DbError> {
    let rows = sqlx::query_as!(
        AccessRow,
        "select access_key, least, expires_at from access_states
         where changed_at > clock_timestamp() - interval '5 minutes'"
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(AccessRow::read).collect()
}

/// A change that the database has announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notification {
    /// Rows of `access_states` were written.
    AccessStates,
    /// A signing key was added, activated, retired or deleted.
    SigningKeys,
    /// The connection was lost: anything may have changed meanwhile.
    ConnectionLost,
}

/// A connection that listens for changes.
#[derive(Debug)]
pub struct ChangeListener(PgListener);

impl ChangeListener {
    /// Opens a connection of its own, set up like those of the pool.
    pub(super) async fn listen(
        options: PgConnectOptions,
        role: Option<&'static str>,
    ) -> Result<Self, DbError> {
        let pool: PgPool = PgPoolOptions::new()
            .max_connections(1)
            .after_connect(move |connection, _| Box::pin(prepare(connection, role)))
            .connect_with(quiet(options))
            .await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Self(listener))
    }

    /// Waits for the next change. Cancelling the wait loses nothing.
    pub async fn next(&mut self) -> Result<Notification, DbError> {
        let notification = self.0.try_recv().await?;
        Ok(match notification {
            Some(notification) if notification.payload() == "keys" => Notification::SigningKeys,
            Some(_) => Notification::AccessStates,
            None => Notification::ConnectionLost,
        })
    }
}
