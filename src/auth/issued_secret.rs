//! Secrets that the service hands out once and keeps as a hash: API keys, and tokens and secrets of
//! applications.
//!
//! Each has 256 random bits behind a prefix that scanners for leaked secrets can recognise. There
//! is nothing to guess, so one round of SHA-256 is enough: a slow hash protects what people choose.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::random_bytes;

/// The kinds of secret that are issued; each has a prefix of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretUse {
    /// Sent as `x-api-key`; prefix `ltk_`.
    ApiKey,
    /// One half of an application's sign-in; prefix `lta_`.
    ApplicationToken,
    /// The other half, and its OAuth 2.0 client secret; prefix `lts_`.
    ApplicationSecret,
}

impl SecretUse {
    fn prefix(self) -> &'static str {
        match self {
            Self::ApiKey => "ltk_",
            Self::ApplicationToken => "lta_",
            Self::ApplicationSecret => "lts_",
        }
    }
}

/// Draws a new secret of 47 characters that need no quoting in a shell, a URL or JSON.
pub fn issue_secret(kind: SecretUse) -> SecretString {
    let bits = URL_SAFE_NO_PAD.encode(random_bytes::<32>());
    format!("{}{bits}", kind.prefix()).into()
}

/// SHA-256 of an issued secret.
#[derive(Clone, Copy)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Hashes a secret that a client has sent.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// Wraps a stored hash; `None` unless it has 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The 32 bytes, as the database stores them.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares with a stored hash, in constant time.
    pub fn matches(&self, stored: &[u8]) -> bool {
        self.0.as_slice().ct_eq(stored).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_secret_is_recognised_by_its_hash_alone() {
        let secret = issue_secret(SecretUse::ApiKey);
        let text = secret.expose_secret();
        assert!(text.starts_with("ltk_") && text.len() == 47, "{text}");
        let stored = SecretHash::of(text);
        assert!(SecretHash::of(text).matches(stored.as_bytes()));
        assert!(!SecretHash::of(&text[1..]).matches(stored.as_bytes()));
        assert!(!SecretHash::of(text).matches(&stored.as_bytes()[1..]));
        assert_ne!(text, issue_secret(SecretUse::ApiKey).expose_secret());
        assert_eq!(format!("{stored:?}"), "SecretHash(redacted)");
    }
}
