//! States that end tokens before they expire, under hashed names.

use sha2::{Digest, Sha256};

/// Names an account, a credential, a tenant, a token, or a moment of one of them: SHA-256, as the
/// database's function `access_key` computes it.
pub type AccessKey = [u8; 32];

/// The key of an account, a credential or a tenant.
pub fn access_key(kind: &str, tenant: &str, subject: &str) -> AccessKey {
    Sha256::digest(format!("{kind}\n{tenant}\n{subject}")).into()
}

/// The smallest number that a token for this name must carry to be accepted; or the moment, in
/// seconds since 1970, before or from which tokens of this name are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessState {
    /// The account, credential, tenant or token, hashed.
    pub key: AccessKey,
    /// A token that carries a smaller number is refused.
    pub least: i64,
    /// How often the state was changed, from 1: of two readings, the larger one is the later.
    pub version: i64,
    /// Of a token that was ended: seconds since 1970 after which it has expired anyway. `None` for
    /// all else.
    pub expires_at: Option<i64>,
}

/// Which transactions a reading has seen, as PostgreSQL writes its `pg_snapshot`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenTransactions(pub String);
