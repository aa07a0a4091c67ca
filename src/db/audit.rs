//! The tables `audit_heads` and `audit_events`: the audit log of a tenant, append-only.
//!
//! Each tenant has a head from its creation on (a trigger of the table `tenants`). An append locks
//! the head until its transaction ends, and the next append waits for it: so sequences have no gap
//! and the chain no fork. Append last, so that others wait for little.

use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, TenantTransaction, idempotency_keys::ClaimId, usage_hours};
use crate::domain::{
    MeteredOperation, TenantId,
    audit::{Action, AuditEntry, ChainHash, Detail, Event, EventFilter, Head, HeadSeal},
};

/// A row of the log and its place in the chain.
#[derive(Debug)]
pub struct Stored {
    /// Its place in the chain, from 1.
    pub sequence: i64,
    /// The event; `None` when the row holds something that this program never wrote.
    pub event: Option<Event>,
}

/// When a head is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealing {
    /// Where the head before it is, or is none. A head that lost its seal, or has a wrong one, does
    /// not get a right one by what comes after it.
    Continue,
    /// Whatever the head before it is: somebody has checked the chain and vouches for it.
    Begin,
}

/// What makes and knows the seals of heads: it has the master key, which the database has not.
pub trait Seals {
    /// The seal of a new head.
    fn seal(&self, tenant: &TenantId, head: &Head) -> HeadSeal;
    /// Whether `seal` is one of that head, under any key that opens.
    fn is_right(&self, tenant: &TenantId, head: &Head, seal: &[u8]) -> bool;
}

/// What is written in the statement of an event: the row of an hour's use that others of the tenant
/// wait for, and the outcome of a call under an idempotency key.
#[derive(Debug, Default)]
pub struct Along<'a> {
    /// Work that is charged.
    pub charged: Option<MeteredOperation>,
    /// The claim that the work was done under, and its outcome.
    pub outcome: Option<(ClaimId<'a>, Value)>,
}

/// Appends an event to the tenant's chain; false when the claim was lost, and nothing must be
/// committed. Its head stays locked until the transaction ends, so this comes last in it.
pub async fn append(
    tx: &mut TenantTransaction,
    now: OffsetDateTime,
    entry: &AuditEntry,
    along: &Along<'_>,
    sealing: Sealing,
    seals: &impl Seals,
) -> Result<bool, DbError> {
    let tenant = tx.tenant().clone();
    let (db, _) = tx.parts();
    let corrupt = || DbError::Corrupt("audit_heads");
    let row = sqlx::query!(
        "select sequence, hash, seal from audit_heads where tenant_id = $1 for update",
        tenant.as_str()
    )
    .fetch_optional(&mut *db)
    .await?
    .ok_or_else(corrupt)?;
    let head = Head {
        sequence: row.sequence,
        hash: ChainHash::from_bytes(&row.hash).ok_or_else(corrupt)?,
    };
    // The hash covers the time as PostgreSQL stores it: in microseconds.
    let at = now
        .replace_nanosecond(now.microsecond() * 1_000)
        .unwrap_or(now);
    let event = Event::after(&head, &tenant, at, entry).map_err(|_| corrupt())?;
    let detail = serde_json::to_value(&event.detail).map_err(|_| corrupt())?;
    let is_sealed = head.sequence == 0
        || (row.seal.as_deref()).is_some_and(|seal| seals.is_right(&tenant, &head, seal));
    let new_seal = if is_sealed || sealing == Sealing::Begin {
        let head = Head {
            sequence: event.sequence,
            hash: event.hash,
        };
        Some(seals.seal(&tenant, &head).to_vec())
    } else {
        row.seal
    };
    let claim = along.outcome.as_ref().map(|(claim, _)| claim);
    let outcome = along.outcome.as_ref().map(|(_, outcome)| outcome);
    let completed = sqlx::query_scalar!(
        r#"with added as (
             insert into audit_events
                 (tenant_id, sequence, event_id, at, actor, action, subject, detail, previous_hash, hash)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ), charged as (
             insert into usage_hours as used (tenant_id, hour, operation, calls)
             select $1, $12, $13, 1 where $13::text is not null
             on conflict on constraint usage_hours_pkey do update set calls = used.calls + 1
         ), completed as (
             update idempotency_keys set outcome = $17
             where tenant_id = $1 and operation = $14 and key = $15 and claim_id = $16 and outcome is null
             returning key
         )
         update audit_heads set sequence = $2, hash = $10, seal = $11 where tenant_id = $1
         returning (select count(*) from completed) as "completed!""#,
        tenant.as_str(),
        event.sequence,
        event.id,
        event.at,
        event.actor,
        event.action,
        event.subject,
        detail,
        event.previous_hash.as_bytes(),
        event.hash.as_bytes(),
        new_seal,
        usage_hours::hour_of(now),
        along.charged.map(MeteredOperation::as_str),
        claim.map(|claim| claim.operation.as_str()),
        claim.map(|claim| claim.key.as_str()),
        claim.map(|claim| claim.call),
        outcome
    )
    .fetch_one(db)
    .await?;
    Ok(claim.is_none() || completed == 1)
}

/// A row as PostgreSQL gives it.
struct EventRow {
    sequence: i64,
    event_id: Uuid,
    at: OffsetDateTime,
    actor: String,
    action: String,
    subject: String,
    detail: Value,
    previous_hash: Vec<u8>,
    hash: Vec<u8>,
}

impl EventRow {
    fn read(self, tenant: &TenantId) -> Stored {
        Stored {
            sequence: self.sequence,
            event: self.event(tenant),
        }
    }

    fn event(self, tenant: &TenantId) -> Option<Event> {
        Some(Event {
            tenant: tenant.clone(),
            sequence: self.sequence,
            id: self.event_id,
            at: self.at,
            actor: self.actor,
            action: self.action,
            subject: self.subject,
            detail: serde_json::from_value::<Detail>(self.detail).ok()?,
            previous_hash: ChainHash::from_bytes(&self.previous_hash)?,
            hash: ChainHash::from_bytes(&self.hash)?,
        })
    }
}

/// Lists events of a filter, newest first: at most `limit`, all of a sequence below `cursor`.
///
/// Each of actor, action and subject has an index in the order of the chain. What two of them leave
/// out is passed over: where they never meet, a log of a million events takes 0.2 s. Of a
/// transaction that plans each statement anew ([`super::Database::begin_snapshot`]): a plan for any
/// filter would use no index.
pub async fn list(
    tx: &mut TenantTransaction,
    filter: &EventFilter,
    cursor: Option<i64>,
    limit: i64,
) -> Result<Vec<Event>, DbError> {
    if filter.from.is_some() || filter.to.is_some() {
        return list_of_time(tx, filter, cursor, limit).await;
    }
    let tenant = tx.tenant().clone();
    let (db, _) = tx.parts();
    let rows = sqlx::query_as!(
        EventRow,
        "select sequence, event_id, at, actor, action, subject, detail, previous_hash, hash
         from audit_events
         where tenant_id = $1 and ($2::bigint is null or sequence < $2)
             and ($3::text is null or actor = $3) and ($4::text is null or action = $4)
             and ($5::text is null or subject = $5)
         order by sequence desc
         limit $6",
        tenant.as_str(),
        cursor,
        filter.actor,
        filter.action.map(Action::as_str),
        filter.subject,
        limit
    )
    .fetch_all(db)
    .await?;
    events(rows, &tenant)
}

/// The same for a filter with a time. Events of a time are found by its index and put in the order
/// of the chain, which is only nearly that of time, since servers have their own clocks.
async fn list_of_time(
    tx: &mut TenantTransaction,
    filter: &EventFilter,
    cursor: Option<i64>,
    limit: i64,
) -> Result<Vec<Event>, DbError> {
    let tenant = tx.tenant().clone();
    let (db, _) = tx.parts();
    // `+ 0` keeps PostgreSQL from walking down the chain until it meets the time: it would guess
    // that events of any time are everywhere in it.
    let rows = sqlx::query_as!(
        EventRow,
        "select sequence, event_id, at, actor, action, subject, detail, previous_hash, hash
         from audit_events
         where tenant_id = $1 and sequence = any(array(
             select sequence from audit_events
             where tenant_id = $1 and ($2::bigint is null or sequence < $2)
                 and ($3::text is null or actor = $3) and ($4::text is null or action = $4)
                 and ($5::text is null or subject = $5)
                 and ($6::timestamptz is null or at >= $6) and ($7::timestamptz is null or at < $7)
             order by sequence + 0 desc
             limit $8))
         order by sequence desc",
        tenant.as_str(),
        cursor,
        filter.actor,
        filter.action.map(Action::as_str),
        filter.subject,
        filter.from,
        filter.to,
        limit
    )
    .fetch_all(db)
    .await?;
    events(rows, &tenant)
}

/// Reads at most `limit` events of a filter, oldest first, from after `after` up to and including
/// `last`. As [`list`], of a transaction that plans each statement anew.
pub async fn read_filtered(
    tx: &mut TenantTransaction,
    filter: &EventFilter,
    (after, last): (i64, i64),
    limit: i64,
) -> Result<Vec<Event>, DbError> {
    let tenant = tx.tenant().clone();
    let (db, _) = tx.parts();
    let rows = sqlx::query_as!(
        EventRow,
        "select sequence, event_id, at, actor, action, subject, detail, previous_hash, hash
         from audit_events
         where tenant_id = $1 and sequence > $2 and sequence <= $3
             and ($4::text is null or actor = $4) and ($5::text is null or action = $5)
             and ($6::text is null or subject = $6)
             and ($7::timestamptz is null or at >= $7) and ($8::timestamptz is null or at < $8)
         order by sequence
         limit $9",
        tenant.as_str(),
        after,
        last,
        filter.actor,
        filter.action.map(Action::as_str),
        filter.subject,
        filter.from,
        filter.to,
        limit
    )
    .fetch_all(db)
    .await?;
    events(rows, &tenant)
}

/// Reads rows that are all of this program.
fn events(rows: Vec<EventRow>, tenant: &TenantId) -> Result<Vec<Event>, DbError> {
    rows.into_iter()
        .map(|row| row.event(tenant).ok_or(DbError::Corrupt("audit_events")))
        .collect()
}

/// A head as it is stored.
#[derive(Debug)]
pub struct StoredHead {
    /// The last event of the chain.
    pub head: Head,
    /// Its seal; `None` if it has none.
    pub seal: Option<Vec<u8>>,
}

/// The head of the chain; `None` when its row is missing.
pub async fn head(tx: &mut TenantTransaction) -> Result<Option<StoredHead>, DbError> {
    let (db, tenant) = tx.parts();
    let row = sqlx::query!(
        "select sequence, hash, seal from audit_heads where tenant_id = $1",
        tenant
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        Ok(StoredHead {
            head: Head {
                sequence: row.sequence,
                hash: ChainHash::from_bytes(&row.hash).ok_or(DbError::Corrupt("audit_heads"))?,
            },
            seal: row.seal,
        })
    })
    .transpose()
}

/// Reads at most `limit` events, oldest first, from after `after` up to and including `last`.
pub async fn read(
    tx: &mut TenantTransaction,
    after: i64,
    last: i64,
    limit: i64,
) -> Result<Vec<Stored>, DbError> {
    let tenant = tx.tenant().clone();
    let (db, _) = tx.parts();
    let rows = sqlx::query_as!(
        EventRow,
        "select sequence, event_id, at, actor, action, subject, detail, previous_hash, hash
         from audit_events
         where tenant_id = $1 and sequence > $2 and sequence <= $3
         order by sequence
         limit $4",
        tenant.as_str(),
        after,
        last,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| row.read(&tenant)).collect())
}

/// Finds the first event outside of the chain: before its first place, or after its head as it is
/// now. One statement, so that events that are appended meanwhile do not count.
pub async fn stray(tx: &mut TenantTransaction) -> Result<Option<i64>, DbError> {
    let (db, tenant) = tx.parts();
    let stray = sqlx::query_scalar!(
        "select min(e.sequence)
         from audit_events e join audit_heads h using (tenant_id)
         where e.tenant_id = $1 and (e.sequence < 1 or e.sequence > h.sequence)",
        tenant
    )
    .fetch_one(db)
    .await?;
    Ok(stray)
}
