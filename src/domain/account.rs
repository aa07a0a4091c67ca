//! What a service account may do.

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

    /// The OAuth scopes that a login grants, separated by spaces (RFC 6749 section 3.3).
    pub fn scope(self) -> &'static str {
        match self {
            Self::User => "photos:protect photos:verify photos:read photos:delete manifests:read",
            Self::Admin => {
                "photos:protect photos:verify photos:read photos:delete manifests:read admin"
            }
        }
    }
}
