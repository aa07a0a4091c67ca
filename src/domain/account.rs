//! What a service account may do.

use super::Scopes;

/// The role of an account; the `auth` claim of its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Works with photos.
    User,
    /// Works with photos and administers its tenant.
    Admin,
}

impl Role {
    /// Reads `ROLE_USER` or `ROLE_ADMIN`.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::User, Self::Admin]
            .into_iter()
            .find(|role| role.as_str() == text)
    }

    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "ROLE_USER",
            Self::Admin => "ROLE_ADMIN",
        }
    }

    /// What a login grants.
    pub fn scopes(self) -> Scopes {
        match self {
            Self::User => Scopes::PHOTOS,
            Self::Admin => Scopes::ALL,
        }
    }
}
