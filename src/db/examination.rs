//! What `lumatrace doctor` asks a database about itself. Changes nothing.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::DbError;

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

/// Asks for version, role, encryption and clock.
pub(super) async fn facts(connection: &mut PgConnection) -> Result<DatabaseFacts, DbError> {
    let found = sqlx::query!(
        r#"select current_setting('server_version') as "version!",
                      current_setting('server_version_num')::int / 10000 as "major!",
                      current_user::text as "role!",
                      (select version from pg_stat_ssl where pid = pg_backend_pid()) as tls,
                      clock_timestamp() as "clock!""#
    )
    .fetch_one(connection)
    .await?;
    Ok(DatabaseFacts {
        version: found.version,
        major: u32::try_from(found.major).unwrap_or_default(),
        role: found.role,
        tls: found.tls,
        clock: found.clock,
    })
}

/// Which process of PostgreSQL serves a connection.
pub(super) async fn process(connection: &mut PgConnection) -> Result<i32, DbError> {
    let process = sqlx::query_scalar!(r#"select pg_backend_pid() as "process!""#);
    Ok(process.fetch_one(connection).await?)
}
