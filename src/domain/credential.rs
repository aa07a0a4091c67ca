//! API keys and applications: what clients have instead of an account, or beside it.

use std::fmt;

use uuid::Uuid;

/// An API key or an application of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CredentialId(Uuid);

impl CredentialId {
    /// Draws a new random id (UUID version 4).
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// Accepts the hyphenated form only.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 36)
            .then(|| Uuid::try_parse(text).ok().map(Self))
            .flatten()
    }

    /// The id as the database takes it.
    pub fn as_uuid(self) -> Uuid {
        self.0
    }

    /// Reads an application's id as its clients send it.
    pub fn parse_application(text: &str) -> Option<Self> {
        Self::parse(text.strip_prefix(APPLICATION_PREFIX)?)
    }

    /// An application's id as its clients send it: the header `AppIdV3`, and the `client_id` of OAuth 2.0.
    pub fn as_application(self) -> String {
        format!("{APPLICATION_PREFIX}{self}")
    }

    /// The name under which an application acts: the `sub` of its tokens.
    pub fn as_user(self) -> String {
        format!("{USER_PREFIX}{self}")
    }
}

/// Begins the id of an application.
const APPLICATION_PREFIX: &str = "LCUID-LAP-";
/// Begins the name under which it acts.
const USER_PREFIX: &str = "LCUID-LU-";

impl From<Uuid> for CredentialId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which of the two it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    /// Sent as `x-api-key`, beside an account's login.
    ApiKey,
    /// Has a token and a secret of its own, and acts for itself.
    Application,
}

impl CredentialKind {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::Application => "application",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_applications_id_has_its_prefix() {
        let id = CredentialId::random();
        assert_eq!(
            CredentialId::parse_application(&id.as_application()),
            Some(id)
        );
        for bad in [id.to_string(), id.as_user(), "LCUID-LAP-".to_owned()] {
            assert_eq!(CredentialId::parse_application(&bad), None, "{bad}");
        }
    }
}
