//! Tokens that were ended before they expired, held in memory: no request asks the database.
//!
//! A token carries a number for each thing that can end it: its account, its credential, its
//! tenant. It is refused when a larger number is known for one of them, when none is known, and
//! when its own id is listed. Their names are kept as SHA-256 hashes, as in the table
//! `access_states`, of which this is a copy.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};

use super::token::{Claims, Origin};
use crate::domain::{AccessKey, AccessState, CredentialId};

/// Age from which the copy is no longer trusted; it is refreshed every second.
const STALE: Duration = Duration::from_secs(10);

/// Whether a token whose signature and times are right may still be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenStatus {
    /// Nothing has ended it.
    Live,
    /// It was ended by a logout, a new password, a revocation or a suspension.
    Revoked,
    /// The copy is too old to say, or has not heard of the account, credential or tenant yet.
    Unknown,
}

/// This server's copy of the table `access_states`.
#[derive(Debug)]
pub struct AccessStates(RwLock<Copied>);

#[derive(Debug)]
struct Copied {
    states: HashMap<AccessKey, AccessState>,
    read_at: Instant,
}

impl AccessStates {
    /// Starts from all rows of the table, read just now.
    pub fn new(states: Vec<AccessState>) -> Self {
        Self(RwLock::new(Copied {
            states: states.into_iter().map(|state| (state.key, state)).collect(),
            read_at: Instant::now(),
        }))
    }

    /// Applies rows that were read at `read_at`, and drops those that expired before `now` (seconds
    /// since 1970).
    pub fn apply(&self, states: Vec<AccessState>, read_at: Instant, now: i64) {
        let mut copied = self.0.write().unwrap_or_else(PoisonError::into_inner);
        copied.read_at = copied.read_at.max(read_at);
        for state in states {
            copied.states.insert(state.key, state);
        }
        copied
            .states
            .retain(|_, state| state.expires_at.is_none_or(|expires_at| expires_at >= now));
    }

    /// Whether something has ended a token, as far as this copy knows.
    pub fn status(&self, claims: &Claims) -> TokenStatus {
        let copied = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let tenant = claims.tenant.as_str();
        let state =
            |kind: &str, subject: &str| copied.states.get(&access_key(kind, tenant, subject));
        if state("token", &claims.token.as_uuid().to_string()).is_some() {
            return TokenStatus::Revoked;
        }
        let mut known = copied.read_at.elapsed() <= STALE;
        let mut holds = |state: Option<&AccessState>, number: i64| {
            known &= state.is_some();
            state.is_none_or(|state| number >= state.least)
        };
        let mut live = holds(state("tenant", ""), 0);
        if let Some(generation) = claims.origin.generation() {
            live &= holds(state("account", claims.username.as_str()), generation);
        }
        if let Some(id) = claims.origin.credential() {
            live &= holds(state("credential", &id.to_string()), 0);
        }
        match (live, known) {
            (false, _) => TokenStatus::Revoked,
            (true, true) => TokenStatus::Live,
            (true, false) => TokenStatus::Unknown,
        }
    }
}

/// The key of an account, a credential or a tenant: SHA-256, as the database's function
/// `access_key` computes it.
fn access_key(kind: &str, tenant: &str, subject: &str) -> AccessKey {
    Sha256::digest(format!("{kind}\n{tenant}\n{subject}")).into()
}

impl Origin {
    /// The account's generation at the sign-in; `None` for an application.
    pub fn generation(&self) -> Option<i64> {
        match self {
            Self::Account { generation } | Self::ApiKey { generation, .. } => Some(*generation),
            Self::Application { .. } | Self::Client { .. } => None,
        }
    }

    /// The credential that the token was issued with; `None` for a plain login.
    pub fn credential(&self) -> Option<CredentialId> {
        match self {
            Self::Account { .. } => None,
            Self::ApiKey { credential, .. }
            | Self::Application { credential }
            | Self::Client { credential } => Some(*credential),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Role, Scopes, TenantId, TokenId, Username};

    fn claims(generation: i64) -> Claims {
        Claims {
            tenant: TenantId::parse("acme").unwrap(),
            username: Username::parse("press").unwrap(),
            role: Role::User,
            token: TokenId::random(),
            scopes: Scopes::PHOTOS,
            origin: Origin::Account { generation },
            issued_at: 0,
            expires_at: 100,
        }
    }

    fn state(kind: &str, subject: &str, least: i64, expires_at: Option<i64>) -> AccessState {
        AccessState {
            key: access_key(kind, "acme", subject),
            least,
            expires_at,
        }
    }

    #[test]
    fn a_token_is_good_until_a_larger_number_is_known() {
        let states = AccessStates::new(vec![
            state("account", "press", 5, None),
            state("tenant", "", 0, None),
        ]);
        assert_eq!(states.status(&claims(5)), TokenStatus::Live);
        assert_eq!(states.status(&claims(4)), TokenStatus::Revoked);
        let tell = |state| states.apply(vec![state], Instant::now(), 50);
        tell(state("tenant", "", 1, None));
        assert_eq!(states.status(&claims(5)), TokenStatus::Revoked);
        tell(state("tenant", "", 0, None));
        assert_eq!(states.status(&claims(5)), TokenStatus::Live, "resumed");
        let one = claims(5);
        let id = one.token.as_uuid().to_string();
        tell(state("token", &id, 1, Some(60)));
        assert_eq!(states.status(&one), TokenStatus::Revoked);
        assert_eq!(
            states.status(&claims(5)),
            TokenStatus::Live,
            "another token"
        );
        states.apply(Vec::new(), Instant::now(), 61);
        assert_eq!(
            states.status(&one),
            TokenStatus::Live,
            "forgotten once it expired"
        );
    }

    #[test]
    fn an_old_copy_says_nothing_good() {
        let states = AccessStates::new(vec![
            state("account", "press", 5, None),
            state("tenant", "", 0, None),
        ]);
        assert_eq!(states.status(&claims(5)), TokenStatus::Live);
        let copied = states.0.into_inner().unwrap();
        let states = AccessStates(RwLock::new(Copied {
            states: copied.states,
            read_at: Instant::now()
                .checked_sub(STALE + Duration::from_secs(1))
                .unwrap(),
        }));
        assert_eq!(states.status(&claims(5)), TokenStatus::Unknown);
        let nobody_known = AccessStates::new(Vec::new());
        assert_eq!(nobody_known.status(&claims(5)), TokenStatus::Unknown);
    }
}
