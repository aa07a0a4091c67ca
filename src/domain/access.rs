//! What ends tokens before their time, under names that say nothing.

/// SHA-256 of what can end tokens, as the database function `access_key` makes it.
pub type AccessKey = [u8; 32];

/// The least number with which tokens are good that carry one for this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessState {
    /// The name.
    pub key: AccessKey,
    /// The least number.
    pub least: i64,
    /// Seconds since 1970 after which no token can be concerned; nothing for as long as it is there.
    pub expires_at: Option<i64>,
}
