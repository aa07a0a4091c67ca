//! The signing keys: generated, rotated, and put in force on this server as the database says.
//!
//! ```text
//! next      published, does not sign yet: cached JWKS documents contain it before its first token
//! active    signs
//! retired   published until the last token that it signed has expired
//! ```

use time::{Duration, OffsetDateTime};

use super::{Context, Error};
use crate::{
    auth::{Grant, Jwk, KeyRing, MasterKey, SigningKey, SigningKeyError},
    clock::Clock,
    db::{
        Database, DbError, Operator,
        signing_keys::{self, NewSigningKey, SealedKey},
    },
};

/// Retired keys are published a little longer than their tokens live, since clocks differ, and for
/// as long at least: a server that has not heard yet that a key is retired goes on signing with it.
const GRACE: Duration = Duration::minutes(5);
/// Added to the expiry of a token when its key's expiry is stored, so that it is not stored anew
/// for every token.
const NOTED_AHEAD: Duration = Duration::hours(1);

/// Generates an active and a next key where there is none.
pub async fn ensure(operator: &Operator, master: &MasterKey, clock: &Clock) -> Result<(), Error> {
    let mut tx = operator.bootstrap().await?;
    let keys = signing_keys::list(&mut *tx).await?;
    let now = clock.now();
    if !keys.iter().any(is_active) {
        let first = make(master)?;
        signing_keys::insert(&mut tx, &first, now).await?;
        signing_keys::activate(&mut tx, &first.key_id, now).await?;
        tracing::info!(key.id = first.key_id, "made the first signing key");
    }
    if !keys.iter().any(|key| key.activated_at.is_none()) {
        signing_keys::insert(&mut tx, &make(master)?, now).await?;
    }
    tx.commit().await.map_err(DbError::from)?;
    Ok(())
}

/// Makes the next key active, retires the active one, and generates another next key.
pub async fn rotate(operator: &Operator, master: &MasterKey, clock: &Clock) -> Result<(), Error> {
    ensure(operator, master, clock).await?;
    let mut tx = operator.bootstrap().await?;
    let keys = signing_keys::list(&mut *tx).await?;
    let next = keys
        .iter()
        .find(|key| key.activated_at.is_none())
        .ok_or(Error::NotFound)?;
    let now = clock.now();
    signing_keys::activate(&mut tx, &next.key_id, now).await?;
    signing_keys::insert(&mut tx, &make(master)?, now).await?;
    tx.commit().await.map_err(DbError::from)?;
    tracing::info!(key.id = next.key_id, "rotated the signing key");
    Ok(())
}

/// A signing key and its public half.
#[derive(Debug)]
pub struct ListedKey {
    /// The key as it is stored.
    pub sealed: SealedKey,
    /// Its public half as a JWK (RFC 7517).
    pub jwk: Jwk,
}

/// Lists all keys, newest first, including those that are no longer published.
///
/// # Errors
///
/// [`SigningKeyError::Seal`] when the database was set up under another master key.
pub async fn list(operator: &Operator, master: &MasterKey) -> Result<Vec<ListedKey>, Error> {
    let mut tx = operator.begin().await?;
    let keys = signing_keys::list(&mut *tx).await?;
    keys.into_iter()
        .map(|sealed| {
            let jwk = open(master, &sealed)?.jwk();
            Ok(ListedKey { sealed, jwk })
        })
        .collect()
}

/// How long a key signs at most, by the policy of docs/keys.md: a year, and a month to do it in.
/// `deploy/prometheus/alerts.yml` has the same.
pub const LONGEST_USE: Duration = Duration::days(400);

/// What there is to say about a signing key that tokens in use are checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExaminedKey {
    /// Its `kid`.
    pub id: String,
    /// The stage of its life.
    pub state: KeyState,
    /// Since when it has signed; `None` if it never did.
    pub active_since: Option<OffsetDateTime>,
    /// Whether it opens under the master key.
    pub opens: bool,
}

/// Examines all keys that are published, newest first; one that does not open hides no other.
pub async fn examine(
    operator: &Operator,
    master: &MasterKey,
    now: OffsetDateTime,
) -> Result<Vec<ExaminedKey>, Error> {
    let mut tx = operator.begin().await?;
    let mut keys = signing_keys::list(&mut *tx).await?;
    keys.retain(|key| is_published(key, now));
    let examined = keys.into_iter().map(|sealed| ExaminedKey {
        state: state(&sealed, now),
        active_since: sealed.activated_at,
        opens: open(master, &sealed).is_ok(),
        id: sealed.key_id,
    });
    Ok(examined.collect())
}

/// The stages of a signing key's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Published, and does not sign yet.
    Next,
    /// Signs all new tokens and receipts.
    Active,
    /// Published for the tokens that it has signed.
    Retired,
    /// No longer published, since every token that it signed has expired.
    Withdrawn,
}

impl KeyState {
    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// The stage of a key at `now`.
pub fn state(key: &SealedKey, now: OffsetDateTime) -> KeyState {
    match (key.activated_at, key.retired_at) {
        (None, _) => KeyState::Next,
        (Some(_), None) => KeyState::Active,
        _ if is_published(key, now) => KeyState::Retired,
        _ => KeyState::Withdrawn,
    }
}

/// Opens the keys in force.
///
/// # Errors
///
/// [`SigningKeyError::Seal`] when the database was set up under another master key.
pub async fn load(db: &Database, master: &MasterKey, clock: &Clock) -> Result<KeyRing, Error> {
    let now = clock.now();
    let (mut active, mut others) = (None, Vec::new());
    for sealed in db.signing_keys().await? {
        if is_active(&sealed) {
            active = Some((open(master, &sealed)?, sealed.activated_at));
        } else if is_published(&sealed, now) {
            others.push(open(master, &sealed)?);
        }
    }
    let (active, since) = active.ok_or_else(|| Error::internal(DbError::NotMigrated))?;
    Ok(KeyRing::new(active, others).active_since(since))
}

/// Signs a token, after the database knows how long its key is needed.
pub(super) async fn sign(ctx: &Context, grant: &Grant) -> Result<String, Error> {
    let keys = ctx.tokens.keys();
    let expires_at = ctx.clock.now() + Duration::seconds(grant.ttl_seconds.into());
    let active = keys.active();
    if !active.is_kept_until(expires_at.unix_timestamp()) {
        let until = expires_at + NOTED_AHEAD;
        ctx.db.keep_signing_key(active.id(), until).await?;
        active.set_kept_until(until.unix_timestamp());
    }
    ctx.tokens.issue(&keys, grant).map_err(Error::internal)
}

fn is_active(key: &SealedKey) -> bool {
    key.activated_at.is_some() && key.retired_at.is_none()
}

fn is_published(key: &SealedKey, now: OffsetDateTime) -> bool {
    let Some(retired_at) = key.retired_at else {
        return true;
    };
    key.tokens_until.max(Some(retired_at)) >= Some(now - GRACE)
}

fn open(master: &MasterKey, sealed: &SealedKey) -> Result<SigningKey, Error> {
    SigningKey::open(master, &sealed.key_id, &sealed.sealed_private_key)
        .map_err(|error: SigningKeyError| Error::internal(error))
}

/// Generates a key and seals its private half.
fn make(master: &MasterKey) -> Result<NewSigningKey, Error> {
    let key = SigningKey::generate().map_err(Error::internal)?;
    Ok(NewSigningKey {
        key_id: key.id().to_owned(),
        sealed_private_key: key.seal(master).map_err(Error::internal)?,
    })
}
