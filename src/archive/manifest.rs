//! The manifest: what is in an archive, and what must come out of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The format that this program writes.
pub const FORMAT: u32 = 1;

/// What an archive holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The version of the program that wrote it.
    pub program: String,
    /// The version of PostgreSQL that it was read from.
    pub postgres: String,
    /// The moment that it shows, RFC 3339.
    pub created_at: String,
    /// The number of the last migration: its tables are those of that schema.
    pub schema_version: i64,
    /// The tables, each after those that it refers to.
    pub tables: Vec<Table>,
    /// The audit log of each tenant.
    pub chains: Vec<Chain>,
    /// The settings that the command saw, by their variables; none that is secret.
    pub settings: BTreeMap<String, String>,
    /// All parts before this one, in their order.
    pub parts: Vec<Part>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, in the order in which they were copied.
    pub columns: Vec<String>,
    /// Its rows.
    pub rows: u64,
}

/// The head of a tenant's audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Chain {
    /// The tenant.
    pub tenant: String,
    /// How many events it has.
    pub events: i64,
    /// The hash of the last, in hexadecimal.
    pub head: String,
}

/// A part of the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

impl Part {
    /// The entry of a part with these bytes.
    pub fn of(name: &str, bytes: &[u8]) -> Self {
        use sha2::{Digest, Sha256};
        use std::fmt::Write;

        let sha256 = Sha256::digest(bytes)
            .iter()
            .fold(String::new(), |mut hex, byte| {
                // Writing to a string does not fail.
                let _ = write!(hex, "{byte:02x}");
                hex
            });
        Self {
            name: name.to_owned(),
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            sha256,
        }
    }
}

/// As much of a manifest as every format has.
#[derive(Debug, Deserialize)]
pub(super) struct AnyFormat {
    pub(super) format: u32,
}
