//! The check of an account's password, of a login and of whoever changes his own; and the hash of a
//! new one.

use secrecy::SecretString;

use super::{
    Context, Error,
    admission::{
        refusals::{self, Refusal, RefusedSignIn, Sought, WayIn},
        sources,
        throttle::Attempt,
    },
};
use crate::{
    auth::{PasswordHash, hash_new_password},
    db::accounts::{self, LoginAccount, LoginLookup},
    domain::{
        AccountStatus, SourceHash, TenantId, TenantStatus, Username,
        audit::{CallTrace, Subject},
    },
};

/// A password, and whose it should be, as they were sent.
#[derive(Debug)]
pub(super) struct SentPassword<'a> {
    /// What it was sent for.
    pub(super) way: WayIn,
    /// The name of a tenant, or anything else.
    pub(super) tenant: &'a str,
    /// The name of an account, or anything else.
    pub(super) username: &'a str,
    /// The password.
    pub(super) password: SecretString,
    /// The call that sent it.
    pub(super) call: &'a CallTrace,
}

/// An account whose password was right, enabled and of an active tenant.
#[derive(Debug)]
pub(super) struct ProvenAccount {
    pub(super) tenant: TenantId,
    pub(super) username: Username,
    pub(super) account: LoginAccount,
    /// The attempt that was right, if its source is new to the account.
    pub(super) new_source: Option<Attempt>,
}

/// An account that may exist: both names are well-formed.
struct LoginName {
    tenant: TenantId,
    username: Username,
    source: SourceHash,
}

impl SentPassword<'_> {
    /// Checks the password, with the same work for any name; an attempt too many is refused before
    /// any work. `None` when the name or the password is wrong, or the account may not log in.
    ///
    /// # Errors
    ///
    /// [`Error::Throttled`] after many failures, [`Error::Busy`] when too many wait.
    pub(super) async fn check(self, ctx: &Context) -> Result<Option<ProvenAccount>, Error> {
        let attempt = Attempt::new(self.tenant, self.username, self.call.source);
        // As claimed, whether or not there is such a tenant, so that a wait tells nothing of it.
        let party = TenantId::parse(self.tenant);
        ctx.passwords.admits(&party)?;
        let name = (TenantId::parse(self.tenant).zip(Username::parse(self.username))).map(
            |(tenant, username)| LoginName {
                source: sources::hash(ctx, &tenant, &username, &attempt),
                tenant,
                username,
            },
        );
        let known = match &name {
            Some(LoginName {
                tenant, username, ..
            }) if ctx.throttle.is_held_by_others(&attempt, ctx.clock.now()) => {
                sources::is_known(ctx, tenant, username, &attempt).await?
            }
            _ => false,
        };
        if let Err(wait) = ctx.throttle.admit(&attempt, known, ctx.clock.now()) {
            self.note_throttled(ctx, name.as_ref());
            return Err(Error::Throttled(wait));
        }
        let lookup = match &name {
            Some(LoginName {
                tenant,
                username,
                source,
            }) => {
                let mut tx = ctx.db.begin(tenant).await?;
                let found = accounts::find_for_login(&mut tx, username, source).await?;
                tx.commit().await?;
                found
            }
            None => None,
        };
        let account = lookup.as_ref().and_then(|found| found.account.as_ref());
        let known = known || account.is_some_and(|account| account.knows_source);
        let hash = match account {
            Some(account) if reason_to_refuse(lookup.as_ref()).is_none() => {
                PasswordHash::from_stored(account.password_hash.clone())
            }
            _ => PasswordHash::of_nobody(),
        };
        let (gated, password) = (ctx.clone(), self.password.clone());
        let checked = ctx.passwords.run(party, move |_| {
            // Asked again when its turn comes: many guesses may have waited side by side.
            gated.throttle.admit(&attempt, known, gated.clock.now())?;
            Ok(hash.matches(&password))
        });
        let matches = match checked.await? {
            Ok(matches) => matches,
            Err(wait) => {
                self.note(ctx, name.as_ref(), lookup.as_ref(), Refusal::Throttled);
                return Err(Error::Throttled(wait));
            }
        };
        let refused = reason_to_refuse(lookup.as_ref());
        let refused = refused.or((!matches).then_some(Refusal::WrongPassword));
        if let Some(reason) = refused {
            ctx.throttle.failed(&attempt, ctx.clock.now());
            self.note(ctx, name.as_ref(), lookup.as_ref(), reason);
            return Ok(None);
        }
        ctx.throttle.succeeded(&attempt);
        let account = lookup.and_then(|found| found.account);
        Ok(name.zip(account).map(|(name, account)| ProvenAccount {
            tenant: name.tenant,
            username: name.username,
            new_source: (!account.knows_source).then_some(attempt),
            account,
        }))
    }

    /// Notes a refusal of what was looked up.
    fn note(
        &self,
        ctx: &Context,
        name: Option<&LoginName>,
        lookup: Option<&LoginLookup>,
        reason: Refusal,
    ) {
        let sought = match name.zip(lookup) {
            Some((name, found)) if found.account.is_some() => {
                Sought::Subject(&name.tenant, Subject::Account(name.username.clone()))
            }
            Some((name, _)) => Sought::NameIn(&name.tenant, self.username),
            None => Sought::Names(Some(self.tenant), self.username),
        };
        self.note_of(ctx, sought, reason);
    }

    /// Notes a refusal before anything was looked up.
    fn note_throttled(&self, ctx: &Context, name: Option<&LoginName>) {
        let sought = match name {
            Some(name) => {
                let subject = Subject::Account(name.username.clone());
                refusals::sought_before(ctx, &name.tenant, subject, self.username)
            }
            None => Sought::Names(Some(self.tenant), self.username),
        };
        self.note_of(ctx, sought, Refusal::Throttled);
    }

    fn note_of(&self, ctx: &Context, sought: Sought<'_>, reason: Refusal) {
        let refused = RefusedSignIn {
            way: self.way,
            sought,
            reason,
            call: self.call,
        };
        refusals::note(ctx, &refused);
    }
}

/// Hashes a password that is set for an account, behind the gate that bounds such work. `field` is
/// its name on the wire.
///
/// # Errors
///
/// [`Error::Invalid`] when it is not acceptable, [`Error::Busy`] when too many wait.
pub(super) async fn hash_new(
    ctx: &Context,
    password: SecretString,
    field: &'static str,
    tenant: &TenantId,
    username: &Username,
) -> Result<PasswordHash, Error> {
    let (tenant, username) = (tenant.clone(), username.clone());
    ctx.passwords
        .run(Some(tenant.clone()), move |_| {
            hash_new_password(&password, &tenant, &username)
        })
        .await?
        .map_err(|error| Error::invalid(field, error.to_string()))
}

/// Why nobody may log in here, whatever the password.
fn reason_to_refuse(lookup: Option<&LoginLookup>) -> Option<Refusal> {
    let Some(found) = lookup else {
        return Some(Refusal::UnknownTenant);
    };
    let status = found.account.as_ref().map(|account| account.status);
    match (found.tenant, status) {
        (_, None) => Some(Refusal::UnknownAccount),
        (TenantStatus::Suspended, Some(_)) => Some(Refusal::TenantSuspended),
        (TenantStatus::Active, Some(AccountStatus::Disabled)) => Some(Refusal::AccountDisabled),
        (TenantStatus::Active, Some(AccountStatus::Enabled)) => None,
    }
}
