//! Sign-ins that are refused: each a line of the server's log, and a summary an hour in the audit
//! log of the tenant that it was for.
//!
//! Guesses cost the database nothing: they are counted in memory, and a background task writes the
//! summaries. An attacker adds at most [`MOST_SUBJECTS`] + 1 events an hour to a tenant's log, on
//! each server. What a server has counted since its last summary is lost with a crash; the lines of
//! its log are not.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};
use tokio_util::sync::CancellationToken;

use crate::{
    auth::{HashUse, MasterKey},
    domain::{
        ContentHash, TenantId,
        audit::{Action, AuditEntry, By, CallTrace, Subject},
    },
    service::{Context, Error, journal},
};

/// The time that a summary covers, from its first refusal on.
const WINDOW: Duration = Duration::HOUR;

/// Accounts and credentials of a tenant that have a summary of their own; the refusals of others
/// are added up under the tenant, with those for names that it does not have.
const MOST_SUBJECTS: usize = 100;

/// Addresses that a summary names; refusals from others are counted.
const MOST_SOURCES: usize = 8;

/// Digits of a hash in the log: 128 bits, enough to tell names apart.
const HASH_DIGITS: usize = 32;

/// How often it is looked whether a summary is due.
const TICK: std::time::Duration = std::time::Duration::from_mins(1);

macro_rules! names {
    ($(#[$meta:meta])* $type:ident { $($(#[doc = $doc:literal])* $variant:ident $name:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $type {
            $($(#[doc = $doc])* $variant,)*
        }

        impl $type {
            /// The name in logs; it never changes.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

names! {
    /// A way to sign in.
    WayIn {
        /// `POST /api/v1/auth/login`.
        Login "login",
        /// `POST /console/session`.
        Console "console",
        /// `POST /auth`.
        ApiKey "api_key",
        /// `POST /api/v3/auth`.
        Application "application",
        /// `POST /api/v1/me/password`, which asks for the present password.
        PasswordChange "password_change",
        /// The endpoints of OAuth 2.0, which authenticate a client.
        Oauth "client_credentials",
    }
}

names! {
    /// What was wrong with a sign-in.
    Refusal {
        /// There is no tenant of that name, or it cannot be one.
        UnknownTenant "unknown_tenant",
        /// The tenant has no account of that name.
        UnknownAccount "unknown_account",
        /// The account is disabled.
        AccountDisabled "account_disabled",
        /// The tenant is suspended.
        TenantSuspended "tenant_suspended",
        /// The password is not the account's.
        WrongPassword "wrong_password",
        /// Too many failures: what was sent was not looked at.
        Throttled "throttled",
        /// There is no such API key.
        UnknownApiKey "unknown_api_key",
        /// There is no such application.
        UnknownApplication "unknown_application",
        /// The API key or application was revoked.
        Revoked "revoked",
        /// The API key or application has come to its end.
        Expired "expired",
        /// The token is not the application's.
        WrongToken "wrong_token",
        /// The secret is not the application's.
        WrongSecret "wrong_secret",
        /// The account has none of the API key's scopes.
        NoCommonScope "no_common_scope",
    }
}

/// Who was to be signed in, as far as it is known.
#[derive(Debug, Clone)]
pub enum Sought<'a> {
    /// An account or a credential that the tenant has.
    Subject(&'a TenantId, Subject),
    /// Nobody that the tenant has: what was sent as a name.
    NameIn(&'a TenantId, &'a str),
    /// Nobody in any tenant: what was sent as the names of a tenant, if it was, and of an account,
    /// a client or nothing.
    Names(Option<&'a str>, &'a str),
}

/// A sign-in that is refused.
#[derive(Debug, Clone)]
pub struct RefusedSignIn<'a> {
    /// The way that was tried.
    pub way: WayIn,
    /// Who was to be signed in.
    pub sought: Sought<'a>,
    /// What was wrong.
    pub reason: Refusal,
    /// The call that tried.
    pub call: &'a CallTrace,
}

impl RefusedSignIn<'_> {
    /// Writes one line. A name that does not exist may be a password that was typed into the wrong
    /// field: of it, a keyed hash is logged.
    fn log(&self, master: &MasterKey) {
        let hashed = |name: &str| {
            let hash = master.keyed_hash(HashUse::UnknownName, &[name.as_bytes()]);
            let mut digits = ContentHash::from_digest(hash).to_string();
            digits.truncate(HASH_DIGITS);
            digits
        };
        let (tenant, subject, tenant_hash, name_hash) = match &self.sought {
            Sought::Subject(tenant, subject) => {
                (Some(tenant.as_str()), Some(subject.to_string()), None, None)
            }
            Sought::NameIn(tenant, name) => (Some(tenant.as_str()), None, None, Some(hashed(name))),
            Sought::Names(tenant, name) => (None, None, tenant.map(hashed), Some(hashed(name))),
        };
        tracing::info!(
            signin.way = self.way.as_str(),
            signin.reason = self.reason.as_str(),
            source.address = %self.call.source.to_canonical(),
            tenant.id = tenant,
            signin.subject = subject,
            tenant.hash = tenant_hash,
            name.hash = name_hash,
            "sign-in refused"
        );
    }
}

/// Refusals of this server that no summary has told yet.
#[derive(Debug, Default)]
pub struct RefusedSignIns(Mutex<HashMap<TenantId, TenantTally>>);

/// What a tenant's summaries will say.
#[derive(Debug)]
struct TenantTally {
    since: OffsetDateTime,
    /// By the subject as the log names it.
    subjects: BTreeMap<String, RefusalTally>,
}

/// What one summary will say.
#[derive(Debug, Clone)]
struct RefusalTally {
    subject: Subject,
    refusals: u64,
    from: OffsetDateTime,
    until: OffsetDateTime,
    ways: BTreeSet<&'static str>,
    reasons: BTreeMap<&'static str, u64>,
    sources: BTreeSet<IpAddr>,
    from_others: u64,
}

impl RefusalTally {
    fn new(subject: Subject, now: OffsetDateTime) -> Self {
        Self {
            subject,
            refusals: 0,
            from: now,
            until: now,
            ways: BTreeSet::new(),
            reasons: BTreeMap::new(),
            sources: BTreeSet::new(),
            from_others: 0,
        }
    }

    fn add(&mut self, refused: &RefusedSignIn<'_>, now: OffsetDateTime) {
        self.refusals += 1;
        self.until = now;
        self.ways.insert(refused.way.as_str());
        *self.reasons.entry(refused.reason.as_str()).or_default() += 1;
        let source = refused.call.source.to_canonical();
        if self.sources.len() < MOST_SOURCES || self.sources.contains(&source) {
            self.sources.insert(source);
        } else {
            self.from_others += 1;
        }
    }

    fn entry(&self) -> Result<AuditEntry, Error> {
        let time = |at: OffsetDateTime| at.format(&Rfc3339).map_err(Error::internal);
        let list = |items: Vec<String>| items.join(" ");
        let ways = self.ways.iter().map(ToString::to_string).collect();
        let sources = self.sources.iter().map(ToString::to_string).collect();
        let reasons = self.reasons.iter();
        let reasons = reasons.map(|(reason, times)| format!("{reason}:{times}"));
        let entry = AuditEntry::new(By::SERVER, Action::SessionRefused, self.subject.clone())
            .with("refusals", self.refusals)
            .with("from", time(self.from)?)
            .with("until", time(self.until)?)
            .with("by", list(ways))
            .with("reasons", list(reasons.collect()))
            .with("sources", list(sources));
        Ok(match self.from_others {
            0 => entry,
            others => entry.with("fromOtherSources", others),
        })
    }
}

impl RefusedSignIns {
    /// Whether a refusal of this subject, or of this tenant's, was counted in the last hour or two:
    /// then it exists, and nobody needs to ask.
    fn knows(&self, tenant: &TenantId, subject: Option<&Subject>) -> bool {
        let tenants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.get(tenant).is_some_and(|tally| {
            subject.is_none_or(|subject| tally.subjects.contains_key(&subject.to_string()))
        })
    }

    fn count(&self, refused: &RefusedSignIn<'_>, now: OffsetDateTime) {
        let (tenant, subject) = match &refused.sought {
            Sought::Subject(tenant, subject) => (*tenant, subject.clone()),
            Sought::NameIn(tenant, _) => (*tenant, Subject::Tenant((*tenant).clone())),
            Sought::Names(..) => return,
        };
        let mut tenants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = tenants
            .entry(tenant.clone())
            .or_insert_with(|| TenantTally {
                since: now,
                subjects: BTreeMap::new(),
            });
        let (mut name, mut subject) = (subject.to_string(), subject);
        if tally.subjects.len() >= MOST_SUBJECTS && !tally.subjects.contains_key(&name) {
            subject = Subject::Tenant(tenant.clone());
            name = subject.to_string();
        }
        tally
            .subjects
            .entry(name)
            .or_insert_with(|| RefusalTally::new(subject, now))
            .add(refused, now);
    }

    /// Takes the summaries of the tenants whose hour is over, or of all. The subjects are
    /// remembered for one more hour.
    fn take(&self, now: OffsetDateTime, all: bool) -> Vec<(TenantId, RefusalTally)> {
        let mut taken = Vec::new();
        let mut tenants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.retain(|tenant, tally| {
            if !all && now - tally.since < WINDOW {
                return true;
            }
            tally.subjects.retain(|_, subject| subject.refusals > 0);
            for subject in tally.subjects.values_mut() {
                let empty = RefusalTally::new(subject.subject.clone(), now);
                taken.push((tenant.clone(), std::mem::replace(subject, empty)));
            }
            tally.since = now;
            !tally.subjects.is_empty()
        });
        taken
    }
}

/// Logs and counts a sign-in that is refused.
pub fn note(ctx: &Context, refused: &RefusedSignIn<'_>) {
    refused.log(&ctx.master);
    ctx.refused_sign_ins.count(refused, ctx.clock.now());
}

/// Who was to be signed in where nobody asked the database, because there were too many failures
/// already: an account that they were counted for is known to exist.
pub fn sought_before<'a>(
    ctx: &Context,
    tenant: &'a TenantId,
    subject: Subject,
    name: &'a str,
) -> Sought<'a> {
    let counted = &ctx.refused_sign_ins;
    if counted.knows(tenant, Some(&subject)) {
        Sought::Subject(tenant, subject)
    } else if counted.knows(tenant, None) {
        Sought::NameIn(tenant, name)
    } else {
        Sought::Names(Some(tenant.as_str()), name)
    }
}

/// Writes the summaries that are due, or all, each in a transaction of its own.
///
/// One that cannot be written is given up: the lines of the log have said it all.
pub async fn write(ctx: &Context, all: bool) {
    let now = ctx.clock.now();
    for (tenant, tally) in ctx.refused_sign_ins.take(now, all) {
        let written = async {
            let tx = ctx.db.begin(&tenant).await?;
            journal::commit(tx, &ctx.master, now, &tally.entry()?).await
        };
        if let Err(error) = written.await {
            let subject = &tally.subject;
            tracing::warn!(%error, tenant.id = %tenant, signin.subject = %subject, "no summary of refused sign-ins");
        }
    }
}

/// Writes summaries as they become due, and what is left when the server stops.
pub async fn summarise(ctx: Context, stopping: CancellationToken) {
    while stopping
        .run_until_cancelled(tokio::time::sleep(TICK))
        .await
        .is_some()
    {
        write(&ctx, false).await;
    }
    write(&ctx, true).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Username;

    fn account(name: &str) -> Subject {
        Subject::Account(Username::parse(name).unwrap())
    }

    #[test]
    fn an_attack_adds_a_bounded_number_of_summaries_an_hour() {
        let (counted, now) = (RefusedSignIns::default(), OffsetDateTime::UNIX_EPOCH);
        let tenant = TenantId::parse("acme").unwrap();
        let refuse = |sought: Sought<'_>, source: u8, now: OffsetDateTime| {
            let call = CallTrace {
                source: [192, 0, 2, source].into(),
                id: "1".into(),
            };
            let refused = RefusedSignIn {
                way: WayIn::Login,
                sought,
                reason: Refusal::WrongPassword,
                call: &call,
            };
            counted.count(&refused, now);
        };
        for round in 0..3_u8 {
            for number in 0..500 {
                let subject = account(&format!("user{number}"));
                refuse(Sought::Subject(&tenant, subject), round, now);
            }
            refuse(Sought::NameIn(&tenant, "nobody"), round, now);
            refuse(Sought::Names(Some("nowhere"), "nobody"), round, now);
        }
        for source in 0..20 {
            refuse(Sought::Subject(&tenant, account("user0")), source, now);
        }
        assert!(counted.knows(&tenant, Some(&account("user0"))));
        assert!(!counted.knows(&tenant, Some(&account("user499"))));
        assert!(
            counted
                .take(now + WINDOW - Duration::SECOND, false)
                .is_empty()
        );
        let taken = counted.take(now + WINDOW, false);
        assert_eq!(taken.len(), MOST_SUBJECTS + 1);
        let total: u64 = taken.iter().map(|(_, tally)| tally.refusals).sum();
        assert_eq!(total, 3 * 501 + 20, "none is lost but that of no tenant");
        let (_, first) = &taken[0];
        assert_eq!(
            (first.refusals, first.sources.len(), first.from_others),
            (23, 8, 12)
        );
        assert!(
            counted.knows(&tenant, Some(&account("user0"))),
            "for an hour"
        );
        let later = now + WINDOW * 2;
        assert!(counted.take(later, false).is_empty());
        assert!(!counted.knows(&tenant, None), "and then no longer");
    }
}
