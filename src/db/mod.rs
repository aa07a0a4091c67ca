//! PostgreSQL: connections, transactions that belong to a tenant, and one file of queries per
//! table.
//!
//! May use `domain` only. Two doors lead in: [`Database`] connects as the serving role, which
//! row-level security holds, and hands out nothing but [`TenantTransaction`]s; [`Operator`]
//! connects as the owner, for migrations, keys and the operator's commands. Every query on a
//! tenant's table takes a `TenantTransaction`, so it cannot be asked without a tenant.

pub mod access;
pub mod accounts;
pub mod audit;
pub mod credentials;
mod error;
pub mod idempotency_keys;
pub mod known_sources;
pub mod photos;
pub mod revoked_tokens;
pub mod roles;
pub mod signing_keys;
pub mod tenant_rates;
pub mod tenants;
pub mod usage_hours;
pub mod words;

use std::time::Duration;

use sqlx::{
    AssertSqlSafe, ConnectOptions, Executor, PgConnection, PgPool, Postgres, Transaction,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};

pub use error::DbError;

use crate::domain::{AccessState, TenantId};

/// The migrations, compiled into the program.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// How long a request waits for a connection before it fails as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Advisory lock that lets one starting server at a time create what must exist once. Any number
/// that nothing else in the database uses.
const BOOTSTRAP_LOCK: i64 = 0x4c75_6d61_5472_6163;

/// A pool of connections as the serving role.
#[derive(Debug, Clone)]
pub struct Database {
    pool: PgPool,
    options: PgConnectOptions,
    role: Option<&'static str>,
}

impl Database {
    /// Opens a pool of at most `connections`, and the first of them at once.
    ///
    /// `role`, if given, is the role that each connection switches to.
    pub async fn connect(
        options: PgConnectOptions,
        role: Option<&'static str>,
        connections: u32,
    ) -> Result<Self, DbError> {
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(move |connection, _| Box::pin(prepare(connection, role)))
            .connect_with(quiet(options.clone()))
            .await?;
        Ok(Self {
            pool,
            options,
            role,
        })
    }

    /// Starts a transaction that sees and writes the rows of `tenant` only.
    pub async fn begin(&self, tenant: &TenantId) -> Result<TenantTransaction, DbError> {
        TenantTransaction::begin(&self.pool, tenant, "").await
    }

    /// Starts such a transaction whose commit does not wait for the disk (`synchronous_commit =
    /// off`): a crash of the database may undo it.
    pub async fn begin_async_commit(
        &self,
        tenant: &TenantId,
    ) -> Result<TenantTransaction, DbError> {
        TenantTransaction::begin(&self.pool, tenant, "; set local synchronous_commit = off").await
    }

    /// Reads everything that can end tokens.
    pub async fn access_states(&self) -> Result<Vec<AccessState>, DbError> {
        access::all(&mut *self.pool.acquire().await?).await
    }

    /// Reads what changed of it in the last five minutes.
    pub async fn recent_access_states(&self) -> Result<Vec<AccessState>, DbError> {
        access::recent(&mut *self.pool.acquire().await?).await
    }

    /// Listens for changes of it, and of the signing keys.
    pub async fn changes(&self) -> Result<access::ChangeListener, DbError> {
        access::ChangeListener::listen(self.options.clone(), self.role).await
    }

    /// Checks that the database answers.
    pub async fn ping(&self) -> Result<(), DbError> {
        sqlx::query!("select 1 as one")
            .fetch_one(&self.pool)
            .await?;
        Ok(())
    }

    /// Closes all connections after waiting for those in use.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// A transaction in which row-level security shows one tenant's rows. Rolled back unless committed.
#[derive(Debug)]
pub struct TenantTransaction {
    transaction: Transaction<'static, Postgres>,
    tenant: TenantId,
}

impl TenantTransaction {
    /// Begins the transaction and sets its tenant in one message, since every request waits for it.
    async fn begin(
        pool: &PgPool,
        tenant: &TenantId,
        settings: &'static str,
    ) -> Result<Self, DbError> {
        // A setting that is local to the transaction is gone with it, however it ends. A tenant's
        // name has letters, digits, `_` and `-` alone, so that it may stand between quotes; this
        // message takes no parameters.
        let begin = format!("begin; set local lumatrace.tenant = '{tenant}'{settings}");
        Ok(Self {
            transaction: pool.begin_with(AssertSqlSafe(begin)).await?,
            tenant: tenant.clone(),
        })
    }

    /// Makes all changes permanent.
    pub async fn commit(self) -> Result<(), DbError> {
        Ok(self.transaction.commit().await?)
    }

    /// The tenant whose rows it sees.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn parts(&mut self) -> (&mut PgConnection, &str) {
        (&mut self.transaction, self.tenant.as_str())
    }
}

/// A few connections as the owner of the tables.
#[derive(Debug)]
pub struct Operator {
    pool: PgPool,
}

impl Operator {
    /// Connects as the role of `options`.
    pub async fn connect(options: PgConnectOptions) -> Result<Self, DbError> {
        let pool = PgPoolOptions::new()
            .max_connections(2)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(quiet(options))
            .await?;
        Ok(Self { pool })
    }

    /// Creates the serving role and applies missing migrations; several servers may do so at once.
    ///
    /// A role that may not create anything is accepted when nothing is missing.
    pub async fn migrate(&self) -> Result<(), DbError> {
        let mut connection = self.pool.acquire().await?;
        if roles::may_create(&mut connection).await? {
            roles::ensure_serving_role(&mut connection).await?;
            return Ok(MIGRATOR.run(&mut *connection).await?);
        }
        let applied = sqlx::query_scalar!("select count(*) from schema_versions")
            .fetch_one(&mut *connection)
            .await
            .map_err(|_| DbError::NotMigrated)?;
        let known = MIGRATOR.iter().count();
        if applied.and_then(|count| usize::try_from(count).ok()) != Some(known) {
            return Err(DbError::NotMigrated);
        }
        Ok(())
    }

    /// The role that a serving connection with the same options must switch to, if any.
    pub async fn serving_role(&self) -> Result<Option<&'static str>, DbError> {
        roles::serving_role(&mut *self.pool.acquire().await?).await
    }

    /// Starts a transaction that other starting servers wait for, to create what must exist once.
    pub async fn bootstrap(&self) -> Result<Transaction<'static, Postgres>, DbError> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query!("select pg_advisory_xact_lock($1)", BOOTSTRAP_LOCK)
            .fetch_one(&mut *transaction)
            .await?;
        Ok(transaction)
    }

    /// Starts a transaction on the tables that belong to no tenant.
    pub async fn begin(&self) -> Result<Transaction<'static, Postgres>, DbError> {
        Ok(self.pool.begin().await?)
    }

    /// Starts a transaction for the rows of one tenant.
    pub async fn begin_for(&self, tenant: &TenantId) -> Result<TenantTransaction, DbError> {
        TenantTransaction::begin(&self.pool, tenant, "").await
    }

    /// Closes all connections after waiting for those in use.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Switches a new connection to the serving role.
async fn prepare(
    connection: &mut PgConnection,
    role: Option<&'static str>,
) -> Result<(), sqlx::Error> {
    if role.is_some() {
        connection.execute(roles::SWITCH).await?;
    }
    Ok(())
}

/// sqlx would log each statement; ours are timed in their own spans instead.
fn quiet(options: PgConnectOptions) -> PgConnectOptions {
    options
        .application_name("lumatrace")
        .disable_statement_logging()
}
