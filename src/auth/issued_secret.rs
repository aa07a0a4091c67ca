//! Secrets that the service hands out once and keeps as a hash: API keys, and tokens and secrets of applications.
//!
//! Each has 256 random bits behind a prefix that scanners for leaked secrets can recognise. There is nothing to guess, so one
//! round of SHA-256 is enough: a slow hash protects what people choose.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::random_bytes;

/// What a secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretUse {
    /// An API key.
    ApiKey,
    /// An application's token.
    ApplicationToken,
    /// An application's secret.
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

/// Draws a new secret: 47 characters that need no quoting anywhere.
pub fn issue_secret(kind: SecretUse) -> SecretString {
    let bits = URL_SAFE_NO_PAD.encode(random_bytes::<32>());
    format!("{}{bits}", kind.prefix()).into()
}

/// SHA-256 of a secret that was handed out.
#[derive(Clone, Copy)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Hashes what a client sent.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// Takes the bytes of a hash; nothing if there are not 32.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes for the database.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether it is the stored one; takes as long whatever differs.
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
