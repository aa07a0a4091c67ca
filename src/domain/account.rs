//! Service accounts: what they may do, and whether they may log in.

use super::Scopes;

/// The role of an account; the `auth` claim of its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Registers, protects, verifies and deletes photos.
    User,
    /// The same, and administers its tenant.
    Admin,
}

impl Role {
    /// Reads `ROLE_USER` or `ROLE_ADMIN`; `None` for anything else.
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

    /// The scopes that a login grants.
    pub fn scopes(self) -> Scopes {
        match self {
            Self::User => Scopes::PHOTOS,
            Self::Admin => Scopes::ALL,
        }
    }
}

/// Whether an account may log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountStatus {
    /// It may log in.
    Enabled,
    /// Its logins and tokens are refused.
    Disabled,
}

impl AccountStatus {
    /// Reads `enabled` or `disabled`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Enabled, Self::Disabled]
            .into_iter()
            .find(|status| status.as_str() == text)
    }

    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_refused() {
        for role in [Role::User, Role::Admin] {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("ADMIN"), None);
        for status in [AccountStatus::Enabled, AccountStatus::Disabled] {
            assert_eq!(AccountStatus::parse(status.as_str()), Some(status));
        }
        assert_eq!(AccountStatus::parse(""), None);
    }
}
