//! The one way into the audit log: a use case that changes something ends its transaction here.

use time::OffsetDateTime;

use super::{Error, audit::Sealer};
use crate::{
    auth::MasterKey,
    db::{
        TenantTransaction,
        audit::{self, Sealing},
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
    append(tx, master, now, entry, Sealing::Continue).await
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
    append(tx, master, now, entry, Sealing::Begin).await
}

async fn append(
    mut tx: TenantTransaction,
    master: &MasterKey,
    now: OffsetDateTime,
    entry: &AuditEntry,
    sealing: Sealing,
) -> Result<(), Error> {
    audit::append(&mut tx, now, entry, sealing, &Sealer(master)).await?;
    Ok(tx.commit().await?)
}
