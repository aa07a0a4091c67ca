//! States that end tokens before they expire, under hashed names.

/// Names an account, a credential, a tenant or a token: SHA-256, as the database's function
/// `access_key` computes it.
pub type AccessKey = [u8; 32];

/// The smallest number that a token for this name must carry to be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessState {
    /// The account, credential, tenant or token, hashed.
    pub key: AccessKey,
    /// A token that carries a smaller number is refused.
    pub least: i64,
    /// Seconds since 1970 after which no token can be affected; `None` while the named thing
    /// exists.
    pub expires_at: Option<i64>,
}
