//! Soft bindings (C2PA 2.4): values by which a manifest is found again, and how much of them a
//! tenant may keep.

use std::fmt;

use sha2::{Digest, Sha256};

/// The id of a manifest: its URN. 1 to 256 printable characters of ASCII, without spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestId(String);

impl ManifestId {
    /// Longest id, in bytes.
    const LONGEST_BYTES: usize = 256;

    /// Accepts 1 to 256 printable characters of ASCII, none of them a space.
    pub fn parse(text: &str) -> Option<Self> {
        is_word(text, Self::LONGEST_BYTES).then(|| Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ManifestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The value of a binding, by its SHA-256: values are compared byte by byte, and read by nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BindingValue([u8; 32]);

impl BindingValue {
    /// Longest value, in bytes of UTF-8.
    pub const LONGEST_BYTES: usize = 4096;

    /// Accepts 1 to 4096 bytes, whatever they are.
    pub fn new(text: &str) -> Option<Self> {
        (1..=Self::LONGEST_BYTES)
            .contains(&text.len())
            .then(|| Self(Sha256::digest(text).into()))
    }

    /// The 32 bytes of its hash.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The name of the algorithm that a value is of. 1 to 128 printable characters of ASCII, without
/// spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingAlgorithm(String);

impl BindingAlgorithm {
    /// Longest name, in bytes: the names of C2PA's list have 40 at most.
    const LONGEST_BYTES: usize = 128;

    /// Accepts 1 to 128 printable characters of ASCII, none of them a space.
    pub fn parse(text: &str) -> Option<Self> {
        is_word(text, Self::LONGEST_BYTES).then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_word(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What a tenant may keep so much of and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepLimit {
    /// Stored manifests.
    Manifests,
    /// Bytes of stored manifests, together.
    ManifestBytes,
    /// Bindings.
    Bindings,
    /// Bindings of one manifest.
    BindingsOfManifest,
    /// Manifests that one value is bound to. It bounds what a search for a value reads.
    ManifestsOfValue,
}

impl KeepLimit {
    /// Longest manifest that is stored, in bytes.
    pub const LONGEST_MANIFEST_BYTES: usize = 1 << 20;

    /// Most that is kept.
    pub const fn most(self) -> u64 {
        match self {
            Self::Manifests => 10_000,
            Self::ManifestBytes => 1 << 30,
            Self::Bindings => 100_000,
            Self::BindingsOfManifest | Self::ManifestsOfValue => 100,
        }
    }

    /// The name by which a refusal tells it.
    pub fn field(self) -> &'static str {
        match self {
            Self::Manifests => "manifests",
            Self::ManifestBytes => "manifestBytes",
            Self::Bindings => "bindings",
            Self::BindingsOfManifest => "bindingsOfManifest",
            Self::ManifestsOfValue => "manifestsOfValue",
        }
    }

    /// Itself, where there are more.
    pub fn exceeded_by(self, kept: i64) -> Option<Self> {
        (u64::try_from(kept).unwrap_or_default() > self.most()).then_some(self)
    }
}

impl fmt::Display for KeepLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.most();
        match self {
            Self::Manifests => write!(f, "the tenant keeps as many manifests as it may: {most}"),
            Self::ManifestBytes => {
                write!(
                    f,
                    "the tenant keeps as many bytes of manifests as it may: {most}"
                )
            }
            Self::Bindings => write!(f, "the tenant keeps as many bindings as it may: {most}"),
            Self::BindingsOfManifest => {
                write!(f, "the manifest has as many bindings as it may: {most}")
            }
            Self::ManifestsOfValue => {
                write!(
                    f,
                    "the value is bound to as many manifests as it may: {most}"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_algorithms_are_short_words() {
        let longest = "a".repeat(256);
        for good in ["urn:c2pa:5b0f", "x", &longest] {
            assert_eq!(ManifestId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a\0", "ä", "a\n", &"a".repeat(257)] {
            assert_eq!(ManifestId::parse(bad), None, "{bad:?}");
        }
        assert!(BindingAlgorithm::parse(&longest[..128]).is_some());
        assert!(BindingAlgorithm::parse(&longest[..129]).is_none());
    }

    #[test]
    fn a_value_is_any_text_and_every_byte_of_it_counts() {
        let value = |text: &str| BindingValue::new(text);
        assert_eq!(value("a b\0"), value("a b\0"));
        assert_ne!(value("a"), value("A"));
        assert!(value(&"ä".repeat(2048)).is_some());
        assert!(value("").is_none() && value(&"a".repeat(4097)).is_none());
    }

    #[test]
    fn a_limit_is_the_most_that_may_be_kept() {
        assert_eq!(KeepLimit::Manifests.exceeded_by(10_000), None);
        let one_more = KeepLimit::Manifests.exceeded_by(10_001);
        assert_eq!(one_more, Some(KeepLimit::Manifests));
    }
}
