//! What `lumatrace doctor` asks a database about itself. Changes nothing.

use time::OffsetDateTime;

use super::{DbError, Operator, roles};

/// What a database says of itself, and of the role that asks.
#[derive(Debug, Clone)]
pub struct DatabaseFacts {
    /// The version of PostgreSQL, as it calls itself.
    pub version: String,
    /// Its major version, as 17.
    pub major: u32,
    /// The role that is connected.
    pub role: String,
    /// The version of TLS; `None` on a connection in plain, as that of a unix socket.
    pub tls: Option<String>,
    /// What its clock says.
    pub clock: OffsetDateTime,
}

impl Operator {
    /// Asks for version, role, encryption and clock.
    pub async fn facts(&self) -> Result<DatabaseFacts, DbError> {
        let found = sqlx::query!(
            r#"select current_setting('server_version') as "version!",
                      current_setting('server_version_num')::int / 10000 as "major!",
                      current_user::text as "role!",
                      (select version from pg_stat_ssl where pid = pg_backend_pid()) as tls,
                      clock_timestamp() as "clock!""#
        )
        .fetch_one(self.pool.unguarded())
        .await?;
        Ok(DatabaseFacts {
            version: found.version,
            major: u32::try_from(found.major).unwrap_or_default(),
            role: found.role,
            tls: found.tls,
            clock: found.clock,
        })
    }

    /// Whether two connections at once were served by one process of PostgreSQL. So they are lent
    /// for one transaction at a time by a pooler, which can show on an idle one alone.
    pub async fn shares_sessions(&self) -> Result<bool, DbError> {
        let pool = self.pool.unguarded();
        let (mut one, mut other) = (pool.acquire().await?, pool.acquire().await?);
        let mut processes = Vec::new();
        for connection in [&mut one, &mut other] {
            let process = sqlx::query_scalar!(r#"select pg_backend_pid() as "process!""#);
            processes.push(process.fetch_one(&mut **connection).await?);
        }
        Ok(processes[0] == processes[1])
    }

    /// What the serving role may do and never needs, and a start with this role does not take from
    /// it.
    ///
    /// # Errors
    ///
    /// Besides failures of the database: there is no serving role.
    pub async fn lasting_excess(&self) -> Result<roles::Excess, DbError> {
        let mut connection = self.pool.unguarded().acquire().await?;
        roles::lasting_excess(&mut connection).await
    }
}
