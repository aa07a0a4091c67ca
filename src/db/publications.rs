//! The tables `publications` and `publication_words`: the manifests that tenants have published,
//! and the tokens that their photos are found by.
//!
//! A tenant writes its own in its transactions. They are read in a [`PublicTransaction`], which has
//! no tenant: row-level security shows it what active tenants publish at this moment, and nothing
//! else of anybody's.

use uuid::Uuid;

use super::{
    Database, DbError, PublicTransaction, TenantTransaction,
    words::{INDEX_SCANS, MOST_PER_TOKEN, WEIGHT_SCALE},
};
use crate::domain::{PhotoId, TenantId};

/// A manifest that is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The tenant that publishes it.
    pub tenant: TenantId,
    /// The photo that it was signed for.
    pub photo: PhotoId,
    /// Its URN.
    pub manifest_id: String,
}

/// A published photo that shares tokens with a query.
#[derive(Debug, Clone, PartialEq)]
pub struct PublicVote {
    /// The photo.
    pub publication: Publication,
    /// Sum of the shared tokens' weights: the rarer a token, the heavier.
    pub weight: f64,
}

/// A row as PostgreSQL gives it.
#[expect(clippy::struct_field_names, reason = "the names of its columns")]
struct PublicationRow {
    tenant_id: String,
    photo_id: Uuid,
    manifest_id: String,
}

impl PublicationRow {
    fn read(self) -> Result<Publication, DbError> {
        Ok(Publication {
            tenant: TenantId::parse(&self.tenant_id).ok_or(DbError::Corrupt("publications"))?,
            photo: self.photo_id.into(),
            manifest_id: self.manifest_id,
        })
    }
}

impl Database {
    /// Starts a transaction that sees what is published, and belongs to no tenant. `party` is in
    /// whose share of the pool it is: the caller's tenant, or [`TenantId::anybody`].
    pub async fn begin_public(&self, party: &TenantId) -> Result<PublicTransaction, DbError> {
        let permit = self.timed(self.shares.take(party)).await?;
        let settings = format!("; set local lumatrace.public = 'on'{INDEX_SCANS}");
        Ok(PublicTransaction {
            connection: self.begin_shared(&settings).await?,
            _permit: permit,
        })
    }
}

/// Publishes the kept manifest of a photo, which is found by these tokens of no tenant's; false
/// when none is kept. Nothing changes where it is published already.
pub async fn insert(
    tx: &mut TenantTransaction,
    photo: PhotoId,
    tokens: &[i32],
) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let kept = sqlx::query_scalar!(
        r#"with kept as (
               select photo_id, manifest_id from manifests
               where tenant_id = $1 and photo_id = $2 and store is not null
           ), published as (
               insert into publications (tenant_id, photo_id, manifest_id)
               select $1, photo_id, manifest_id from kept
               on conflict on constraint publications_pkey do nothing
               returning slot
           ), listed as (
               insert into publication_words (slot, tokens)
               select slot, $3 from published where cardinality($3::int4[]) > 0
           )
           select exists (select from kept) as "kept!""#,
        tenant,
        photo.as_uuid(),
        tokens
    )
    .fetch_one(db)
    .await?;
    Ok(kept)
}

/// Takes back the publication of a photo; false when there was none.
pub async fn withdraw(tx: &mut TenantTransaction, photo: PhotoId) -> Result<bool, DbError> {
    let (db, tenant) = tx.parts();
    let done = sqlx::query!(
        "delete from publications where tenant_id = $1 and photo_id = $2",
        tenant,
        photo.as_uuid()
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The sealed words that a photo is found by; `None` for one without any, and for what older
/// programs protected.
pub async fn sealed_words(
    tx: &mut TenantTransaction,
    photo: PhotoId,
) -> Result<Option<Vec<u8>>, DbError> {
    let (db, tenant) = tx.parts();
    let found = sqlx::query_scalar!(
        "select sealed_words from photo_words where tenant_id = $1 and photo_id = $2",
        tenant,
        photo.as_uuid()
    )
    .fetch_optional(db)
    .await?;
    Ok(found.flatten())
}

/// The published manifest of that URN.
pub async fn find(
    tx: &mut PublicTransaction,
    manifest_id: &str,
) -> Result<Option<Publication>, DbError> {
    let row = sqlx::query_as!(
        PublicationRow,
        "select tenant_id, photo_id, manifest_id from publications where manifest_id = $1 order by slot limit 1",
        manifest_id
    )
    .fetch_optional(&mut tx.connection)
    .await?;
    row.map(PublicationRow::read).transpose()
}

/// The published manifests of the photo of that id.
pub async fn of_photo(
    tx: &mut PublicTransaction,
    photo: PhotoId,
) -> Result<Vec<Publication>, DbError> {
    let rows = sqlx::query_as!(
        PublicationRow,
        "select tenant_id, photo_id, manifest_id from publications where photo_id = $1 order by slot limit 10",
        photo.as_uuid()
    )
    .fetch_all(&mut tx.connection)
    .await?;
    rows.into_iter().map(PublicationRow::read).collect()
}

/// Finds the published photos that share most of `tokens` by weight, best first: at most `limit`,
/// each with at least `least` of them. As [`super::words::vote`], over all tenants.
pub async fn vote(
    tx: &mut PublicTransaction,
    tokens: &[i32],
    least: i64,
    limit: i64,
) -> Result<Vec<PublicVote>, DbError> {
    let rows = sqlx::query!(
        r#"select p.tenant_id, p.photo_id, p.manifest_id, v.weight as "weight!"
           from (select s.slot, sum(s.weight) as weight
                 from unnest($1::int4[]) t(token)
                 cross join lateral
                     (select array_agg(slot) as slots
                      from (select w.slot from publication_words w where w.tokens @> array[t.token] limit $2) h) has
                 cross join lateral
                     (select unnest(has.slots) as slot, ln($3::float8 / cardinality(has.slots)) as weight) s
                 group by s.slot
                 having count(*) >= $4
                 order by sum(s.weight) desc
                 limit 4 * $5::bigint) v
           join publications p on p.slot = v.slot
           order by v.weight desc, p.slot
           limit $5"#,
        tokens,
        MOST_PER_TOKEN,
        WEIGHT_SCALE,
        least,
        limit
    )
    .fetch_all(&mut tx.connection)
    .await?;
    let votes = rows.into_iter().map(|row| {
        let (tenant_id, photo_id, manifest_id) = (row.tenant_id, row.photo_id, row.manifest_id);
        let publication = PublicationRow {
            tenant_id,
            photo_id,
            manifest_id,
        };
        Ok(PublicVote {
            publication: publication.read()?,
            weight: row.weight,
        })
    });
    votes.collect()
}
