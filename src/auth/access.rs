//! Tokens that were ended before they expired, held in memory: no request asks the database.
//!
//! A token carries a number for each thing that can end it: its account, its credential, its
//! tenant. It is refused when a larger number is known for one of them, when none is known, and
//! when its own id is listed. Where the single tokens of a holder were too many to list, a moment
//! is known besides: those that were issued before it are refused. A credential that ends by itself
//! has a moment, too: from then on its tokens are refused, whenever they were issued. All names are
//! kept as SHA-256 hashes, as in the table `access_states`, of which this is a copy.
//!
//! Readings of the table may arrive in any order: of two states of a thing, the later version
//! stays.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
    time::{Duration, Instant},
};

use super::{
    ended_tokens::EndedTokens,
    token::{Claims, Origin},
};
use crate::domain::{AccessKey, AccessState, CredentialId, TenantId, access_key};

/// Age from which the copy is no longer trusted; it is refreshed every second.
const STALE: Duration = Duration::from_secs(10);

/// Most things that may be in doubt at once; with more, all are.
const MOST_DOUBTS: usize = 4_096;

/// Whether a token whose signature and times are right may still be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenStatus {
    /// Nothing has ended it.
    Live,
    /// It was ended by a logout, a new password, a revocation, a suspension or the end of its
    /// credential.
    Revoked,
    /// The copy is too old to say, or has not heard of the account, credential or tenant yet, or
    /// has heard that one of them changed and not how.
    Unknown,
}

/// This server's copy of the table `access_states`.
#[derive(Debug, Default)]
pub struct AccessStates(RwLock<Copied>);

#[derive(Debug, Default)]
struct Copied {
    /// Of accounts, credentials and tenants.
    least: HashMap<AccessKey, Least>,
    ended: EndedTokens,
    /// What has changed and was not read since, and when that was announced.
    doubts: HashMap<AccessKey, Instant>,
    /// When more changed than `doubts` holds.
    all_in_doubt: Option<Instant>,
    /// When the latest complete reading began.
    read_at: Option<Instant>,
}

/// The smallest number that is accepted.
#[derive(Debug, Clone, Copy)]
struct Least {
    number: i64,
    version: i64,
}

impl Copied {
    fn merge(&mut self, state: &AccessState) {
        if let Some(expires_at) = state.expires_at {
            return self.ended.insert(&state.key, expires_at);
        }
        let read = Least {
            number: state.least,
            version: state.version,
        };
        let held = self.least.entry(state.key).or_insert(read);
        if held.version < read.version {
            *held = read;
        }
    }

    /// The moment that is known under a key. There is none for most holders and credentials, so
    /// that it cannot be missing.
    fn moment(&self, key: &AccessKey) -> Option<i64> {
        self.least.get(key).map(|least| least.number)
    }
}

impl AccessStates {
    /// Merges rows of the table, all at once.
    pub fn merge(&self, states: &[AccessState]) {
        let mut copied = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for state in states {
            copied.merge(state);
        }
    }

    /// Says that a reading that began at `began` has been merged whole: what was in doubt before is
    /// known now. Forgets tokens that expired before `now`, in seconds since 1970.
    pub fn complete(&self, began: Instant, now: i64) {
        let mut copied = self.0.write().unwrap_or_else(PoisonError::into_inner);
        copied.read_at = copied.read_at.max(Some(began));
        copied.doubts.retain(|_, since| *since > began);
        copied.all_in_doubt = copied.all_in_doubt.filter(|since| *since > began);
        copied.ended.expire(now);
    }

    /// Says that what is known under a key may be out of date. Tokens of it are [`Unknown`] until a
    /// later reading is complete.
    ///
    /// [`Unknown`]: TokenStatus::Unknown
    pub fn doubt(&self, key: AccessKey, at: Instant) {
        let mut copied = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if copied.doubts.len() >= MOST_DOUBTS {
            copied.doubts.clear();
            copied.all_in_doubt = Some(at);
        }
        copied.doubts.insert(key, at);
    }

    /// Whether the tenant is there and not suspended, as far as it is known.
    pub fn is_served(&self, tenant: &TenantId) -> bool {
        let key = access_key("tenant", tenant.as_str(), "");
        let copied = self.0.read().unwrap_or_else(PoisonError::into_inner);
        copied.least.get(&key).is_none_or(|least| least.number == 0)
    }

    /// How long ago the latest complete reading began; `None` before the first.
    pub fn age(&self) -> Option<Duration> {
        let copied = self.0.read().unwrap_or_else(PoisonError::into_inner);
        copied.read_at.map(|at| at.elapsed())
    }

    /// How many tokens that were ended one by one are held, because they have not expired.
    pub fn ended_tokens(&self) -> usize {
        let copied = self.0.read().unwrap_or_else(PoisonError::into_inner);
        copied.ended.len()
    }

    /// When the credential ends that a token was issued with, in seconds since 1970; `None` if it
    /// does not, as far as this copy knows.
    pub fn credential_end(&self, claims: &Claims) -> Option<i64> {
        let copied = self.0.read().unwrap_or_else(PoisonError::into_inner);
        copied.moment(&not_after(claims)?)
    }

    /// Whether something has ended a token by `now`, in seconds since 1970, as far as this copy
    /// knows.
    pub fn status(&self, claims: &Claims, now: i64) -> TokenStatus {
        self.judge(claims, now, true)
    }

    /// The same for a token that came before a reading that is complete now: what came to be in
    /// doubt since then does not concern it.
    pub fn status_as_read(&self, claims: &Claims, now: i64) -> TokenStatus {
        self.judge(claims, now, false)
    }

    fn judge(&self, claims: &Claims, now: i64, with_doubts: bool) -> TokenStatus {
        let tenant = claims.tenant.as_str();
        let key = |kind: &str, subject: &str| access_key(kind, tenant, subject);
        let token = key("token", &claims.ended_by().as_uuid().to_string());
        let mut needed = vec![(key("tenant", ""), 0)];
        if let Some(generation) = claims.origin.generation() {
            needed.push((key("account", claims.username.as_str()), generation));
        }
        if let Some(id) = claims.origin.credential() {
            needed.push((key("credential", &id.to_string()), 0));
        }
        let not_before = key("not_before", claims.username.as_str());
        let not_after = not_after(claims);
        let copied = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let early = copied.moment(&not_before);
        let early = early.is_some_and(|moment| claims.issued_at < moment);
        let late = not_after.and_then(|key| copied.moment(&key));
        let late = late.is_some_and(|moment| moment <= now);
        if early || late || copied.ended.contains(&token) {
            return TokenStatus::Revoked;
        }
        let in_doubt = |key: &AccessKey| {
            with_doubts && (copied.all_in_doubt.is_some() || copied.doubts.contains_key(key))
        };
        let fresh = copied.read_at.is_some_and(|at| at.elapsed() <= STALE);
        let mut known = fresh && !in_doubt(&token) && !in_doubt(&not_before);
        known &= !not_after.is_some_and(|key| in_doubt(&key));
        for (key, number) in needed {
            match copied.least.get(&key) {
                Some(least) if number < least.number => return TokenStatus::Revoked,
                Some(_) => known &= !in_doubt(&key),
                None => known = false,
            }
        }
        if known {
            TokenStatus::Live
        } else {
            TokenStatus::Unknown
        }
    }
}

/// The key of the moment at which a token's credential ends; `None` if it has no credential.
fn not_after(claims: &Claims) -> Option<AccessKey> {
    let id = claims.origin.credential()?.to_string();
    Some(access_key("not_after", claims.tenant.as_str(), &id))
}

impl Origin {
    /// The account's generation at the sign-in; `None` for an application.
    pub fn generation(&self) -> Option<i64> {
        match self {
            Self::Account { generation }
            | Self::Console { generation, .. }
            | Self::ApiKey { generation, .. } => Some(*generation),
            Self::Application { .. } | Self::Client { .. } => None,
        }
    }

    /// The credential that the token was issued with; `None` for a plain login.
    pub fn credential(&self) -> Option<CredentialId> {
        match self {
            Self::Account { .. } | Self::Console { .. } => None,
            Self::ApiKey { credential, .. }
            | Self::Application { credential }
            | Self::Client { credential } => Some(*credential),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Role, Scopes, TokenId, Username};

    /// The time in these tests, between a token's issue and its expiry.
    const NOW: i64 = 50;

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

    fn state(kind: &str, subject: &str, least: i64, version: i64) -> AccessState {
        AccessState {
            key: access_key(kind, "acme", subject),
            least,
            version,
            expires_at: None,
        }
    }

    fn ended(claims: &Claims, expires_at: i64) -> AccessState {
        let id = claims.token.as_uuid().to_string();
        AccessState {
            expires_at: Some(expires_at),
            ..state("token", &id, 1, 1)
        }
    }

    /// A copy that knows the account and the tenant of the tests' tokens.
    fn copy() -> AccessStates {
        let states = AccessStates::default();
        states.merge(&[state("account", "press", 5, 1), state("tenant", "", 0, 1)]);
        states.complete(Instant::now(), NOW);
        states
    }

    #[test]
    fn a_token_is_good_until_a_larger_number_is_known() {
        let states = copy();
        assert_eq!(states.status(&claims(5), NOW), TokenStatus::Live);
        assert_eq!(states.status(&claims(4), NOW), TokenStatus::Revoked);
        states.merge(&[state("tenant", "", 1, 2)]);
        assert_eq!(states.status(&claims(5), NOW), TokenStatus::Revoked);
        states.merge(&[state("tenant", "", 0, 3)]);
        assert_eq!(states.status(&claims(5), NOW), TokenStatus::Live, "resumed");
        let one = claims(5);
        states.merge(&[ended(&one, 60)]);
        assert_eq!(states.status(&one, NOW), TokenStatus::Revoked);
        assert_eq!(
            states.status(&claims(5), NOW),
            TokenStatus::Live,
            "another token"
        );
        states.complete(Instant::now(), 61);
        assert_eq!(
            states.status(&one, NOW),
            TokenStatus::Live,
            "forgotten once it expired"
        );
    }

    #[test]
    fn a_token_that_was_issued_before_the_holders_moment_is_refused() {
        let states = copy();
        let issued_at = |seconds| Claims {
            issued_at: seconds,
            ..claims(5)
        };
        states.merge(&[state("not_before", "press", 40, 1)]);
        assert_eq!(states.status(&issued_at(39), NOW), TokenStatus::Revoked);
        assert_eq!(states.status(&issued_at(40), NOW), TokenStatus::Live);
    }

    #[test]
    fn tokens_of_a_credential_are_refused_from_its_end_on_and_no_others() {
        let states = copy();
        let [id, other] = [(); 2].map(|()| CredentialId::random());
        let minted = |credential| Claims {
            origin: Origin::Client { credential },
            ..claims(5)
        };
        for id in [id, other] {
            states.merge(&[state("credential", &id.to_string(), 0, 1)]);
        }
        let end = |at, version| states.merge(&[state("not_after", &id.to_string(), at, version)]);
        assert_eq!(states.credential_end(&minted(id)), None);
        end(80, 1);
        assert_eq!(states.credential_end(&minted(id)), Some(80));
        assert_eq!(states.status(&minted(id), 79), TokenStatus::Live);
        assert_eq!(states.status(&minted(id), 80), TokenStatus::Revoked);
        end(60, 2);
        assert_eq!(states.status(&minted(id), 59), TokenStatus::Live);
        assert_eq!(states.status(&minted(id), 60), TokenStatus::Revoked);
        assert_eq!(states.status(&minted(other), 90), TokenStatus::Live);
        assert_eq!(states.status(&claims(5), 90), TokenStatus::Live);
        states.doubt(
            access_key("not_after", "acme", &id.to_string()),
            Instant::now(),
        );
        assert_eq!(states.status(&minted(id), 59), TokenStatus::Unknown);
        assert_eq!(states.status(&minted(other), 59), TokenStatus::Live);
    }

    #[test]
    fn an_older_reading_that_comes_later_undoes_nothing() {
        let states = copy();
        let before = [state("account", "press", 5, 1), state("tenant", "", 0, 1)];
        states.merge(&[state("account", "press", 9, 3), state("tenant", "", 1, 2)]);
        states.merge(&before);
        states.complete(Instant::now(), NOW);
        assert_eq!(
            states.status(&claims(9), NOW),
            TokenStatus::Revoked,
            "tenant"
        );
        states.merge(&[state("tenant", "", 0, 3), state("account", "press", 7, 2)]);
        assert_eq!(
            states.status(&claims(8), NOW),
            TokenStatus::Revoked,
            "account"
        );
        assert_eq!(states.status(&claims(9), NOW), TokenStatus::Live);
    }

    #[test]
    fn what_is_in_doubt_is_unknown_until_it_was_read_again() {
        let states = copy();
        let (one, other) = (claims(5), claims(5));
        let began = Instant::now();
        states.doubt(
            access_key("token", "acme", &one.token.as_uuid().to_string()),
            Instant::now(),
        );
        assert_eq!(states.status(&one, NOW), TokenStatus::Unknown);
        assert_eq!(states.status(&other, NOW), TokenStatus::Live);
        assert_eq!(states.status_as_read(&one, NOW), TokenStatus::Live);
        states.complete(began, NOW);
        assert_eq!(
            states.status(&one, NOW),
            TokenStatus::Unknown,
            "that reading began before"
        );
        states.merge(&[ended(&one, 60)]);
        states.complete(Instant::now(), NOW);
        assert_eq!(states.status(&one, NOW), TokenStatus::Revoked);
        states.doubt(access_key("account", "acme", "press"), Instant::now());
        assert_eq!(states.status(&other, NOW), TokenStatus::Unknown);
        for number in 0..=MOST_DOUBTS {
            states.doubt(
                access_key("account", "bolt", &number.to_string()),
                Instant::now(),
            );
        }
        let doubts = states.0.read().unwrap().doubts.len();
        assert!(doubts <= MOST_DOUBTS, "{doubts}");
        assert_eq!(states.status(&other, NOW), TokenStatus::Unknown);
        states.complete(Instant::now(), NOW);
        assert_eq!(states.status(&other, NOW), TokenStatus::Live);
    }

    #[test]
    fn an_old_copy_says_nothing_good() {
        let states = copy();
        assert_eq!(states.status(&claims(5), NOW), TokenStatus::Live);
        let old = Instant::now().checked_sub(STALE + Duration::from_secs(1));
        states.0.write().unwrap().read_at = old;
        assert_eq!(states.status(&claims(5), NOW), TokenStatus::Unknown);
        assert_eq!(
            AccessStates::default().status(&claims(5), NOW),
            TokenStatus::Unknown
        );
    }
}
