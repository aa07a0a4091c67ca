//! The one way into the audit log: a use case that changes something ends its transaction here.

use time::OffsetDateTime;

use super::Error;
use crate::{
    db::{TenantTransaction, audit},
    domain::audit::AuditEntry,
};

/// Appends what happened to the audit log of the transaction's tenant, then commits: either the
/// change and its event are stored, or neither is.
///
/// The append locks the head of the tenant's chain, so every other change of that tenant waits for
/// it. Taking the transaction by value makes it the last statement, and keeps that wait short.
///
/// # Errors
///
/// The database refuses the event or the commit; nothing of the transaction is stored then.
pub(super) async fn commit(
    mut tx: TenantTransaction,
    now: OffsetDateTime,
    entry: &AuditEntry,
) -> Result<(), Error> {
    audit::append(&mut tx, now, entry).await?;
    Ok(tx.commit().await?)
}
