//! Scopes of tokens (RFC 6749 section 3.3).

use std::fmt;

/// One permission of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Register and protect photos.
    Protect,
    /// Verify and identify images.
    Verify,
    /// List photos, and read the data stored about them.
    Read,
    /// Delete photos with their records.
    Delete,
    /// Read the manifests of photos.
    ReadManifests,
    /// Find manifests by what photos are bound to, and fetch them.
    FetchManifests,
    /// Store and delete manifests that were made elsewhere.
    StoreManifests,
    /// Bind values to manifests.
    StoreBindings,
    /// Manage accounts, API keys and applications, and read the audit log.
    Admin,
}

impl Scope {
    /// All scopes, in the order in which they are written.
    pub const ALL: [Self; 9] = [
        Self::Protect,
        Self::Verify,
        Self::Read,
        Self::Delete,
        Self::ReadManifests,
        Self::FetchManifests,
        Self::StoreManifests,
        Self::StoreBindings,
        Self::Admin,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Protect => "photos:protect",
            Self::Verify => "photos:verify",
            Self::Read => "photos:read",
            Self::Delete => "photos:delete",
            Self::ReadManifests => "manifests:read",
            Self::FetchManifests => "manifests:fetch",
            Self::StoreManifests => "manifests:store",
            Self::StoreBindings => "bindings:store",
            Self::Admin => "admin",
        }
    }

    /// Reads the name of a scope, also as the Soft Binding Resolution API of C2PA 2.4 spells it;
    /// `None` if it is unknown.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "fetch:manifests" => Some(Self::FetchManifests),
            "store:manifests" => Some(Self::StoreManifests),
            "store:bindings" => Some(Self::StoreBindings),
            _ => Self::ALL.into_iter().find(|scope| scope.as_str() == text),
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// A set of scopes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u16);

impl Scopes {
    /// The empty set, for routes that any token may call.
    pub const NONE: Self = Self(0);

    /// All scopes except the tenant's administration.
    pub const PHOTOS: Self = Self(
        Scope::Protect.bit()
            | Scope::Verify.bit()
            | Scope::Read.bit()
            | Scope::Delete.bit()
            | Scope::ReadManifests.bit()
            | Scope::FetchManifests.bit()
            | Scope::StoreManifests.bit()
            | Scope::StoreBindings.bit(),
    );

    /// All scopes: those of an administrator.
    pub const ALL: Self = Self(Self::PHOTOS.0 | Scope::Admin.bit());

    /// Reads names separated by single spaces; `None` if one is unknown.
    pub fn parse(text: &str) -> Option<Self> {
        text.split(' ')
            .map(Scope::parse)
            .try_fold(Self::default(), |set, scope| {
                Some(Self(set.0 | scope?.bit()))
            })
    }

    /// Whether the set contains a scope.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Whether the set contains all of `other`.
    pub fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The scopes that are not in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The set of one scope.
    pub const fn of(scope: Scope) -> Self {
        Self(scope.bit())
    }

    /// The union of both sets.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The intersection of both sets.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The scopes one by one, in the order in which they are written.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL
            .into_iter()
            .filter(move |scope| self.contains(*scope))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Scope::as_str).collect();
        f.write_str(&names.join(" "))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scopes({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_written_and_read_back() {
        let text = "photos:protect photos:verify photos:read photos:delete manifests:read \
                    manifests:fetch manifests:store bindings:store";
        assert_eq!(Scopes::PHOTOS.to_string(), text);
        assert_eq!(Scopes::parse(text), Some(Scopes::PHOTOS));
        assert_eq!(Scopes::ALL.to_string(), format!("{text} admin"));
        let some = Scopes::parse("admin photos:read").unwrap();
        assert_eq!(some.to_string(), "photos:read admin");
        assert!(Scopes::ALL.covers(some) && !Scopes::PHOTOS.covers(some));
        assert_eq!(some.and(Scopes::PHOTOS).to_string(), "photos:read");
        let spelt = "fetch:manifests store:manifests store:bindings";
        let ours = "manifests:fetch manifests:store bindings:store";
        assert_eq!(Scopes::parse(spelt).unwrap().to_string(), ours);
        for bad in ["", " ", "photos:read  admin", "photos:*", "ADMIN"] {
            assert_eq!(Scopes::parse(bad), None, "{bad:?}");
        }
    }
}
