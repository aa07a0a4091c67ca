//! Backup and restore: everything that a new machine needs, in one encrypted file.
//!
//! ```text
//! backup    snapshot ── COPY of each table ──> archive, its manifest last
//! restore   archive read whole ── migrate to its schema ── load, in one transaction ── migrate on ── proof
//! ```
//!
//! Start reading at [`write()`]; [`load`] is the way back, and [`prove`] its end.

mod proof;
mod restore;
mod write;

pub use proof::{Proof, prove};
pub use restore::{LoadedBackup, load};
pub use write::{Held, hold, write};

use crate::{archive::ArchiveError, db::DbError};

/// Why there is no backup, or no restored database; one sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database fails.
    #[error("the database cannot be used: {}", cause(.0))]
    Database(#[from] DbError),
    /// A use case failed.
    #[error(transparent)]
    Service(#[from] super::Error),
    /// The archive cannot be written or read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Values in the database may be sealed under two master keys.
    #[error("another master key is being put in place: end that first, with lumatrace rekey")]
    TwoMasterKeys,
    /// Somebody else puts a master key in place, or makes a backup.
    #[error("a backup or another rekey is running: wait until it has ended")]
    MasterKeyBusy,
    /// The database to restore into is not empty.
    #[error(
        "the database is not empty: it holds {0}. Restore into a new data folder, or into a database that was dropped and created anew"
    )]
    NotEmpty(String),
    /// The archive is of a later schema than this program knows.
    #[error(
        "the backup has schema version {0}, and this program knows {1} at most: use the version that wrote it"
    )]
    Newer(i64, i64),
    /// The archive is of an earlier schema than the empty tables of the database.
    #[error(
        "the backup has schema version {0}, and the database has empty tables of version {1}: drop and create the database"
    )]
    Older(i64, i64),
    /// What was loaded is not what was saved. Nothing of it was kept.
    #[error("the backup is not whole, and nothing was restored: {0}")]
    NotWhole(String),
    /// The restored database is not what was saved.
    #[error(
        "the database was restored and does not prove itself: {0}. Serve nobody from it: drop the database, or delete the data folder, and restore another backup"
    )]
    Unproven(String),
}

/// An error of the database with its causes.
fn cause(error: &DbError) -> String {
    let first: Option<&dyn std::error::Error> = Some(error);
    let causes = std::iter::successors(first, |cause| cause.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
