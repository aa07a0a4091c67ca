//! PostgreSQL: connections, transactions that belong to a tenant, and one file of queries per
//! table.
//!
//! May use `domain`, `fault`, and `metrics` to tell how long it was waited for. Two doors lead in:
//! [`Database`] connects as the serving role, which row-level security holds, and hands out nothing
//! but [`TenantTransaction`]s; [`Operator`] connects as the owner, for migrations, keys and the
//! operator's commands. Every query on a tenant's table takes a `TenantTransaction`, so it cannot
//! be asked without a tenant. A [`Standby`] is a side door to a copy: it hands out
//! [`ReadTransaction`]s, which can do nothing but lend their [`TenantRows`].

pub mod access;
pub mod accounts;
pub mod audit;
pub mod backup;
pub mod bindings;
pub mod certificate_authority;
pub mod check_tallies;
pub mod credentials;
mod error;
mod examination;
mod health;
pub mod idempotency_keys;
pub mod known_sources;
pub mod manifests;
pub mod photo_lists;
pub mod photos;
mod pool;
mod pool_shares;
pub mod protections;
pub mod publications;
pub mod resolution_tallies;
pub mod restore;
pub mod revoked_tokens;
pub mod roles;
pub mod signers;
pub mod signing_keys;
pub mod soft_binding_tallies;
mod standby;
pub mod stored_manifests;
pub mod tenant_rates;
pub mod tenants;
pub mod trust_lists;
pub mod usage_hours;
pub mod words;

use std::{
    cmp::Ordering,
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::{
    ConnectOptions, PgExecutor, Postgres, Transaction,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgRow},
};

use tokio::sync::OwnedSemaphorePermit;

pub use error::DbError;
pub use examination::DatabaseFacts;
pub use health::{DatabaseFault, refusal};
/// What the operator's statements run on.
pub use sqlx::PgConnection;
pub use standby::{Access, Identity, ReadTransaction, ServerState, Standby, WalPosition};

use self::{
    pool::{ConnectionPool, GuardedConnection, PoolSettings},
    pool_shares::PoolShares,
};
use crate::{domain::TenantId, metrics::Metrics};

/// The migrations, compiled into the program.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// Limits of a request's transaction, which the server keeps (docs/operations.md, "A database in
/// trouble"), in milliseconds. They are local to the transaction, like its tenant: a setting of the
/// session would outlive it, and reach others behind a pooler.
///
/// The wait for a lock is the shorter one, so that its end is told as what it was.
const SERVING_LIMITS: &str = "; set local lock_timeout = 5000; set local statement_timeout = 8000; \
                              set local idle_in_transaction_session_timeout = 10000";

/// The same for the operator's transactions: a statement may take as long as it has to, as that
/// which deletes a tenant does.
const OPERATOR_LIMITS: &str =
    "; set local lock_timeout = 5000; set local idle_in_transaction_session_timeout = 10000";

/// Longest silence of the server during a request's statement. Longer than the server lets one
/// take: it ends the wait for a server that is stopped, or cut off.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections of an operator: a command has two transactions open at most, and one that only holds
/// a lock.
const OPERATOR_CONNECTIONS: u32 = 3;

/// How long who puts a master key in place waits for others who do.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Advisory lock that lets one starting server at a time create what must exist once. Any number
/// that nothing else in the database uses.
const BOOTSTRAP_LOCK: i64 = 0x4c75_6d61_5472_6163;

/// The connections of a [`Database`] at one moment.
#[derive(Debug, Clone, Copy)]
pub struct PoolState {
    /// Those in use.
    pub used: usize,
    /// Those that are open and not in use.
    pub idle: usize,
    /// Most that may be open.
    pub max: usize,
}

/// A pool of connections that are used in transactions as the serving role, and in no other way.
#[derive(Debug, Clone)]
pub struct Database {
    pool: ConnectionPool,
    shares: Arc<PoolShares>,
    connections: u32,
    metrics: Metrics,
    options: PgConnectOptions,
    /// The statement that switches a transaction to the serving role; empty when the connection's
    /// own role is no stronger.
    switch: &'static str,
}

impl Database {
    /// Opens a pool of at most `connections`, and the first of them at once.
    ///
    /// With `switch_role` each transaction switches to the serving role. Not each connection:
    /// behind a pooler that lends connections for a transaction, what is set outside of one is
    /// another client's.
    pub async fn connect(
        options: PgConnectOptions,
        switch_role: bool,
        connections: u32,
        metrics: Metrics,
    ) -> Result<Self, DbError> {
        let settings = PoolSettings {
            size: connections,
            patience: Some(PATIENCE),
        };
        Ok(Self {
            pool: ConnectionPool::open(options.clone(), settings).await?,
            shares: Arc::new(PoolShares::of(connections)),
            connections,
            metrics,
            options,
            switch: if switch_role { roles::SWITCH } else { "" },
        })
    }

    /// Starts a transaction that sees and writes the rows of `tenant` only.
    pub async fn begin(&self, tenant: &TenantId) -> Result<TenantTransaction, DbError> {
        self.begin_with(tenant, SERVING_LIMITS).await
    }

    /// Starts such a transaction whose commit does not wait for the disk (`synchronous_commit =
    /// off`): a crash of the database may undo it.
    pub async fn begin_async_commit(
        &self,
        tenant: &TenantId,
    ) -> Result<TenantTransaction, DbError> {
        let settings = format!("{SERVING_LIMITS}; set local synchronous_commit = off");
        self.begin_with(tenant, &settings).await
    }

    /// Starts such a transaction for [`protections::save`]. With `serialised` it first waits for
    /// every other one of the tenant's that is, and holds later ones up until it ends, so that a
    /// count of photos stays true until it is used.
    pub async fn begin_protection(
        &self,
        tenant: &TenantId,
        serialised: bool,
    ) -> Result<TenantTransaction, DbError> {
        // Two tenants that share a lock, which 64 bits make unlikely, wait for each other and are
        // counted apart. A tenant's name may stand between quotes.
        let lock = if serialised {
            format!("; select pg_advisory_xact_lock(hashtextextended('protect {tenant}', 0))")
        } else {
            String::new()
        };
        let settings = format!("{SERVING_LIMITS}{}{lock}", words::INDEX_SCANS);
        self.begin_with(tenant, &settings).await
    }

    /// Starts such a transaction whose queries all see what there is at the first one, and are
    /// planned for the values that they are asked with: a plan for any values could use no index.
    pub async fn begin_snapshot(&self, tenant: &TenantId) -> Result<TenantTransaction, DbError> {
        let settings = format!(
            "{SERVING_LIMITS}; set local plan_cache_mode = force_custom_plan; \
             set transaction isolation level repeatable read"
        );
        self.begin_with(tenant, &settings).await
    }

    async fn begin_with(
        &self,
        tenant: &TenantId,
        settings: &str,
    ) -> Result<TenantTransaction, DbError> {
        let take = async {
            let permit = self.shares.take(tenant).await?;
            Ok::<_, DbError>((permit, self.pool.acquire().await?))
        };
        let (permit, connection) = self.timed(take).await?;
        let mut begun = TenantTransaction::begin(connection, tenant, self.switch, settings).await?;
        begun.permit = Some(permit);
        Ok(begun)
    }

    /// Asks one question about the tenant's rows, in one message that begins a transaction, asks,
    /// and ends it: one round trip. Nothing can be written.
    ///
    /// Such a message takes no parameters, so `question` holds no more than numbers and ids between
    /// quotes. The tenant is that of the transaction, which row-level security asks for.
    async fn ask(&self, tenant: &TenantId, question: &str) -> Result<Vec<PgRow>, DbError> {
        let take = async {
            let permit = self.shares.take(tenant).await?;
            Ok::<_, DbError>((permit, self.pool.acquire().await?))
        };
        let (_permit, mut connection) = self.timed(take).await?;
        let begin = begin_of(tenant, self.switch, SERVING_LIMITS);
        let message = format!("{begin}; set transaction read only; {question}; commit");
        connection.ask(message).await
    }

    /// Waits for a connection, and tells the metrics how long.
    async fn timed<T>(&self, wait: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let taken = wait.await;
        self.metrics.db_wait(began.elapsed());
        taken
    }

    /// Starts a transaction of no tenant, for what servers share. `settings` follows its begin.
    async fn begin_shared(&self, settings: &str) -> Result<GuardedConnection, DbError> {
        let mut connection = self.timed(self.pool.acquire()).await?;
        let begin = format!("begin{}{SERVING_LIMITS}{settings}", self.switch);
        connection.begin(begin).await?;
        Ok(connection)
    }

    /// Whether all connections that there may be are in use.
    fn is_used_up(&self) -> bool {
        self.pool.is_used_up()
    }

    /// How many connections are in use, are open and idle, and may be open at most.
    pub fn connections(&self) -> PoolState {
        let (open, idle) = self.pool.size();
        PoolState {
            used: open - idle,
            idle,
            max: self.connections as usize,
        }
    }

    /// How it connects.
    fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// Closes all connections after waiting for those in use.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// A transaction in which row-level security shows one tenant's rows. Rolled back unless committed.
#[derive(Debug)]
pub struct TenantTransaction {
    connection: GuardedConnection,
    tenant: TenantId,
    /// Of the tenant's share of the pool; the operator has none.
    permit: Option<OwnedSemaphorePermit>,
}

impl TenantTransaction {
    /// Begins the transaction, switches its role and sets its tenant in one message, since every
    /// request waits for it.
    async fn begin(
        mut connection: GuardedConnection,
        tenant: &TenantId,
        switch: &str,
        settings: &str,
    ) -> Result<Self, DbError> {
        connection.begin(begin_of(tenant, switch, settings)).await?;
        Ok(Self {
            connection,
            tenant: tenant.clone(),
            permit: None,
        })
    }

    /// Makes all changes permanent.
    pub async fn commit(mut self) -> Result<(), DbError> {
        self.connection.commit().await
    }

    /// The tenant whose rows it sees.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The tenant's rows, for a query that only reads and is asked of standbys, too.
    pub fn rows(&mut self) -> TenantRows<'_> {
        TenantRows {
            connection: &mut self.connection,
            tenant: self.tenant.as_str(),
        }
    }

    fn parts(&mut self) -> (&mut GuardedConnection, &str) {
        (&mut self.connection, self.tenant.as_str())
    }
}

/// The statements that begin a transaction of a tenant's.
///
/// A setting that is local to the transaction is gone with it, however it ends. A tenant's name has
/// letters, digits, `_` and `-` alone, so that it may stand between quotes; the message takes no
/// parameters.
fn begin_of(tenant: &TenantId, switch: &str, settings: &str) -> String {
    format!("begin{switch}; set local lumatrace.tenant = '{tenant}'{settings}")
}

/// A transaction of nobody's, in which row-level security shows what tenants have published. Rolled
/// back unless committed.
#[derive(Debug)]
pub struct PublicTransaction {
    connection: GuardedConnection,
    /// Of the share of the pool of whoever asks.
    _permit: OwnedSemaphorePermit,
}

impl PublicTransaction {
    /// Makes all changes permanent.
    pub async fn commit(mut self) -> Result<(), DbError> {
        self.connection.commit().await
    }
}

/// The rows of one tenant, lent by a transaction.
#[derive(Debug)]
pub struct TenantRows<'t> {
    connection: &'t mut GuardedConnection,
    tenant: &'t str,
}

/// A few connections as the owner of the tables.
#[derive(Debug)]
pub struct Operator {
    pool: ConnectionPool,
}

impl Operator {
    /// Connects as the role of `options`.
    pub async fn connect(options: PgConnectOptions) -> Result<Self, DbError> {
        let settings = PoolSettings {
            size: OPERATOR_CONNECTIONS,
            patience: None,
        };
        let pool = ConnectionPool::open(options, settings).await?;
        Ok(Self { pool })
    }

    /// Creates the serving role and applies missing migrations; several servers may do so at once.
    ///
    /// A role that may not create anything, and a database that is read-only, are accepted when
    /// nothing is missing.
    ///
    /// # Errors
    ///
    /// [`DbError::ReadOnly`] or [`DbError::NotMigrated`] when something is missing and cannot be
    /// made.
    pub async fn migrate(&self) -> Result<(), DbError> {
        let mut connection = self.pool.unguarded().acquire().await?;
        let read_only = is_read_only(&mut *connection).await?;
        if !read_only && roles::may_create(&mut connection).await? {
            roles::ensure_serving_role(&mut connection).await?;
            return Ok(MIGRATOR.run(&mut *connection).await?);
        }
        let missing = || {
            if read_only {
                DbError::ReadOnly
            } else {
                DbError::NotMigrated
            }
        };
        match schema(&mut *connection).await {
            Ok(Schema::Current) => Ok(()),
            _ => Err(missing()),
        }
    }

    /// How the schema stands to this program; changes nothing.
    pub async fn schema(&self) -> Result<Schema, DbError> {
        schema(&mut *self.pool.unguarded().acquire().await?).await
    }

    /// Creates the serving role, and applies the migrations up to one.
    pub async fn migrate_to(&self, version: i64) -> Result<(), DbError> {
        let mut connection = self.pool.unguarded().acquire().await?;
        roles::ensure_serving_role(&mut connection).await?;
        Ok(MIGRATOR.run_to(version, &mut *connection).await?)
    }

    /// Whether the transactions of serving connections with the same options must switch to the
    /// serving role.
    pub async fn must_switch(&self) -> Result<bool, DbError> {
        roles::must_switch(&mut *self.pool.unguarded().acquire().await?).await
    }

    /// Takes from the serving role what it never needs, as far as the connected role can, and
    /// returns what is left of it.
    pub async fn restrict_serving_role(&self) -> Result<roles::Excess, DbError> {
        // One server at a time: two would change the same rows of the catalogue.
        let mut tx = self.bootstrap().await?;
        let left = roles::restrict_serving_role(&mut tx).await?;
        tx.commit().await?;
        Ok(left)
    }

    /// What the serving role may do and never needs, and a start as this role does not take from
    /// it; changes nothing. There has to be a serving role.
    pub async fn lasting_excess(&self) -> Result<roles::Excess, DbError> {
        roles::lasting_excess(&mut *self.pool.unguarded().acquire().await?).await
    }

    /// What the database says of itself, and of the connected role.
    pub async fn facts(&self) -> Result<DatabaseFacts, DbError> {
        examination::facts(&mut *self.pool.unguarded().acquire().await?).await
    }

    /// Whether two connections at once are served by one process of PostgreSQL: a pooler lends them
    /// for one transaction at a time. That can show on an idle one alone.
    pub async fn shares_sessions(&self) -> Result<bool, DbError> {
        let pool = self.pool.unguarded();
        let (mut one, mut other) = (pool.acquire().await?, pool.acquire().await?);
        Ok(examination::process(&mut one).await? == examination::process(&mut other).await?)
    }

    /// Starts a transaction that other starting servers wait for, to create what must exist once.
    pub async fn bootstrap(&self) -> Result<Transaction<'static, Postgres>, DbError> {
        let mut transaction = self.pool.unguarded().begin().await?;
        sqlx::query!("select pg_advisory_xact_lock($1)", BOOTSTRAP_LOCK)
            .fetch_one(&mut *transaction)
            .await?;
        Ok(transaction)
    }

    /// Keeps backups, and others who put a master key in place, away until the transaction ends;
    /// `None` when one of them is still at work after five seconds.
    pub async fn lock_master_key(&self) -> Result<Option<Transaction<'static, Postgres>>, DbError> {
        let mut tx = self.begin().await?;
        // It is held for as long as all takes.
        sqlx::raw_sql("set local idle_in_transaction_session_timeout = 0")
            .execute(&mut *tx)
            .await?;
        let until = tokio::time::Instant::now() + LOCK_PATIENCE;
        loop {
            let free = sqlx::query_scalar!(
                r#"select pg_try_advisory_xact_lock($1) as "free!""#,
                backup::MASTER_KEY_LOCK
            )
            .fetch_one(&mut *tx)
            .await?;
            if free {
                return Ok(Some(tx));
            }
            if tokio::time::Instant::now() > until {
                return Ok(None);
            }
            // One that was killed gives its lock back as soon as PostgreSQL notices.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Starts a transaction on the tables that belong to no tenant.
    pub async fn begin(&self) -> Result<Transaction<'static, Postgres>, DbError> {
        Ok(self.pool.unguarded().begin().await?)
    }

    /// Starts a transaction that changes nothing, and sees what there is at its first query.
    async fn begin_snapshot(&self) -> Result<Transaction<'static, Postgres>, DbError> {
        let begin = "begin isolation level repeatable read, read only";
        Ok(self.pool.unguarded().begin_with(begin).await?)
    }

    /// Starts a transaction for the rows of one tenant.
    pub async fn begin_for(&self, tenant: &TenantId) -> Result<TenantTransaction, DbError> {
        let connection = self.pool.acquire().await?;
        TenantTransaction::begin(connection, tenant, "", OPERATOR_LIMITS).await
    }

    /// Closes all connections after waiting for those in use.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// How the schema of a database stands to this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// There is none.
    Missing,
    /// Migrations are missing.
    Older,
    /// It is that of this program.
    Current,
    /// A newer program has migrated it.
    Newer,
}

async fn schema(db: impl PgExecutor<'_>) -> Result<Schema, DbError> {
    /// SQLSTATE `undefined_table`.
    const NO_TABLE: &str = "42P01";
    let applied = sqlx::query_scalar!("select count(*) from schema_versions")
        .fetch_one(db)
        .await;
    let applied = match applied {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(NO_TABLE) => {
            return Ok(Schema::Missing);
        }
        applied => applied?.unwrap_or_default(),
    };
    let known = i64::try_from(MIGRATOR.iter().count()).unwrap_or(i64::MAX);
    Ok(match applied.cmp(&known) {
        Ordering::Less => Schema::Older,
        Ordering::Equal => Schema::Current,
        Ordering::Greater => Schema::Newer,
    })
}

/// Whether the database takes no changes: it is a standby, or was set so.
async fn is_read_only(db: impl PgExecutor<'_>) -> Result<bool, DbError> {
    let setting = sqlx::query_scalar!("select current_setting('transaction_read_only')")
        .fetch_one(db)
        .await?;
    Ok(setting.as_deref() == Some("on"))
}

/// sqlx would log each statement; ours are timed in their own spans instead.
fn quiet(options: PgConnectOptions) -> PgConnectOptions {
    options
        .application_name("lumatrace")
        .disable_statement_logging()
}
