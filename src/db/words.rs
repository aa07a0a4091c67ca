//! The tables `photo_words` and `word_sets`: an inverted index of the tokens that photos are found
//! by.
//!
//! ```text
//! photo_words   tenant, photo -> slot      held by row-level security
//! word_sets     slot -> tokens             GIN index on tokens; no tenant, no photo
//! ```
//!
//! The second table has no policy, because a GIN index is never used behind one; the first one is
//! the only way from a slot to a photo, and shows the tenant's own. Tokens are random numbers under
//! a key of their tenant's, so that tenants do not meet in the index but by chance.

use uuid::Uuid;

use super::{DbError, TenantRows};
use crate::domain::PhotoId;

/// Most photos that a token may vote for. A token that more photos share says little about any of
/// them.
pub(super) const MOST_PER_TOKEN: i64 = 256;
/// A token of n photos weighs ln(this / n): four times the above, so that a frequent one still
/// weighs a little.
pub(super) const WEIGHT_SCALE: f64 = 1024.0;

/// Settings of a transaction that looks tokens up, behind its begin. Thousands of look-ups in one
/// statement: each is worth an index scan whatever the planner thinks of their number.
pub(super) const INDEX_SCANS: &str = "; set local enable_seqscan = off; set local jit = off";

/// A photo that shares tokens with the query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vote {
    /// The photo that has them.
    pub photo: PhotoId,
    /// Sum of the shared tokens' weights: the rarer a token, the heavier.
    pub weight: f64,
}

/// Finds the photos that share most of `tokens` by weight, best first: at most `limit`, each with
/// at least `least` of them. Tokens must differ from each other. Asked of a standby, too: it
/// writes nothing and locks no row.
pub async fn vote(
    rows: TenantRows<'_>,
    tokens: &[i32],
    least: i64,
    limit: i64,
) -> Result<Vec<Vote>, DbError> {
    let TenantRows {
        connection: db,
        tenant,
    } = rows;
    // Thousands of look-ups in one statement: each is worth an index scan whatever the planner
    // thinks of their number.
    sqlx::query!(
        "select set_config('enable_seqscan', 'off', true) as scan, set_config('jit', 'off', true) as jit"
    )
        .fetch_one(&mut *db)
        .await?;
    let votes = sqlx::query_as!(
        VoteRow,
        r#"select p.photo_id, v.weight as "weight!"
           from (select s.slot, sum(s.weight) as weight
                 from unnest($2::int4[]) t(token)
                 cross join lateral
                     (select array_agg(slot) as slots
                      from (select w.slot from word_sets w where w.tokens @> array[t.token] limit $3) h) has
                 cross join lateral
                     (select unnest(has.slots) as slot, ln($4::float8 / cardinality(has.slots)) as weight) s
                 group by s.slot
                 having count(*) >= $5
                 order by sum(s.weight) desc
                 limit 4 * $6::bigint) v
           join photo_words p on p.slot = v.slot
           where p.tenant_id = $1
           order by v.weight desc, p.slot
           limit $6"#,
        tenant,
        tokens,
        MOST_PER_TOKEN,
        WEIGHT_SCALE,
        least,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(votes.into_iter().map(VoteRow::read).collect())
}

/// A row as PostgreSQL gives it.
struct VoteRow {
    photo_id: Uuid,
    weight: f64,
}

impl VoteRow {
    fn read(self) -> Vote {
        Vote {
            photo: self.photo_id.into(),
            weight: self.weight,
        }
    }
}
