//! The SHA-256 of an uploaded image, as clients write it.

use std::fmt;

/// The SHA-256 of an image, written as 64 lowercase hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// Accepts exactly 64 lowercase hexadecimal digits and nothing around them.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        let mut bytes = [0; 32];
        if digits.len() != 64 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
        }
        Some(Self(bytes))
    }

    /// Wraps a digest that was computed here.
    pub fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The 32 bytes, as the database stores them.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_64_lowercase_digits_are_a_hash() {
        let good = "0123456789abcdef".repeat(4);
        assert_eq!(ContentHash::parse(&good).unwrap().to_string(), good);
        let line = format!("{good}  photo.jpg");
        for bad in [
            &good[1..],
            &good.to_uppercase(),
            &format!("{good}0"),
            &format!(" {good}"),
            &line,
        ] {
            assert_eq!(ContentHash::parse(bad), None, "{bad}");
        }
        assert_eq!(ContentHash::parse(&"g".repeat(64)), None);
    }
}
