//! Lists, counts, finds, labels and deletes photos.

use super::{Caller, Context, Error, Page, engine, images, journal};
use crate::{
    db::{
        photo_lists::{self, Count, Cursor},
        photos::{self, StoredPhoto},
        publications,
    },
    domain::{
        PhotoFilter, PhotoId, TenantId,
        audit::{Action, AuditEntry, Subject},
    },
};

/// Lists the tenant's photos that meet a filter, newest first, at most `limit` (1 to 200). A page
/// may hold fewer, even none, and yet have a next one.
pub async fn list(
    ctx: &Context,
    tenant: &TenantId,
    cursor: Option<Cursor>,
    filter: &PhotoFilter,
    limit: u8,
) -> Result<Page<StoredPhoto, Cursor>, Error> {
    let mut tx = ctx.db.begin_snapshot(tenant).await?;
    let rows = Page::<StoredPhoto, Cursor>::rows(limit);
    let (found, end) = photo_lists::find(&mut tx, filter, cursor, rows).await?;
    let photos = photos::find_all(&mut tx, &found).await?;
    tx.commit().await?;
    let page = Page::of_rows(photos, limit, |last| {
        Cursor::new(last.created_at, last.photo)
    });
    Ok(Page {
        next: page.next.or(end),
        ..page
    })
}

/// Counts the tenant's photos that meet a filter.
pub async fn count(ctx: &Context, tenant: &TenantId, filter: &PhotoFilter) -> Result<Count, Error> {
    let mut tx = ctx.db.begin_snapshot(tenant).await?;
    let count = photo_lists::count(&mut tx, filter).await?;
    tx.commit().await?;
    Ok(count)
}

/// Finds a photo of the tenant.
///
/// # Errors
///
/// [`Error::NotFound`] when the tenant has none of that id.
pub async fn get(ctx: &Context, tenant: &TenantId, photo: PhotoId) -> Result<StoredPhoto, Error> {
    let mut tx = ctx.db.begin(tenant).await?;
    let found = photos::find(&mut tx, photo).await?;
    tx.commit().await?;
    found.ok_or(Error::NotFound)
}

/// Calls a photo of the tenant otherwise, or nothing any more.
///
/// # Errors
///
/// [`Error::NotFound`] when the tenant has none of that id.
pub async fn label(
    ctx: &Context,
    caller: &Caller,
    photo: PhotoId,
    label: Option<String>,
) -> Result<StoredPhoto, Error> {
    let tenant = &caller.tenant;
    let mut tx = ctx.db.begin(tenant).await?;
    let mut found = photos::find(&mut tx, photo).await?.ok_or(Error::NotFound)?;
    if found.registration.label == label {
        tx.commit().await?;
        return Ok(found);
    }
    // It may have been deleted meanwhile.
    if !photos::set_label(&mut tx, photo, label.as_deref()).await? {
        return Err(Error::NotFound);
    }
    let entry = AuditEntry::new(caller.by(), Action::PhotoLabelled, Subject::Photo(photo));
    journal::commit(tx, &ctx.master, ctx.clock.now(), &entry).await?;
    tracing::info!(tenant.id = %tenant, photo.id = %photo, "labelled");
    found.registration.label = label;
    Ok(found)
}

/// Publishes the manifest of a photo of the tenant, or takes that back.
///
/// # Errors
///
/// [`Error::NotFound`] when the tenant has none of that id; [`Error::Conflict`] when no manifest of
/// it is kept that could be published.
pub async fn publish(
    ctx: &Context,
    caller: &Caller,
    photo: PhotoId,
    publish: bool,
) -> Result<StoredPhoto, Error> {
    let tenant = &caller.tenant;
    let mut tx = ctx.db.begin(tenant).await?;
    let mut found = photos::find(&mut tx, photo).await?.ok_or(Error::NotFound)?;
    if found.is_published == publish {
        tx.commit().await?;
        return Ok(found);
    }
    let action = if publish {
        let words = match publications::sealed_words(&mut tx, photo).await? {
            None => Vec::new(),
            Some(sealed) => {
                let (secret, _) = images::tenant(ctx, &mut tx).await?;
                engine::open_words(&secret, photo, &sealed)?
            }
        };
        let tokens = engine::public_index_key().tokens(&words);
        if !publications::insert(&mut tx, photo, &tokens).await? {
            return Err(Error::Conflict("no manifest of the photo is kept"));
        }
        Action::ManifestPublished
    } else {
        publications::withdraw(&mut tx, photo).await?;
        Action::ManifestWithdrawn
    };
    let entry = AuditEntry::new(caller.by(), action, Subject::Photo(photo));
    journal::commit(tx, &ctx.master, ctx.clock.now(), &entry).await?;
    tracing::info!(tenant.id = %tenant, photo.id = %photo, publish, "published or withdrawn");
    found.is_published = publish;
    Ok(found)
}

/// Deletes a photo with its record and the salt of the record's key: its copies cannot be verified
/// any more.
///
/// # Errors
///
/// [`Error::NotFound`] when the tenant has none of that id.
pub async fn delete(ctx: &Context, caller: &Caller, photo: PhotoId) -> Result<(), Error> {
    let tenant = &caller.tenant;
    let mut tx = ctx.db.begin(tenant).await?;
    if !photos::delete(&mut tx, photo).await? {
        return Err(Error::NotFound);
    }
    let entry = AuditEntry::new(caller.by(), Action::PhotoDeleted, Subject::Photo(photo));
    journal::commit(tx, &ctx.master, ctx.clock.now(), &entry).await?;
    tracing::info!(tenant.id = %tenant, photo.id = %photo, "deleted");
    Ok(())
}
