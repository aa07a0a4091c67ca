//! Visual words as the database sees them.
//!
//! ```text
//! index key  = HKDF-SHA256-Extract(salt "lumatrace words v1", tenant key)
//! token      = the first 32 bits of HMAC-SHA256(index key, word)
//! ```
//!
//! HMAC (RFC 2104) under a key of the tenant's: to someone who holds the database alone, a token is
//! a random number. It tells that two photos of a tenant share a word, and nothing about which; the
//! same word of two tenants has two unrelated tokens. Two words of a tenant collide in one token
//! once in 2^32, which costs a false candidate and nothing else.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::VisualWord;

/// HKDF salt: the domain of all index keys.
const SALT: &[u8] = b"lumatrace words v1";

/// The key that turns the words of one tenant into tokens.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct IndexKey([u8; 32]);

impl IndexKey {
    /// Derives the key from the tenant's, which must be uniformly random.
    pub fn derive(tenant_key: &[u8; 32]) -> Self {
        Self(Hkdf::<Sha256>::extract(Some(SALT), tenant_key).0.into())
    }

    /// Returns the token of a word, which an index keeps in its place.
    pub fn token(&self, word: VisualWord) -> i32 {
        // HKDF-Extract is HMAC(salt, input).
        let [a, b, c, d, ..]: [u8; 32] =
            Hkdf::<Sha256>::extract(Some(&self.0), &word.to_le_bytes())
                .0
                .into();
        i32::from_le_bytes([a, b, c, d])
    }

    /// Returns the tokens of words, each once, in ascending order.
    pub fn tokens(&self, words: &[VisualWord]) -> Vec<i32> {
        let mut tokens: Vec<i32> = words.iter().map(|&word| self.token(word)).collect();
        tokens.sort_unstable();
        tokens.dedup();
        tokens
    }
}

impl fmt::Debug for IndexKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IndexKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_belong_to_one_tenant() {
        let (one, two) = (IndexKey::derive(&[1; 32]), IndexKey::derive(&[2; 32]));
        let words: Vec<VisualWord> = (0..1000).collect();
        let (a, b) = (one.tokens(&words), two.tokens(&words));
        assert_eq!((a.len(), one.tokens(&words)), (1000, a.clone()));
        assert!(b.iter().all(|token| a.binary_search(token).is_err()));
        assert_eq!(one.tokens(&[5, 5, 5]).len(), 1);
    }

    #[test]
    fn tokens_are_pinned() {
        // A change of these numbers would lose every photo in an index.
        let key = IndexKey::derive(&[7; 32]);
        assert_eq!(
            [0, 1, 0x0100_0000].map(|word| key.token(word)),
            [490_123_858, -2_115_080_901, 28_299_746]
        );
        assert_eq!(format!("{key:?}"), "IndexKey(..)");
    }
}
