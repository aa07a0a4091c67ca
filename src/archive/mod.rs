//! The file that a backup is: an age file (age-encryption.org/v1) around a tar archive.
//!
//! ```text
//! master.key                    the master key, in base64
//! tables/photos/000003.000001   what COPY gave, in PostgreSQL's binary format: copy 3, its piece 1
//! ...
//! manifest.json                 last: what there must be, with the SHA-256 of each part
//! ```
//!
//! Both formats have tools of their own: with `age -d` and `tar -x`, and the pieces of a copy put
//! one after the other, whoever has the key gets at everything without this program.
//!
//! age authenticates the file in blocks of 64 KiB, and says of the last that it is the last: a byte
//! that was changed, and an end that is missing, are found when it is read. The manifest is read
//! last for the same reason that it is written last: it is known only then. [`verify`] reads all of
//! a file before anything is done with it.
//!
//! age keeps out who does not have the key, and does not say who wrote the file: to a recipient,
//! anybody may write one. Whoever restores a file has to know where it comes from.

mod keys;
mod manifest;
mod reader;
mod writer;

pub use keys::{Decryption, Encryption};
pub use manifest::{Chain, FORMAT, Manifest, Part, Table};
pub use reader::{ArchiveReader, Parts, ReadPart, verify};
pub use writer::ArchiveWriter;

use std::io;

/// The part that holds the master key.
pub const MASTER_KEY: &str = "master.key";

/// The last part.
const MANIFEST: &str = "manifest.json";

/// Most bytes of a part, which is held in memory whole: larger copies are cut into pieces.
pub const LARGEST_PART: usize = 4 << 20;

/// Most bytes of the manifest: some 400,000 parts, which is a terabyte.
const LARGEST_MANIFEST: u64 = 64 << 20;

/// Why an archive cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The system refused to read or write.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The key is another one. That the beginning of the file is damaged looks the same.
    #[error("it does not open with this key: that is another one, or the file's head is damaged")]
    Key,
    /// A key, or the file that it is read from, is none; the text says what is.
    #[error("{0}")]
    NoKey(String),
    /// The file is not what was written.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// The file is of a later program.
    #[error("it has format {0}, which a newer version of this program reads")]
    Format(u32),
}

impl ArchiveError {
    /// An error of reading: what age and tar refuse comes as one of the system's.
    fn reading(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::Other => {
                Self::Damaged("its end is missing, or a byte was changed".into())
            }
            _ => Self::Io(error),
        }
    }
}

/// The name of a piece of a copy.
pub fn piece_name(table: &str, copy: usize, piece: usize) -> String {
    format!("tables/{table}/{copy:06}.{piece:06}")
}

/// The table and the number of the copy that a part belongs to; `None` for other parts.
pub fn copy_of(part: &str) -> Option<(&str, usize)> {
    let (table, piece) = part.strip_prefix("tables/")?.split_once('/')?;
    let (copy, _) = piece.split_once('.')?;
    Some((table, copy.parse().ok()?))
}

#[cfg(test)]
mod tests;
