//! The table `check_tallies`: how often a tenant's photos were checked by strangers, in windows by
//! the database's clock.

use super::{DbError, TenantTransaction};
use crate::domain::{PhotoId, SourceHash};

/// Most rows that one sweep deletes, so that no call pays for many others.
const SWEPT_AT_ONCE: i64 = 100;

/// Where a count stops: far above every limit, and far below the end of its type.
const MOST_COUNTED: i32 = 1_000_000;

/// The place of the check that is under way; a row like the counts.
const PLACE: &[u8] = &[0];

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub enum Counted {
    /// All checks of the tenant's photos.
    Tenant,
    /// Those from one network.
    Source(SourceHash),
    /// Those that were answered about one photo.
    Photo(PhotoId),
}

impl Counted {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Tenant => Vec::new(),
            Self::Source(hash) => hash.to_vec(),
            Self::Photo(photo) => photo.as_uuid().as_bytes().to_vec(),
        }
    }
}

/// How often something was counted in its window, this time too.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// From 1.
    pub used: i32,
    /// Seconds until it ends; more than 0.
    pub left_seconds: f64,
}

/// Whether the transaction's tenant is there, active, and lets strangers check.
pub async fn is_open(tx: &mut TenantTransaction) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let open = sqlx::query_scalar!(
        r#"select exists (select from tenants
               where tenant_id = $1 and status = 'active' and check_policy = 'on') as "open!""#,
        tenant
    )
    .fetch_one(db)
    .await?;
    Ok(open)
}

/// Takes the one place of a check, for at most so many seconds; what gives it back, or `None` while
/// another check has it. Waits for a transaction that is taking it.
pub async fn take_place(
    tx: &mut TenantTransaction,
    seconds: f64,
) -> Result<Option<TakenPlace>, DbError> {
    let (db, tenant) = tx.parts();
    let until = sqlx::query_scalar!(
        "insert into check_tallies as place (tenant_id, counted, until, used)
         values ($1, $2, clock_timestamp() + make_interval(secs => $3), 1)
         on conflict on constraint check_tallies_pkey do update set until = excluded.until
             where place.until <= clock_timestamp()
         returning until",
        tenant,
        PLACE,
        seconds
    )
    .fetch_optional(db)
    .await?;
    Ok(until.map(TakenPlace))
}

/// The place of a check, by when it would end by itself: no two have the same end.
#[derive(Debug, Clone, Copy)]
pub struct TakenPlace(time::OffsetDateTime);

/// Gives a place back, unless it ran out and is another check's.
pub async fn give_back(tx: &mut TenantTransaction, place: TakenPlace) -> Result<(), DbError> {
    let (db, tenant) = tx.parts();
    sqlx::query!(
        "delete from check_tallies where tenant_id = $1 and counted = $2 and until = $3",
        tenant,
        PLACE,
        place.0
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Counts once more in a window of so many seconds, which begins with the first count in it.
pub async fn count(
    tx: &mut TenantTransaction,
    counted: Counted,
    seconds: f64,
) -> Result<Window, DbError> {
    let (db, tenant) = tx.parts();
    let row = sqlx::query!(
        r#"insert into check_tallies as tally (tenant_id, counted, until, used)
           values ($1, $2, clock_timestamp() + make_interval(secs => $3), 1)
           on conflict on constraint check_tallies_pkey do update set
               used = case when tally.until <= clock_timestamp() then 1 else least(tally.used + 1, $4) end,
               until = case when tally.until <= clock_timestamp() then excluded.until else tally.until end
           returning used, extract(epoch from until - clock_timestamp())::float8 as "left_seconds!""#,
        tenant,
        counted.bytes(),
        seconds,
        MOST_COUNTED
    )
    .fetch_one(db)
    .await?;
    Ok(Window {
        used: row.used,
        left_seconds: row.left_seconds,
    })
}

/// Deletes counts of the tenant's whose window has ended; skips those that others hold.
pub async fn sweep(tx: &mut TenantTransaction) -> Result<(), DbError> {
    let (db, tenant) = tx.parts();
    sqlx::query!(
        "delete from check_tallies
         where (tenant_id, counted) in (
             select tenant_id, counted from check_tallies
             where tenant_id = $1 and until <= clock_timestamp()
             order by until limit $2 for update skip locked)",
        tenant,
        SWEPT_AT_ONCE
    )
    .execute(db)
    .await?;
    Ok(())
}
