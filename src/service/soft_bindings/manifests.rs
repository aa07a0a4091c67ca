//! Stores and deletes manifests that were made elsewhere. Their bytes are a stranger's: they are
//! given back as they came, and take part in no verdict.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    credentials::active_urn,
    db::{
        TenantTransaction, manifests, soft_binding_tallies,
        stored_manifests::{self, ForeignManifest},
    },
    domain::{
        ContentHash, KeepLimit, ManifestId,
        audit::{Action, AuditEntry, Subject},
    },
    service::{Caller, Context, Error, journal},
};

/// A manifest that is stored.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The URN of its active manifest; a new one for bytes that are no manifest store.
    pub id: ManifestId,
    /// The manifest; `None` where it is that of a photo of the tenant's, of which nothing was
    /// stored.
    pub manifest: Option<ForeignManifest>,
}

/// What there is of an id.
enum Known {
    Nothing,
    /// The very bytes.
    Same(Option<ForeignManifest>),
    Others,
}

/// Stores the bytes of a manifest. The same again are answered again, and stored once.
///
/// # Errors
///
/// [`Error::Invalid`] for other bytes than are kept of the same manifest, or none;
/// [`Error::QuotaExceeded`] where the tenant keeps as much as it may.
pub async fn store(ctx: &Context, caller: &Caller, bytes: Bytes) -> Result<Stored, Error> {
    if bytes.is_empty() {
        return Err(Error::invalid("body", "is empty"));
    }
    let urn = active_urn(&bytes).and_then(ManifestId::parse);
    let parsed = urn.is_some();
    let id = urn.map_or_else(drawn, Ok)?;
    let manifest = ForeignManifest {
        sha256: Sha256::digest(&bytes).to_vec(),
        bytes: bytes.into(),
        parsed,
        stored_at: ctx.clock.now(),
    };
    let mut tx = ctx.db.begin(&caller.tenant).await?;
    if let Some(known) = known(&mut tx, &id, &manifest).await? {
        tx.commit().await?;
        return Ok(known);
    }
    within_limits(&mut tx, 1, manifest.bytes.len()).await?;
    if !stored_manifests::insert(&mut tx, &id, &manifest).await? {
        // Stored by another call since it was looked for, which is seen now.
        let known = known(&mut tx, &id, &manifest).await?;
        return known.ok_or(Error::Conflict("the manifest was deleted a moment ago"));
    }
    within_limits(&mut tx, 0, 0).await?;
    let entry = AuditEntry::new(
        caller.by(),
        Action::ManifestStored,
        Subject::Manifest(id.clone()),
    )
    .with("sha256", hex(&manifest.sha256))
    .with("bytes", manifest.bytes.len());
    journal::commit(tx, &ctx.master, manifest.stored_at, &entry).await?;
    ctx.metrics.count_stored_manifest();
    tracing::info!(tenant.id = %caller.tenant, bytes = manifest.bytes.len(), parsed, "manifest stored");
    Ok(Stored {
        id,
        manifest: Some(manifest),
    })
}

/// Deletes a manifest that the tenant stored, and its bindings.
///
/// # Errors
///
/// [`Error::NotFound`] where it stored none of that id.
pub async fn delete(ctx: &Context, caller: &Caller, id: &ManifestId) -> Result<(), Error> {
    let mut tx = ctx.db.begin(&caller.tenant).await?;
    if !stored_manifests::delete(&mut tx, id).await? {
        return Err(Error::NotFound);
    }
    let subject = Subject::Manifest(id.clone());
    let entry = AuditEntry::new(caller.by(), Action::ManifestDeleted, subject);
    journal::commit(tx, &ctx.master, ctx.clock.now(), &entry).await?;
    tracing::info!(tenant.id = %caller.tenant, "stored manifest deleted");
    Ok(())
}

/// A new id.
fn drawn() -> Result<ManifestId, Error> {
    let urn = format!("urn:c2pa:{}", Uuid::new_v4());
    ManifestId::parse(&urn).ok_or_else(|| Error::internal("a drawn URN is no id"))
}

/// The manifest of that id, if it is kept in these very bytes: stored, or a photo's.
///
/// # Errors
///
/// [`Error::Invalid`] where it is kept in others.
async fn known(
    tx: &mut TenantTransaction,
    id: &ManifestId,
    sent: &ForeignManifest,
) -> Result<Option<Stored>, Error> {
    let known = match stored_manifests::find(tx, id).await? {
        Some(kept) if kept.sha256 == sent.sha256 => Known::Same(Some(kept)),
        Some(_) => Known::Others,
        None => match manifests::find_by_id(tx, id.as_str()).await? {
            Some(photo) if photo.store.as_ref() == Some(&sent.bytes) => Known::Same(None),
            Some(_) => Known::Others,
            None => Known::Nothing,
        },
    };
    match known {
        Known::Nothing => Ok(None),
        Known::Same(manifest) => Ok(Some(Stored {
            id: id.clone(),
            manifest,
        })),
        Known::Others => Err(Error::invalid(
            "body",
            "differs from what is kept of this manifest",
        )),
    }
}

/// Refuses what would be, or is, more than the tenant may keep. Before the change it spares the
/// work; behind it, it is exact.
async fn within_limits(
    tx: &mut TenantTransaction,
    more: i64,
    more_bytes: usize,
) -> Result<(), Error> {
    let kept = soft_binding_tallies::find(tx).await?;
    let bytes = i64::try_from(more_bytes).unwrap_or(i64::MAX);
    let exceeded = (KeepLimit::Manifests.exceeded_by(kept.manifests + more)).or_else(|| {
        KeepLimit::ManifestBytes.exceeded_by(kept.manifest_bytes.saturating_add(bytes))
    });
    exceeded.map_or(Ok(()), |limit| Err(Error::QuotaExceeded(limit)))
}

/// A hash as people write it.
pub(super) fn hex(sha256: &[u8]) -> String {
    let hash = <[u8; 32]>::try_from(sha256).map(ContentHash::from_digest);
    hash.map(|hash| hash.to_string()).unwrap_or_default()
}
