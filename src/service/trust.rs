//! Trust lists: the operator imports whose certificates are trusted, for signing manifests or for
//! stamping the time. Every server's copy is `signers::Anchors`.

use time::OffsetDateTime;

use super::Error;
use crate::{
    clock::Clock,
    credentials::trust::{self, TrustKind, TrustList},
    db::{
        DbError, Operator,
        trust_lists::{self, StoredTrustList},
    },
};

/// Longest name of a list, in characters.
pub const LONGEST_NAME: usize = 64;

/// A list as the operator sees it.
#[derive(Debug)]
pub struct ListedTrustList {
    /// Its name.
    pub name: String,
    /// `manifest` or `tsa`.
    pub kind: String,
    /// How many certificates it holds.
    pub anchors: usize,
    /// How many of them have ended.
    pub ended: usize,
    /// How many are none, since the database was damaged.
    pub damaged: usize,
    /// When its publisher will have replaced it; `None` where it does not say.
    pub next_update: Option<OffsetDateTime>,
    /// Whether that is over: the publisher has another one.
    pub is_stale: bool,
    /// When it was imported.
    pub imported_at: OffsetDateTime,
}

impl ListedTrustList {
    fn of(list: StoredTrustList, now: OffsetDateTime) -> Self {
        Self {
            anchors: list.anchors.len(),
            ended: trust::ended(&list.anchors, now),
            damaged: trust::damaged(&list.anchors),
            is_stale: list.next_update.is_some_and(|next| next < now),
            name: list.name,
            kind: list.kind,
            next_update: list.next_update,
            imported_at: list.imported_at,
        }
    }
}

/// Lists them by name.
pub async fn list(operator: &Operator, clock: &Clock) -> Result<Vec<ListedTrustList>, Error> {
    let now = clock.now();
    let mut tx = operator.begin().await?;
    let lists = trust_lists::list(&mut *tx).await?.into_iter();
    Ok(lists.map(|list| ListedTrustList::of(list, now)).collect())
}

/// Stores a list under a name, in place of the one before. Servers trust it within a second.
///
/// # Errors
///
/// [`Error::Invalid`] for a name that is none.
pub async fn import(
    operator: &Operator,
    clock: &Clock,
    name: &str,
    kind: TrustKind,
    list: TrustList,
) -> Result<ListedTrustList, Error> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(fits) {
        let reason = format!("--name takes 1 to {LONGEST_NAME} letters, digits and ._-");
        return Err(Error::invalid("name", reason));
    }
    let now = clock.now();
    let stored = StoredTrustList {
        name: name.to_owned(),
        kind: kind.as_str().to_owned(),
        anchors: list.anchors,
        next_update: list.next_update,
        imported_at: now,
    };
    let mut tx = operator.begin().await?;
    trust_lists::replace(&mut tx, &stored).await?;
    tx.commit().await.map_err(DbError::from)?;
    Ok(ListedTrustList::of(stored, now))
}

/// Removes a list.
///
/// # Errors
///
/// [`Error::NotFound`] when there is none of that name.
pub async fn remove(operator: &Operator, name: &str) -> Result<(), Error> {
    let mut tx = operator.begin().await?;
    if !trust_lists::remove(&mut tx, name).await? {
        return Err(Error::NotFound);
    }
    tx.commit().await.map_err(DbError::from)?;
    Ok(())
}
