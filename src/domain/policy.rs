//! The operator's settings for a tenant.

use std::num::NonZeroU32;

use super::RateOverrides;

/// How much of the picture can be recognised from the record of a protected photo, given its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Privacy {
    /// Coarse shapes of the picture.
    #[default]
    Full,
    /// Nothing that can be recognised.
    Strict,
}

impl Privacy {
    /// The name in the database and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Strict => "strict",
        }
    }

    /// Reads `full` or `strict`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Full, Self::Strict]
            .into_iter()
            .find(|privacy| privacy.as_str() == text)
    }
}

/// How strictly the `contentHash` that a client declares is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContentHashPolicy {
    /// It must be the SHA-256 of the image.
    #[default]
    Strict,
    /// It must have the form of one; for clients that hash something else.
    Format,
}

impl ContentHashPolicy {
    /// The name in the database and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Format => "format",
        }
    }

    /// Reads `strict` or `format`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Strict, Self::Format]
            .into_iter()
            .find(|policy| policy.as_str() == text)
    }
}

/// Whether the manifests of a tenant's photos are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ManifestPolicy {
    /// With the photo, so that they are found when they were stripped from the file.
    #[default]
    Keep,
    /// Not at all; `verify` of a stripped file has none to point to.
    None,
}

impl ManifestPolicy {
    /// The name in the database and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::None => "none",
        }
    }

    /// Reads `keep` or `none`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Keep, Self::None]
            .into_iter()
            .find(|policy| policy.as_str() == text)
    }
}

/// Whether anybody may ask, without a token, what an image of the tenant's is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CheckPolicy {
    /// Nobody may.
    #[default]
    Off,
    /// Anybody may, as often as the limits of checks let them.
    On,
}

impl CheckPolicy {
    /// The name in the database and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
        }
    }

    /// Reads `off` or `on`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Off, Self::On]
            .into_iter()
            .find(|policy| policy.as_str() == text)
    }
}

/// Whether the manifests of what a tenant protects are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PublicationPolicy {
    /// None is, whatever was published before.
    #[default]
    Off,
    /// Each is, unless the client says otherwise.
    On,
}

impl PublicationPolicy {
    /// The name in the database and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
        }
    }

    /// Reads `off` or `on`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Off, Self::On]
            .into_iter()
            .find(|policy| policy.as_str() == text)
    }
}

/// The largest image of a tenant, in whole megapixels: 1 to 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Megapixels(u32);

impl Megapixels {
    /// The most that may be set. Beyond it are studio cameras, and no larger picture was measured.
    pub const MOST: u32 = 64;

    /// Accepts 1 to 64 million pixels.
    pub fn new(millions: u32) -> Option<Self> {
        (1..=Self::MOST)
            .contains(&millions)
            .then_some(Self(millions))
    }

    /// The limit in megapixels.
    pub fn get(self) -> u32 {
        self.0
    }

    /// The limit in pixels.
    pub fn pixels(self) -> u64 {
        u64::from(self.0) * 1_000_000
    }
}

/// The settings of one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TenantPolicy {
    /// Applies to photos that are protected from now on.
    pub privacy: Privacy,
    /// How many photos of the same picture may be protected; `None` for any number.
    pub max_copies: Option<NonZeroU32>,
    /// How strictly a declared hash is checked.
    pub content_hash: ContentHashPolicy,
    /// The largest image, where it is not the server's default.
    pub max_megapixels: Option<Megapixels>,
    /// Whether manifests are kept, of photos that are protected from now on.
    pub manifests: ManifestPolicy,
    /// Whether anybody may ask about its photos.
    pub check: CheckPolicy,
    /// Whether manifests are published, of photos that are protected from now on.
    pub publication: PublicationPolicy,
    /// Rate limits, where they are not the server's.
    pub rates: RateOverrides,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_refused() {
        for privacy in [Privacy::Full, Privacy::Strict] {
            assert_eq!(Privacy::parse(privacy.as_str()), Some(privacy));
        }
        assert_eq!(Privacy::parse("Strict"), None);
        for policy in [ContentHashPolicy::Strict, ContentHashPolicy::Format] {
            assert_eq!(ContentHashPolicy::parse(policy.as_str()), Some(policy));
        }
        assert_eq!(ContentHashPolicy::parse(""), None);
        for policy in [ManifestPolicy::Keep, ManifestPolicy::None] {
            assert_eq!(ManifestPolicy::parse(policy.as_str()), Some(policy));
        }
        assert_eq!(ManifestPolicy::parse("off"), None);
        for policy in [PublicationPolicy::Off, PublicationPolicy::On] {
            assert_eq!(PublicationPolicy::parse(policy.as_str()), Some(policy));
        }
        for policy in [CheckPolicy::Off, CheckPolicy::On] {
            assert_eq!(CheckPolicy::parse(policy.as_str()), Some(policy));
        }
        assert_eq!(CheckPolicy::parse("On"), None);
    }

    #[test]
    fn megapixels_have_a_range() {
        for outside in [0, 65, u32::MAX] {
            assert_eq!(Megapixels::new(outside), None);
        }
        for inside in [1, 64] {
            let megapixels = Megapixels::new(inside).unwrap();
            assert_eq!(megapixels.pixels(), u64::from(inside) * 1_000_000);
        }
    }
}
