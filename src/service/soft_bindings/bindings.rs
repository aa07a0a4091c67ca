//! Binds values to manifests of the tenant, and to others.

use crate::{
    db::{
        DbError, TenantTransaction,
        bindings::{self, Bound, BoundManifest},
        manifests, soft_binding_tallies, stored_manifests,
    },
    domain::{
        BindingAlgorithm, BindingValue, KeepLimit, ManifestId,
        audit::{Action, AuditEntry, Subject},
    },
    service::{Caller, Context, Error, journal, soft_bindings::manifests::hex},
};

/// A value that is to lead to a manifest.
#[derive(Debug, Clone)]
pub struct Binding {
    /// The value.
    pub value: BindingValue,
    /// The algorithm that it is of; `None` for any.
    pub alg: Option<BindingAlgorithm>,
    /// The manifest.
    pub manifest: ManifestId,
}

impl Binding {
    fn bound(&self) -> Bound<'_> {
        Bound {
            value: &self.value,
            alg: self.alg.as_ref(),
        }
    }

    fn event(&self, caller: &Caller, action: Action) -> AuditEntry {
        let subject = Subject::Manifest(self.manifest.clone());
        let entry = AuditEntry::new(caller.by(), action, subject)
            .with("valueSha256", hex(self.value.sha256()));
        match &self.alg {
            Some(alg) => entry.with("alg", alg.as_str()),
            None => entry,
        }
    }
}

/// Binds a value to a manifest of the tenant, beside those that it leads to. Nothing changes where
/// it is bound.
///
/// # Errors
///
/// [`Error::Invalid`] for the algorithm of our marks; [`Error::NotFound`] where the tenant has no
/// such manifest; [`Error::QuotaExceeded`].
pub async fn bind(ctx: &Context, caller: &Caller, binding: &Binding) -> Result<(), Error> {
    refuse_ours(ctx, binding)?;
    let mut tx = ctx.db.begin(&caller.tenant).await?;
    let to = own(&mut tx, &binding.manifest).await?;
    let now = ctx.clock.now();
    if !bindings::insert(&mut tx, binding.bound(), to, now)
        .await
        .map_err(gone)?
    {
        return Ok(tx.commit().await?);
    }
    within_limits(&mut tx, binding, to).await?;
    let entry = binding.event(caller, Action::BindingStored);
    journal::commit(tx, &ctx.master, now, &entry).await
}

/// Binds a value that leads to some manifest to another one, instead.
///
/// # Errors
///
/// [`Error::Invalid`] for the algorithm of our marks; [`Error::NotFound`] where the tenant bound no
/// such value by that algorithm, or has no such manifest; [`Error::QuotaExceeded`].
pub async fn rebind(ctx: &Context, caller: &Caller, binding: &Binding) -> Result<(), Error> {
    refuse_ours(ctx, binding)?;
    let mut tx = ctx.db.begin(&caller.tenant).await?;
    let to = own(&mut tx, &binding.manifest).await?;
    if !bindings::exists(&mut tx, binding.bound()).await? {
        return Err(Error::NotFound);
    }
    let now = ctx.clock.now();
    let removed = bindings::remove_others(&mut tx, binding.bound(), to.id()).await?;
    let added = bindings::insert(&mut tx, binding.bound(), to, now)
        .await
        .map_err(gone)?;
    if removed == 0 && !added {
        return Ok(tx.commit().await?);
    }
    within_limits(&mut tx, binding, to).await?;
    let entry = binding.event(caller, Action::BindingChanged);
    journal::commit(tx, &ctx.master, now, &entry).await
}

/// Refuses a binding by the algorithm of our marks: what these lead to, no client says.
fn refuse_ours(ctx: &Context, binding: &Binding) -> Result<(), Error> {
    let alg = binding.alg.as_ref().map(BindingAlgorithm::as_str);
    if alg == Some(ctx.settings.soft_binding.as_str()) {
        let reason = "is that of the marks of this server, which bind the photos that it protects";
        return Err(Error::invalid("alg", reason));
    }
    Ok(())
}

/// The manifest of that id, if the tenant has it.
async fn own<'a>(
    tx: &mut TenantTransaction,
    id: &'a ManifestId,
) -> Result<BoundManifest<'a>, Error> {
    if stored_manifests::exists(tx, id).await? {
        return Ok(BoundManifest::Stored(id));
    }
    let of_photo = manifests::find_by_id(tx, id.as_str()).await?;
    of_photo
        .map(|_| BoundManifest::OfPhoto(id))
        .ok_or(Error::NotFound)
}

/// A manifest that was deleted since it was looked for is not there.
fn gone(error: DbError) -> Error {
    let references = [
        "bindings_stored_manifest_fkey",
        "bindings_photo_manifest_fkey",
    ];
    if references.iter().any(|reference| error.breaks(reference)) {
        Error::NotFound
    } else {
        error.into()
    }
}

/// Refuses what is more than the tenant may keep. It is asked behind the change, which has locked
/// the tenant's count.
async fn within_limits(
    tx: &mut TenantTransaction,
    binding: &Binding,
    to: BoundManifest<'_>,
) -> Result<(), Error> {
    let all = soft_binding_tallies::find(tx).await?.bindings;
    let of_manifest = bindings::count_of_manifest(tx, to).await?;
    let of_value = bindings::count_of_value(tx, &binding.value).await?;
    let exceeded = (KeepLimit::Bindings.exceeded_by(all))
        .or_else(|| KeepLimit::BindingsOfManifest.exceeded_by(of_manifest))
        .or_else(|| KeepLimit::ManifestsOfValue.exceeded_by(of_value));
    exceeded.map_or(Ok(()), |limit| Err(Error::QuotaExceeded(limit)))
}
