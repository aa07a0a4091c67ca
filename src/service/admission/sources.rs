//! The sources that accounts are known from: the table `known_sources`, as far as it is asked.
//!
//! An attack fills an account's bucket, and from then on each attempt has to be asked whether its
//! source is known. The answer for the whole account is read once and kept for a minute, so that
//! guesses that are refused cost no statement each.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use time::{Duration, OffsetDateTime};

use super::throttle::{AccountHash, Attempt};
use crate::{
    auth::HashUse,
    db::{TenantTransaction, known_sources},
    domain::{SourceHash, TenantId, Username},
    service::{Context, Error},
};

/// How long an answer is kept. A source that becomes known at another server is known here after
/// that; one that becomes known here, at once.
const KEPT: Duration = Duration::MINUTE;

/// Most accounts whose sources are kept: some 12 MB if each has all its sources.
const MOST_ACCOUNTS: usize = 10_000;

/// The sources of accounts under attack, as they were read a moment ago.
#[derive(Debug, Default)]
pub struct KnownSources(Mutex<HashMap<AccountHash, KnownNetworks>>);

#[derive(Debug)]
struct KnownNetworks {
    sources: Vec<SourceHash>,
    read_at: OffsetDateTime,
}

impl KnownSources {
    fn find(
        &self,
        account: &AccountHash,
        hashes: &[SourceHash],
        now: OffsetDateTime,
    ) -> Option<bool> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.get(account)?;
        // A clock that jumps back makes it old, too.
        let age = now - kept.read_at;
        (Duration::ZERO..KEPT)
            .contains(&age)
            .then(|| kept.sources.iter().any(|source| hashes.contains(source)))
    }

    fn keep(&self, account: AccountHash, sources: Vec<SourceHash>, read_at: OffsetDateTime) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_ACCOUNTS {
            kept.clear();
        }
        kept.insert(account, KnownNetworks { sources, read_at });
    }

    /// Lets the next question about an account be read again, since it has a new source.
    pub fn forget(&self, attempt: &Attempt) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(&attempt.account());
    }
}

/// The keyed hash under which an attempt's source is kept for an account from now on.
pub fn hash(ctx: &Context, tenant: &TenantId, name: &Username, attempt: &Attempt) -> SourceHash {
    hashes(ctx, tenant, name, attempt)[0]
}

/// The keyed hashes under which an attempt's source may be kept for an account: one a master key,
/// that of a new one first.
fn hashes(ctx: &Context, tenant: &TenantId, name: &Username, attempt: &Attempt) -> Vec<SourceHash> {
    let (tenant, name) = (tenant.as_str().as_bytes(), name.as_str().as_bytes());
    let network = attempt.network().octets();
    ctx.master
        .keyed_hashes(HashUse::KnownSource, &[tenant, name, &network])
}

/// Whether an account has signed in from the source of an attempt. The database is asked at most
/// once a minute for each account.
///
/// # Errors
///
/// The database had to be asked and did not answer.
pub async fn is_known(
    ctx: &Context,
    tenant: &TenantId,
    name: &Username,
    attempt: &Attempt,
) -> Result<bool, Error> {
    let (hashes, now) = (hashes(ctx, tenant, name, attempt), ctx.clock.now());
    let kept = &ctx.known_sources;
    if let Some(known) = kept.find(&attempt.account(), &hashes, now) {
        return Ok(known);
    }
    let mut tx = ctx.db.begin(tenant).await?;
    let sources = known_sources::list(&mut tx, name).await?;
    tx.commit().await?;
    let known = sources.iter().any(|source| hashes.contains(source));
    kept.keep(attempt.account(), sources, now);
    Ok(known)
}

/// Remembers that an account has signed in from the source of an attempt.
///
/// # Errors
///
/// [`Error::Credentials`] if the account was deleted a moment ago.
pub async fn remember(
    ctx: &Context,
    tx: &mut TenantTransaction,
    name: &Username,
    attempt: &Attempt,
) -> Result<(), Error> {
    let source = hash(ctx, tx.tenant(), name, attempt);
    let inserted = known_sources::insert(tx, name, &source, ctx.clock.now()).await;
    inserted.map_err(|error| {
        if error.breaks("known_sources_account_fkey") {
            Error::Credentials
        } else {
            error.into()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_for_a_minute_and_not_once_something_is_new() {
        let sources = KnownSources::default();
        let attempt = Attempt::new("acme", "press", [192, 0, 2, 1].into());
        let (account, now) = (attempt.account(), OffsetDateTime::UNIX_EPOCH);
        assert_eq!(sources.find(&account, &[[1; 32]], now), None);
        sources.keep(account, vec![[1; 32]], now);
        assert_eq!(sources.find(&account, &[[1; 32]], now), Some(true));
        assert_eq!(sources.find(&account, &[[2; 32]], now), Some(false));
        assert_eq!(sources.find(&account, &[[1; 32]], now + KEPT), None);
        let before = now - Duration::SECOND;
        assert_eq!(sources.find(&account, &[[1; 32]], before), None);
        sources.forget(&attempt);
        assert_eq!(sources.find(&account, &[[1; 32]], now), None);
    }
}
