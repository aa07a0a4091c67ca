//! Idempotency keys: how a repeated request is recognised.

/// A client's name for one request: 1 to 64 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Accepts 1 to 64 bytes from space to tilde; quotes are characters like others.
    pub fn parse(text: &str) -> Option<Self> {
        let fits =
            (1..=64).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        fits.then(|| Self(text.to_owned()))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// SHA-256 of a request: two requests with the same hash ask for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestHash([u8; 32]);

impl RequestHash {
    /// Wraps a digest that was computed here or read from the database.
    pub fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The 32 bytes, as the database stores them.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A request that its client wants done only once, however often it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// The client's name for the request.
    pub key: IdempotencyKey,
    /// Hash of the request; the key is refused for a request with another.
    pub fingerprint: RequestHash,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_short_and_printable() {
        let longest = "k".repeat(64);
        for good in [
            "a",
            "8e03978e-40d5-43dd-bc93-6894a57f9324",
            "\"q\" ~!",
            longest.as_str(),
        ] {
            assert!(IdempotencyKey::parse(good).is_some(), "{good}");
        }
        let too_long = "k".repeat(65);
        for bad in ["", "a\tb", "a\nb", "a\u{7f}", "é", too_long.as_str()] {
            assert!(IdempotencyKey::parse(bad).is_none(), "{bad:?}");
        }
    }
}
