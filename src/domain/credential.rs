//! API keys and applications: credentials of a tenant beside its accounts.

use std::fmt;

use uuid::Uuid;

/// The id of an API key or an application.
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

    /// The id as the database stores it.
    pub fn as_uuid(self) -> Uuid {
        self.0
    }

    /// Reads an application's id in the form that its clients send.
    pub fn parse_application(text: &str) -> Option<Self> {
        Self::parse(text.strip_prefix(APPLICATION_PREFIX)?)
    }

    /// An application's id in the form that its clients send: the header `AppIdV3`, and the
    /// `client_id` of OAuth 2.0.
    pub fn as_application(self) -> String {
        format!("{APPLICATION_PREFIX}{self}")
    }

    /// The user name of an application: the `sub` of its tokens.
    pub fn as_user(self) -> String {
        format!("{USER_PREFIX}{self}")
    }
}

/// Prefix of an application's public id.
const APPLICATION_PREFIX: &str = "LCUID-LAP-";
/// Prefix of an application's user name.
pub(super) const USER_PREFIX: &str = "LCUID-LU-";

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

/// The kinds of credentials.
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
