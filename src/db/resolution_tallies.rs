//! The table `resolution_tallies`: how often strangers asked for manifests by their content, in
//! windows by the database's clock. It belongs to no tenant.

use super::{DbError, PublicTransaction, check_tallies::Window};
use crate::domain::SourceHash;

/// Most rows that one sweep deletes, so that no call pays for many others.
const SWEPT_AT_ONCE: i64 = 100;

/// Where a count stops: far above every limit, and far below the end of its type.
const MOST_COUNTED: i32 = 1_000_000;

/// Counts once more in a window of so many seconds, which begins with the first count in it.
pub async fn count(
    tx: &mut PublicTransaction,
    counted: SourceHash,
    seconds: f64,
) -> Result<Window, DbError> {
    let row = sqlx::query!(
        r#"insert into resolution_tallies as tally (counted, until, used)
           values ($1, clock_timestamp() + make_interval(secs => $2), 1)
           on conflict on constraint resolution_tallies_pkey do update set
               used = case when tally.until <= clock_timestamp() then 1 else least(tally.used + 1, $3) end,
               until = case when tally.until <= clock_timestamp() then excluded.until else tally.until end
           returning used, extract(epoch from until - clock_timestamp())::float8 as "left_seconds!""#,
        counted.as_slice(),
        seconds,
        MOST_COUNTED
    )
    .fetch_one(&mut tx.connection)
    .await?;
    Ok(Window {
        used: row.used,
        left_seconds: row.left_seconds,
    })
}

/// Those of `counted` that were counted at least `most` times in a window that goes on.
pub async fn used_up(
    tx: &mut PublicTransaction,
    counted: &[SourceHash],
    most: i32,
) -> Result<Vec<Vec<u8>>, DbError> {
    let wanted: Vec<Vec<u8>> = counted.iter().map(|hash| hash.to_vec()).collect();
    let found = sqlx::query_scalar!(
        "select counted from resolution_tallies
         where counted = any($1) and used >= $2 and until > clock_timestamp()",
        &wanted,
        most
    )
    .fetch_all(&mut tx.connection)
    .await?;
    Ok(found)
}

/// Deletes counts whose window has ended; skips those that others hold.
pub async fn sweep(tx: &mut PublicTransaction) -> Result<(), DbError> {
    sqlx::query!(
        "delete from resolution_tallies
         where counted in (
             select counted from resolution_tallies
             where until <= clock_timestamp()
             order by until limit $1 for update skip locked)",
        SWEPT_AT_ONCE
    )
    .execute(&mut tx.connection)
    .await?;
    Ok(())
}
