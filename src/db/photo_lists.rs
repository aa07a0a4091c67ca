//! Lists of photos, newest first: what a filter finds, page by page, and how many there are.
//!
//! A list walks one index, in its order: that of the filter's rarest condition, or of all photos.
//! The others are asked of each photo on the way, of [`MOST_WALKED`] photos at most. So no filter
//! costs more than that, whatever a tenant's photos are; where a walk ends early, the next page
//! goes on behind it. (The statistics of PostgreSQL are those of all tenants together, so that its
//! own choice would now and then be a walk past a million photos.)
//!
//! The queries are for a transaction of [`super::Database::begin_snapshot`].

use time::OffsetDateTime;

use super::{DbError, TenantTransaction};
use crate::domain::{MarkStrength, PhotoFilter, PhotoId, without_case};

/// Most photos that one page or count looks at. A walk past so many takes about 50 ms
/// (docs/photos.md).
pub const MOST_WALKED: i64 = 100_000;

/// A photo's place in lists: the next page begins after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Its `created_at`, in microseconds since 1970.
    pub created_at_us: i64,
    /// Its id, which orders photos of the same microsecond.
    pub photo: PhotoId,
}

impl Cursor {
    /// The place of a photo that was registered at a moment.
    pub fn new(created_at: OffsetDateTime, photo: PhotoId) -> Self {
        let created_at_us = i64::try_from(created_at.unix_timestamp_nanos() / 1_000);
        Self {
            created_at_us: created_at_us.unwrap_or(i64::MAX),
            photo,
        }
    }
}

/// How many photos meet a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// As many at least; [`MOST_WALKED`] at most.
    pub photos: i64,
    /// Whether there are no more.
    pub exact: bool,
}

/// Whose index is walked, and whether anything else is asked of the photos on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Walk {
    index: &'static str,
    asks: bool,
}

impl Walk {
    /// The walk for a filter. Times are no condition of their own: each index is in their order.
    fn of(filter: &PhotoFilter) -> Self {
        let (hash, level) = (filter.content_hash.is_some(), filter.level);
        let limited = level == Some(MarkStrength::Limited);
        let given = [
            (filter.protected_sha256.is_some(), "protected_sha256"),
            (filter.external_id.is_some(), "external_id"),
            (hash, "content_hash"),
            (limited, "limited"),
            (filter.label.is_some() && level.is_none(), "label"),
        ];
        let mut given = given.into_iter().filter(|(is_given, _)| *is_given);
        let index = given.next().map_or("newest", |(_, name)| name);
        // An index knows where labels are, and not what is a part of them.
        let asks =
            given.next().is_some() || filter.label.is_some() || (level.is_some() && !limited);
        Self { index, asks }
    }
}

/// A query of a walk. `$first` says what is selected, `$last` which of it.
macro_rules! walk {
    ($first:literal, $last:literal, $tenant:expr, $walk:expr, $filter:expr, $cursor:expr, $most:expr $(, $more:expr)*) => {{
        let (walk, filter, cursor): (Walk, &PhotoFilter, Option<Cursor>) = ($walk, $filter, $cursor);
        sqlx::query!(
            $first
            + " from (
                 select photo_id, created_at,
                        ($3::bytea is null or protected_sha256 = $3)
                        and ($4::text is null or external_id = $4)
                        and ($5::text is null or content_hash = $5)
                        and ($6::text is null or protection_level = $6)
                        and ($7::text is null or strpos(label_folded, $7) > 0) as is_met
                 from photos
                 where tenant_id = $1
                   and ($2::text <> 'protected_sha256' or protected_sha256 = $3)
                   and ($2 <> 'external_id' or external_id = $4)
                   and ($2 <> 'content_hash' or content_hash = $5)
                   and ($2 <> 'limited' or protection_level = 'LIMITED')
                   and ($2 <> 'label' or label_folded is not null)
                   and ($8::timestamptz is null or created_at >= $8)
                   and ($9::timestamptz is null or created_at < $9)
                   and ($10::bigint is null or (created_at, photo_id)
                        < (timestamptz 'epoch' + $10::bigint * interval '1 microsecond', $11::uuid))
                 order by created_at desc, photo_id desc
                 limit $12
             ) as walked "
            + $last,
            $tenant,
            walk.index,
            filter.protected_sha256.as_ref().map(|hash| hash.as_bytes().as_slice()),
            filter.external_id,
            filter.content_hash.map(|hash| hash.to_string()),
            filter.level.map(MarkStrength::as_str),
            filter.label.as_deref().map(without_case),
            filter.from,
            filter.to,
            cursor.map(|cursor| cursor.created_at_us),
            cursor.map(|cursor| cursor.photo.as_uuid()),
            $most
            $(, $more)*
        )
    }};
}

/// Finds the places of at most `limit` photos that meet a filter, newest first, after `cursor`; and
/// the place where the walk ended early, if it did.
pub async fn find(
    tx: &mut TenantTransaction,
    filter: &PhotoFilter,
    cursor: Option<Cursor>,
    limit: i64,
) -> Result<(Vec<PhotoId>, Option<Cursor>), DbError> {
    let (db, tenant) = tx.parts();
    let walk = Walk::of(filter);
    let most = if walk.asks { MOST_WALKED } else { limit };
    let found = walk!(
        "select photo_id",
        "where is_met order by created_at desc, photo_id desc limit $13",
        tenant,
        walk,
        filter,
        cursor,
        most,
        limit
    )
    .fetch_all(&mut *db)
    .await?;
    let is_full = i64::try_from(found.len()).is_ok_and(|found| found >= limit);
    let end = if walk.asks && !is_full {
        walk!(
            "select created_at, photo_id",
            "order by created_at desc, photo_id desc offset $12 - 1",
            tenant,
            walk,
            filter,
            cursor,
            most
        )
        .fetch_optional(db)
        .await?
    } else {
        None
    };
    let photos = found.into_iter().map(|row| row.photo_id.into());
    let end = end.map(|row| Cursor::new(row.created_at, row.photo_id.into()));
    Ok((photos.collect(), end))
}

/// Counts the photos that meet a filter, among the newest [`MOST_WALKED`] that its index leads to.
pub async fn count(tx: &mut TenantTransaction, filter: &PhotoFilter) -> Result<Count, DbError> {
    let (db, tenant) = tx.parts();
    let walked = walk!(
        r#"select count(*) as "walked!", count(*) filter (where is_met) as "met!""#,
        "",
        tenant,
        Walk::of(filter),
        filter,
        None,
        MOST_WALKED + 1
    )
    .fetch_one(db)
    .await?;
    Ok(Count {
        photos: walked.met.min(MOST_WALKED),
        exact: walked.walked <= MOST_WALKED,
    })
}
