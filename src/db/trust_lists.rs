//! The table `trust_lists`: certificates at which chains of trust may end.

use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Database, DbError};

/// A list as it is stored.
#[derive(Debug)]
pub struct StoredTrustList {
    /// The operator's name for it.
    pub name: String,
    /// `manifest` or `tsa`.
    pub kind: String,
    /// Its certificates in DER.
    pub anchors: Vec<Vec<u8>>,
    /// When its publisher will have replaced it, where it says so.
    pub next_update: Option<OffsetDateTime>,
    /// When it was imported.
    pub imported_at: OffsetDateTime,
}

/// Lists all of them by name.
pub async fn list(db: impl PgExecutor<'_>) -> Result<Vec<StoredTrustList>, DbError> {
    let rows = sqlx::query_as!(
        StoredTrustList,
        "select name, kind, anchors, next_update, imported_at from trust_lists order by name"
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Stores a list, in place of that of the same name.
pub async fn replace(db: &mut PgConnection, list: &StoredTrustList) -> Result<(), DbError> {
    sqlx::query!(
        "insert into trust_lists (name, list_id, kind, anchors, next_update, imported_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict on constraint trust_lists_pkey
         do update set list_id = excluded.list_id, kind = excluded.kind, anchors = excluded.anchors,
                       next_update = excluded.next_update, imported_at = excluded.imported_at",
        list.name,
        Uuid::new_v4(),
        list.kind,
        &list.anchors,
        list.next_update,
        list.imported_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Removes a list; false if there is none of that name.
pub async fn remove(db: &mut PgConnection, name: &str) -> Result<bool, DbError> {
    let removed = sqlx::query!("delete from trust_lists where name = $1", name)
        .execute(db)
        .await?;
    Ok(removed.rows_affected() > 0)
}

impl Database {
    /// Lists all of them by name.
    pub async fn trust_lists(&self) -> Result<Vec<StoredTrustList>, DbError> {
        let mut tx = self.begin_shared("").await?;
        let lists = list(&mut tx).await?;
        tx.commit().await?;
        Ok(lists)
    }
}
