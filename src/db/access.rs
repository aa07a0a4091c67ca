//! The table `access_states`: what ends tokens, under hashed names, and the channel that announces
//! changes.
//!
//! It is read without a tenant: every server keeps a copy (`auth::AccessStates`). Triggers on
//! tenants, accounts, credentials and revoked tokens write it, in the transaction of the change.
//!
//! What is new is told by transactions, not by time: a row holds the one that wrote it, and a
//! reading returns the snapshot that it began with. The next one asks for the rows whose
//! transaction that snapshot did not see, so it does not matter how long one was open before it
//! was committed.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use tokio::time::timeout;

use super::{Database, DbError, pool::GuardedConnection, quiet};
use crate::domain::{AccessKey, AccessState, SeenTransactions};

/// The channel that the triggers notify.
const CHANNEL: &str = "lumatrace_access";

/// Rows that are read at once when all are: about a megabyte.
const PAGE_ROWS: i64 = 10_000;

/// Where the tables that servers copy stand.
#[derive(Debug)]
pub struct AccessPosition {
    /// What is committed now; a later reading goes on from here.
    pub seen: SeenTransactions,
    /// A hash of which signing keys there are, what each is for, and how long those are needed that
    /// no longer sign. Another one means that they changed.
    pub signing_keys: i64,
    /// The same of who signs manifests, and of whose certificates are trusted.
    pub signers: i64,
    /// The transactions that the caller has seen are not of this cluster, or not of its history.
    pub other_history: bool,
}

/// Rows of the table.
#[derive(Debug, Default)]
pub struct AccessRows {
    /// Those that can be read.
    pub states: Vec<AccessState>,
    /// How many cannot. What they name is not known here, so no token for it is accepted.
    pub unreadable: usize,
    /// The key of the last row if there may be more after it.
    pub more_after: Option<Vec<u8>>,
}

/// A row as PostgreSQL gives it.
struct AccessRow {
    access_key: Vec<u8>,
    least: i64,
    version: i64,
    /// Seconds since 1970; what is infinite has none.
    expires_at: Option<i64>,
}

impl AccessRow {
    fn read(self) -> Option<AccessState> {
        Some(AccessState {
            key: self.access_key.try_into().ok()?,
            least: self.least,
            version: self.version,
            expires_at: self.expires_at,
        })
    }
}

impl AccessRows {
    fn read(rows: Vec<AccessRow>) -> Self {
        let all = rows.len();
        let states: Vec<_> = rows.into_iter().filter_map(AccessRow::read).collect();
        Self {
            unreadable: all - states.len(),
            states,
            more_after: None,
        }
    }
}

impl Database {
    /// Tells where the tables stand, for a caller who has seen the transactions of `seen`.
    pub async fn access_position(
        &self,
        seen: Option<&SeenTransactions>,
    ) -> Result<AccessPosition, DbError> {
        let mut tx = self.begin_shared("").await?;
        let position = position(&mut tx, seen).await?;
        tx.commit().await?;
        Ok(position)
    }

    /// Reads the rows whose transactions `seen` does not contain, and where the tables stood
    /// before.
    pub async fn access_changes(
        &self,
        seen: &SeenTransactions,
    ) -> Result<(AccessPosition, AccessRows), DbError> {
        // A plan for any snapshot would be one for a third of the table.
        let mut tx = self
            .begin_shared("; set local plan_cache_mode = force_custom_plan")
            .await?;
        let position = position(&mut tx, Some(seen)).await?;
        let rows = sqlx::query_as!(
            AccessRow,
            "select access_key, least, version,
                      case when isfinite(expires_at) then floor(extract(epoch from expires_at))::bigint end as expires_at
               from access_states
               where changed_in >= pg_snapshot_xmin($1::text::pg_snapshot)
                 and not pg_visible_in_snapshot(changed_in, $1::text::pg_snapshot)",
            seen.0
        )
        .fetch_all(&mut tx)
        .await?;
        tx.commit().await?;
        Ok((position, AccessRows::read(rows)))
    }

    /// Reads the rows after a key, in their order: as many as are read at once.
    pub async fn access_page(&self, after: Option<&[u8]>) -> Result<AccessRows, DbError> {
        let mut tx = self.begin_shared("").await?;
        let rows = sqlx::query_as!(
            AccessRow,
            "select access_key, least, version,
                      case when isfinite(expires_at) then floor(extract(epoch from expires_at))::bigint end as expires_at
               from access_states where access_key > $1 order by access_key limit $2",
            after.unwrap_or_default(),
            PAGE_ROWS
        )
        .fetch_all(&mut tx)
        .await?;
        tx.commit().await?;
        let full = i64::try_from(rows.len()) == Ok(PAGE_ROWS);
        let last = rows.last().map(|row| row.access_key.clone());
        Ok(AccessRows {
            more_after: last.filter(|_| full),
            ..AccessRows::read(rows)
        })
    }

    /// Drops rows that expired an hour ago, and takes over those of another cluster's
    /// transactions.
    pub async fn tidy_access_states(&self) -> Result<(), DbError> {
        let mut tx = self.begin_shared("").await?;
        sqlx::query!("select tidy_access_states()")
            .fetch_one(&mut tx)
            .await?;
        tx.commit().await
    }

    /// Listens for changes of the table, and of the signing keys.
    pub async fn changes(&self) -> Result<ChangeListener, DbError> {
        ChangeListener::listen(self.options()).await
    }
}

async fn position(
    db: &mut GuardedConnection,
    seen: Option<&SeenTransactions>,
) -> Result<AccessPosition, DbError> {
    let row = sqlx::query!(
        r#"select pg_current_snapshot()::text as "seen!",
                  coalesce(pg_snapshot_xmin(pg_current_snapshot()) < pg_snapshot_xmin($1::text::pg_snapshot), false)
                      as "other_history!",
                  (select coalesce(hashtextextended(string_agg((key_id, extract(epoch from activated_at),
                                                               extract(epoch from retired_at),
                                                               case when retired_at is not null
                                                                   then extract(epoch from tokens_until) end)::text,
                                                              '' order by key_id), 0), 0)
                   from signing_keys) as "signing_keys!",
                  hashtextextended(concat((select encode(root, 'hex') from certificate_authority),
                                          (select string_agg(signer_id::text, '' order by signer_id) from signers
                                           where removed_at is null),
                                          (select string_agg(list_id::text, '' order by name) from trust_lists)),
                                   0) as "signers!""#,
        seen.map(|seen| seen.0.as_str())
    )
    .fetch_one(db)
    .await?;
    Ok(AccessPosition {
        seen: SeenTransactions(row.seen),
        signing_keys: row.signing_keys,
        signers: row.signers,
        other_history: row.other_history,
    })
}

/// A change that the database has announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notification {
    /// The row of `access_states` under this key was written.
    Named(AccessKey),
    /// Something was written that is too much to name, or a signing key was added, activated,
    /// retired or deleted.
    Unnamed,
    /// The connection was lost: anything may have changed meanwhile.
    ConnectionLost,
}

impl Notification {
    fn read(payload: &str) -> Self {
        let key = STANDARD.decode(payload).ok();
        key.and_then(|key| key.try_into().ok())
            .map_or(Self::Unnamed, Self::Named)
    }
}

/// A connection that listens for changes.
#[derive(Debug)]
pub struct ChangeListener(PgListener);

impl ChangeListener {
    /// Opens a connection of its own.
    async fn listen(options: PgConnectOptions) -> Result<Self, DbError> {
        let pool: PgPool = PgPoolOptions::new()
            .max_connections(1)
            .connect_with(quiet(options))
            .await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Self(listener))
    }

    /// Waits for the next change. Cancelling the wait loses nothing.
    pub async fn next(&mut self) -> Result<Notification, DbError> {
        let notification = self.0.try_recv().await?;
        Ok(
            notification.map_or(Notification::ConnectionLost, |notification| {
                Notification::read(notification.payload())
            }),
        )
    }

    /// Returns the next change if it has arrived already.
    pub async fn next_arrived(&mut self) -> Result<Option<Notification>, DbError> {
        timeout(Duration::ZERO, self.next()).await.ok().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_names_a_row_or_nothing() {
        let named = Notification::read(&STANDARD.encode([15; 32]));
        assert_eq!(named, Notification::Named([15; 32]));
        for other in ["", "keys", "many", &STANDARD.encode([15; 31]), "é"] {
            assert_eq!(Notification::read(other), Notification::Unnamed, "{other}");
        }
    }
}
