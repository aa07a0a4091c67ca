//! The audit log as it is read: how it names the holder of a token, its pages, and whether its
//! chain is whole. Use cases write it through [`super::journal`].

use super::{Context, Error, Page, journal};
use crate::{
    auth::{HashUse, MasterKey, Origin},
    clock::Clock,
    db::{
        DbError, Operator, TenantTransaction,
        audit::{self, Seals},
        tenants,
    },
    domain::{
        CredentialKind, TenantId, Username,
        audit::{
            Action, Actor, AuditEntry, By, ChainHash, Event, EventFilter, Head, HeadSeal, Subject,
        },
    },
};

/// Most events in memory at once while a chain is checked.
const BATCH: i64 = 1_000;

/// The holder of a token, as the audit log names whoever acts.
pub(super) fn actor(origin: &Origin, username: &Username) -> Actor {
    match origin {
        Origin::Account { .. } | Origin::Console { .. } | Origin::ApiKey { .. } => {
            Actor::Account(username.clone())
        }
        Origin::Application { credential } | Origin::Client { credential } => {
            Actor::Application(*credential)
        }
    }
}

/// The holder of a token, as the audit log names what is acted on: the subject of its sessions.
pub(super) fn subject(origin: &Origin, username: &Username) -> Subject {
    match origin {
        Origin::Account { .. } | Origin::Console { .. } | Origin::ApiKey { .. } => {
            Subject::Account(username.clone())
        }
        Origin::Application { credential } | Origin::Client { credential } => {
            Subject::Credential(CredentialKind::Application, *credential)
        }
    }
}

/// The seals of heads, which nobody can make without a master key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sealer<'a>(pub &'a MasterKey);

impl Seals for Sealer<'_> {
    fn seal(&self, tenant: &TenantId, head: &Head) -> HeadSeal {
        let sequence = head.sequence.to_le_bytes();
        (self.0).keyed_hash(HashUse::AuditHead, &sealed_parts(tenant, head, &sequence))
    }

    fn is_right(&self, tenant: &TenantId, head: &Head, seal: &[u8]) -> bool {
        let sequence = head.sequence.to_le_bytes();
        let parts = sealed_parts(tenant, head, &sequence);
        self.0.knows_hash(HashUse::AuditHead, &parts, seal)
    }
}

/// What a seal covers; `sequence` is that of the head in eight bytes, the low one first.
fn sealed_parts<'a>(tenant: &'a TenantId, head: &'a Head, sequence: &'a [u8; 8]) -> [&'a [u8]; 3] {
    [tenant.as_str().as_bytes(), sequence, head.hash.as_bytes()]
}

/// Lists the events of the tenant that a filter leaves, newest first, at most `limit` (1 to 200).
pub async fn list(
    ctx: &Context,
    tenant: &TenantId,
    filter: &EventFilter,
    cursor: Option<i64>,
    limit: u8,
) -> Result<Page<Event, i64>, Error> {
    let mut tx = ctx.db.begin_snapshot(tenant).await?;
    let rows = Page::<Event, i64>::rows(limit);
    let events = audit::list(&mut tx, filter, cursor, rows).await?;
    tx.commit().await?;
    Ok(Page::of_rows(events, limit, |last| last.sequence))
}

/// The last event of the tenant's chain, to be noted where nobody can change it.
pub async fn head(ctx: &Context, tenant: &TenantId) -> Result<Head, Error> {
    let mut tx = ctx.db.begin(tenant).await?;
    let stored = audit::head(&mut tx).await?;
    tx.commit().await?;
    Ok(stored.ok_or(DbError::Corrupt("audit_heads"))?.head)
}

/// The result of checking a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainStatus {
    /// All events are there as they were written, up to this head, which has its seal.
    Intact(Head),
    /// The events are a whole chain up to this head, which has no seal: it was written before there
    /// were seals, or somebody has taken it away.
    Unsealed(Head),
    /// The first link that is wrong.
    Broken {
        /// The sequence of the event.
        sequence: i64,
        /// An English clause that says what is wrong.
        reason: &'static str,
    },
}

/// Checks the chain of a tenant from its first event to its head, and that it contains `kept`, a
/// head that was noted earlier.
///
/// # Errors
///
/// A tenant that does not exist is [`Error::NotFound`].
pub async fn verify(
    operator: &Operator,
    master: &MasterKey,
    tenant: &TenantId,
    kept: Option<Head>,
) -> Result<ChainStatus, Error> {
    let mut tx = operator.begin_for(tenant).await?;
    examine(&mut tx, master, kept).await
}

/// Seals the head of a tenant's chain that has no seal, if the chain is whole: the operator vouches
/// for it. Returns what was found; only a log without a seal is changed.
///
/// # Errors
///
/// A tenant that does not exist is [`Error::NotFound`].
pub async fn seal_head(
    operator: &Operator,
    master: &MasterKey,
    clock: &Clock,
    tenant: &TenantId,
    kept: Option<Head>,
) -> Result<ChainStatus, Error> {
    let mut tx = operator.begin_for(tenant).await?;
    let found = examine(&mut tx, master, kept).await?;
    if matches!(found, ChainStatus::Unsealed(_)) {
        let subject = Subject::Tenant(tenant.clone());
        let entry = AuditEntry::new(By::OPERATOR, Action::AuditSealed, subject);
        journal::vouch(tx, master, clock.now(), &entry).await?;
    }
    Ok(found)
}

/// Checks the chain of the transaction's tenant.
async fn examine(
    tx: &mut TenantTransaction,
    master: &MasterKey,
    kept: Option<Head>,
) -> Result<ChainStatus, Error> {
    if tenants::find_policy(tx).await?.is_none() {
        return Err(Error::NotFound);
    }
    let audit::StoredHead {
        head,
        seal: stored_seal,
    } = match audit::head(tx).await {
        Ok(Some(head)) => head,
        Ok(None) => return Ok(broken(1, "the head of the chain is missing")),
        Err(DbError::Corrupt(_)) => return Ok(broken(1, "the head of the chain is damaged")),
        Err(error) => return Err(error.into()),
    };
    // Events appended from now on are ignored: the server may be running.
    if let Some(finding) = walk(tx, &head, kept).await? {
        return Ok(finding);
    }
    if let Some(sequence) = audit::stray(tx).await? {
        return Ok(broken(sequence, "the event is outside of the chain"));
    }
    Ok(match stored_seal {
        // Nothing was written yet.
        None if head.sequence == 0 => ChainStatus::Intact(head),
        None => ChainStatus::Unsealed(head),
        Some(seal) if Sealer(master).is_right(tx.tenant(), &head, &seal) => {
            ChainStatus::Intact(head)
        }
        Some(_) => broken(
            head.sequence,
            "the seal of the head is wrong: it was written by somebody without the master key",
        ),
    })
}

/// Follows the chain to `head`; `None` when every link is right.
async fn walk(
    tx: &mut TenantTransaction,
    head: &Head,
    kept: Option<Head>,
) -> Result<Option<ChainStatus>, Error> {
    let mut last = Head {
        sequence: 0,
        hash: ChainHash::ZERO,
    };
    loop {
        let batch = audit::read(tx, last.sequence, head.sequence, BATCH).await?;
        if batch.is_empty() {
            break;
        }
        for stored in batch {
            let expected = last.sequence + 1;
            if stored.sequence != expected {
                return Ok(Some(broken(expected, "the event is missing")));
            }
            let Some(event) = stored.event else {
                return Ok(Some(broken(expected, "the event cannot be read")));
            };
            if event.previous_hash != last.hash {
                return Ok(Some(broken(
                    expected,
                    "previousHash is not the hash of the event before",
                )));
            }
            if event.computed_hash().map_err(Error::internal)? != event.hash {
                return Ok(Some(broken(
                    expected,
                    "the hash is not that of what the event says",
                )));
            }
            last = Head {
                sequence: event.sequence,
                hash: event.hash,
            };
            if kept.is_some_and(|kept| kept.sequence == last.sequence && kept.hash != last.hash) {
                return Ok(Some(broken(
                    expected,
                    "the hash is not the one that was kept",
                )));
            }
        }
    }
    let missing = || Some(broken(last.sequence + 1, "the event is missing"));
    Ok(if last.sequence < head.sequence {
        missing()
    } else if last.hash != head.hash {
        let reason = "the head of the chain is not the hash of its last event";
        Some(broken(last.sequence, reason))
    } else if kept.is_some_and(|kept| kept.sequence > last.sequence) {
        missing()
    } else {
        None
    })
}

fn broken(sequence: i64, reason: &'static str) -> ChainStatus {
    ChainStatus::Broken { sequence, reason }
}
