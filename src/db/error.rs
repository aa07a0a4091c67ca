//! Failures of the database, distinguished as far as callers act on them.

use sqlx::error::DatabaseError;

/// A failed database call.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The server is down, restarting, overloaded, or gave up this statement for another. Trying
    /// again later may help.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// The server takes no changes, as one that was demoted. Trying again later may help.
    #[error("the database is read-only")]
    ReadOnly,
    /// The server has no room on its disk for this. Trying again helps once an operator has made
    /// some.
    #[error("the disk of the database is full")]
    Full(#[source] sqlx::Error),
    /// The server refused a statement.
    #[error("a database statement failed")]
    Statement(#[source] sqlx::Error),
    /// A migration could not be applied.
    #[error("the migrations could not be applied: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The schema is older than this program, and the role may not change it.
    #[error(
        "the database schema is not up to date and the role of DATABASE_URL may not change it: \
         run `lumatrace migrate` with a DATABASE_URL whose role owns the tables"
    )]
    NotMigrated,
    /// The role can bypass row-level security, and no other can be switched to.
    #[error(
        "the role of DATABASE_URL could bypass row-level security, and the role {role} cannot be made or \
         switched to: as a superuser run `create role {role} nologin; grant {role} to <role of DATABASE_URL>`",
        role = super::roles::SERVING_ROLE
    )]
    UnsafeRole,
    /// The role lacks a privilege that an operator's command needs.
    #[error("the role of DATABASE_URL may not do this: use one that owns the tables")]
    NotPermitted(#[source] sqlx::Error),
    /// A row holds something that this program never wrote; the name of its table.
    #[error("the row of {0} cannot be read")]
    Corrupt(&'static str),
}

impl DbError {
    /// Whether the statement violated the constraint of that name.
    pub fn breaks(&self, constraint: &str) -> bool {
        matches!(self, Self::Statement(sqlx::Error::Database(error)) if error.constraint() == Some(constraint))
    }

    /// Whether the server is well, and this call alone came to nothing: all connections were in
    /// use, or the statement gave way to another, or to what a standby had to replay (class 40).
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unavailable(sqlx::Error::PoolTimedOut) => true,
            Self::Unavailable(sqlx::Error::Database(refusal)) => {
                refusal.code().is_some_and(|code| code.starts_with("40"))
            }
            _ => false,
        }
    }
}

/// SQLSTATE `read_only_sql_transaction`: also what a standby answers.
const READ_ONLY: &str = "25006";

/// SQLSTATE `disk_full`.
const DISK_FULL: &str = "53100";

/// What a failure of the server, not of the statement, means for the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The statement came to nothing; the next one may succeed.
    StatementLost,
    /// The connection, or the server behind it, is of no more use.
    ConnectionLost,
}

/// Whether the server is in trouble; `None` when the statement or the program is at fault.
pub(super) fn trouble(error: &sqlx::Error) -> Option<Trouble> {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::BeginFailed
        | sqlx::Error::WorkerCrashed => Some(Trouble::ConnectionLost),
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => Some(Trouble::StatementLost),
        sqlx::Error::Database(refusal) => trouble_of_code(&refusal.code()?),
        _ => None,
    }
}

/// The same by SQLSTATE (PostgreSQL's manual, appendix A).
fn trouble_of_code(code: &str) -> Option<Trouble> {
    /// Classes and codes of a single statement: rolled back for another (40), out of memory, disk
    /// or slots (53), a lock that was not to be had, a statement that took too long.
    const STATEMENT: [&str; 4] = ["40", "53", "55P03", "57014"];
    /// Those of connection and server: class 08; read-only; a transaction that timed out or had
    /// failed before (25P02 to 25P04); a login that is refused (28, 3D000); shutdown and recovery
    /// (57P); its disk (58).
    const CONNECTION: [&str; 7] = ["08", READ_ONLY, "25P", "28", "3D000", "57P", "58"];
    let is_one = |of: &[&str]| of.iter().any(|start| code.starts_with(start));
    if is_one(&STATEMENT) {
        Some(Trouble::StatementLost)
    } else if is_one(&CONNECTION) {
        Some(Trouble::ConnectionLost)
    } else {
        None
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        let trouble = trouble(&error);
        // 42501 is insufficient_privilege.
        let code = error.as_database_error().and_then(DatabaseError::code);
        match code.as_deref() {
            Some(READ_ONLY) => Self::ReadOnly,
            Some(DISK_FULL) => Self::Full(error),
            _ if trouble.is_some() => Self::Unavailable(error),
            Some("42501") => Self::NotPermitted(error),
            _ => Self::Statement(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn troubles_of_the_server_are_told_from_faults_of_a_statement() {
        let of =
            |codes: &[&str]| -> Vec<_> { codes.iter().map(|code| trouble_of_code(code)).collect() };
        let statement = ["40001", "40P01", "53100", "53300", "55P03", "57014"];
        assert_eq!(of(&statement), [Some(Trouble::StatementLost); 6]);
        let connection = [
            "08006", "08P01", "25006", "25P02", "25P03", "25P04", "28P01", "57P01", "57P03",
            "58030",
        ];
        assert_eq!(of(&connection), [Some(Trouble::ConnectionLost); 10]);
        let faults = [
            "23505", "25001", "42501", "42601", "55000", "P0001", "XX001",
        ];
        assert_eq!(of(&faults), [None; 7]);
    }
}
