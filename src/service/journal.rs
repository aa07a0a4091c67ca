//! The one way into the audit log: a use case that changes something ends its transaction here.

use time::OffsetDateTime;

use super::{Error, audit::Sealer, idempotency};
use crate::{
    auth::MasterKey,
    db::{
        TenantTransaction,
        audit::{self, Along, Sealing},
    },
    domain::audit::AuditEntry,
};

/// Appends what happened to the audit log of the transaction's tenant, then commits: either the
/// change and its event are stored, or neither is. The new head is sealed if the one before it is.
///
/// The append locks the head of the tenant's chain, so every other change of that tenant waits for
/// it. Taking the transaction by value makes it the last statement, and keeps that wait short.
///
/// # Errors
///
/// The database refuses the event or the commit; nothing of the transaction is stored then.
pub(super) async fn commit(
    tx: TenantTransaction,
    master: &MasterKey,
    now: OffsetDateTime,
    entry: &AuditEntry,
) -> Result<(), Error> {
    commit_along(tx, master, now, entry, Along::default()).await
}

/// The same with the charge of the work, or the outcome of its idempotency key, in one statement
/// with the event.
///
/// # Errors
///
/// As of [`commit`]; [`Error::InProgress`] when the claim of the key was lost.
pub(super) async fn commit_along(
    tx: TenantTransaction,
    master: &MasterKey,
    now: OffsetDateTime,
    entry: &AuditEntry,
    along: Along<'_>,
) -> Result<(), Error> {
    append(tx, master, now, entry, along, Sealing::Continue).await
}

/// The same for a log that has been checked in this transaction: its head is sealed from now on.
///
/// # Errors
///
/// As of [`commit`].
pub(super) async fn vouch(
    tx: TenantTransaction,
    master: &MasterKey,
    now: OffsetDateTime,
    entry: &AuditEntry,
) -> Result<(), Error> {
    append(tx, master, now, entry, Along::default(), Sealing::Begin).await
}

async fn append(
    mut tx: TenantTransaction,
    master: &MasterKey,
    now: OffsetDateTime,
    entry: &AuditEntry,
    along: Along<'_>,
    sealing: Sealing,
) -> Result<(), Error> {
    if !audit::append(&mut tx, now, entry, &along, sealing, &Sealer(master)).await? {
        return Err(idempotency::CLAIM_LOST);
    }
    Ok(tx.commit().await?)
}
