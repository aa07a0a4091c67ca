//! Failures of the database, distinguished as far as callers act on them.

use sqlx::error::DatabaseError;

/// A failed database call.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// No connection: the server is down, restarting, or out of connections. Trying again later may
    /// help.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
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
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        // SQLSTATE classes 08 (connection), 53 (resources) and 57 (operator: shutdown, starting
        // up).
        let unavailable = match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => true,
            sqlx::Error::Database(refusal) => refusal.code().is_some_and(|code| {
                ["08", "53", "57"]
                    .iter()
                    .any(|class| code.starts_with(class))
            }),
            _ => false,
        };
        // 42501 is insufficient_privilege.
        let code = error.as_database_error().and_then(DatabaseError::code);
        match code.as_deref() {
            _ if unavailable => Self::Unavailable(error),
            Some("42501") => Self::NotPermitted(error),
            _ => Self::Statement(error),
        }
    }
}
