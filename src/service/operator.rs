//! The operator's work on tenants, from the command line only: no HTTP route leads here.

use std::num::NonZeroU32;

use super::{Error, journal};
use crate::{
    auth::{MasterKey, TenantSecret},
    clock::Clock,
    db::{
        Operator,
        tenants::{self, Tenant},
    },
    domain::{
        CheckPolicy, ContentHashPolicy, ManifestPolicy, Megapixels, Privacy, PublicationPolicy,
        TenantId, TenantPolicy, TenantStatus,
        audit::{Action, AuditEntry, By, Subject},
    },
};

/// Adds a tenant with a secret of its own.
///
/// # Errors
///
/// [`Error::Conflict`] when the name is taken.
pub async fn create_tenant(
    operator: &Operator,
    master: &MasterKey,
    clock: &Clock,
    tenant: &TenantId,
) -> Result<(), Error> {
    let sealed = TenantSecret::random()
        .seal(master, tenant)
        .map_err(Error::internal)?;
    let mut tx = operator.begin_for(tenant).await?;
    if !tenants::insert(&mut tx, &sealed, clock.now()).await? {
        return Err(Error::Conflict("there is a tenant of that name"));
    }
    let entry = on_tenant(Action::TenantCreated, tenant);
    journal::commit(tx, master, clock.now(), &entry).await
}

/// Makes the event for the operator's work on a tenant.
pub(super) fn on_tenant(action: Action, tenant: &TenantId) -> AuditEntry {
    AuditEntry::new(By::OPERATOR, action, Subject::Tenant(tenant.clone()))
}

/// Lists all tenants by name.
pub async fn list_tenants(operator: &Operator) -> Result<Vec<Tenant>, Error> {
    let mut tx = operator.begin().await?;
    Ok(tenants::list(&mut tx).await?)
}

/// A change of an existing tenant.
#[derive(Debug, Clone, Copy)]
pub enum TenantChange {
    /// Refuses all its tokens and logins; its data stays.
    Suspend,
    /// Accepts its tokens and logins again.
    Resume,
    /// Deletes it with everything that it has. Of its audit log, the database keeps the length and
    /// the last hash.
    Delete,
}

/// Changes a tenant.
///
/// # Errors
///
/// [`Error::NotFound`] when there is none of that name.
pub async fn change_tenant(
    operator: &Operator,
    master: &MasterKey,
    clock: &Clock,
    tenant: &TenantId,
    change: TenantChange,
) -> Result<(), Error> {
    let mut tx = operator.begin_for(tenant).await?;
    let (found, action) = match change {
        TenantChange::Suspend => (
            tenants::set_status(&mut tx, TenantStatus::Suspended).await?,
            Some(Action::TenantSuspended),
        ),
        TenantChange::Resume => (
            tenants::set_status(&mut tx, TenantStatus::Active).await?,
            Some(Action::TenantResumed),
        ),
        TenantChange::Delete => (tenants::delete(&mut tx).await?, None),
    };
    if !found {
        return Err(Error::NotFound);
    }
    match action {
        Some(action) => journal::commit(tx, master, clock.now(), &on_tenant(action, tenant)).await,
        // The log is deleted with its tenant.
        None => Ok(tx.commit().await?),
    }
}

/// A change of a tenant's policy; fields that are `None` stay as they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct PolicyChange {
    /// How much records may reveal.
    pub privacy: Option<Privacy>,
    /// How often the same picture may be protected; the inner `None` for any number.
    pub max_copies: Option<Option<NonZeroU32>>,
    /// How strictly a declared hash is checked.
    pub content_hash: Option<ContentHashPolicy>,
    /// The largest image; the inner `None` for the server's default.
    pub max_megapixels: Option<Option<Megapixels>>,
    /// Whether manifests are kept.
    pub manifests: Option<ManifestPolicy>,
    /// Whether anybody may ask about its photos.
    pub check: Option<CheckPolicy>,
    /// Whether manifests are published; while it is off, none is that was.
    pub publication: Option<PublicationPolicy>,
    /// Calls a second; the inner `None` for the server's setting, as in the next two.
    pub rate_per_second: Option<Option<u32>>,
    /// Calls that may come at once.
    pub rate_burst: Option<Option<u32>>,
    /// Calls in an hour of UTC.
    pub rate_per_hour: Option<Option<u32>>,
}

/// Changes a tenant's policy and returns the new one.
///
/// # Errors
///
/// [`Error::NotFound`] when there is none of that name.
pub async fn set_policy(
    operator: &Operator,
    master: &MasterKey,
    clock: &Clock,
    tenant: &TenantId,
    change: PolicyChange,
) -> Result<TenantPolicy, Error> {
    let mut tx = operator.begin_for(tenant).await?;
    let mut policy = tenants::lock_policy(&mut tx)
        .await?
        .ok_or(Error::NotFound)?;
    policy.privacy = change.privacy.unwrap_or(policy.privacy);
    policy.max_copies = change.max_copies.unwrap_or(policy.max_copies);
    policy.content_hash = change.content_hash.unwrap_or(policy.content_hash);
    policy.max_megapixels = change.max_megapixels.unwrap_or(policy.max_megapixels);
    policy.manifests = change.manifests.unwrap_or(policy.manifests);
    policy.check = change.check.unwrap_or(policy.check);
    policy.publication = change.publication.unwrap_or(policy.publication);
    let rates = &mut policy.rates;
    rates.per_second = change.rate_per_second.unwrap_or(rates.per_second);
    rates.burst = change.rate_burst.unwrap_or(rates.burst);
    rates.per_hour = change.rate_per_hour.unwrap_or(rates.per_hour);
    tenants::set_policy(&mut tx, &policy).await?;
    let copies = policy
        .max_copies
        .map_or_else(|| "none".to_owned(), |max| max.to_string());
    let megapixels = policy
        .max_megapixels
        .map_or_else(|| "default".to_owned(), |max| max.get().to_string());
    let entry = on_tenant(Action::TenantPolicyChanged, tenant)
        .with("privacy", policy.privacy.as_str())
        .with("maxCopies", copies)
        .with("contentHashPolicy", policy.content_hash.as_str())
        .with("maxMegapixels", megapixels)
        .with("manifests", policy.manifests.as_str())
        .with("check", policy.check.as_str())
        .with("publishManifests", policy.publication.as_str());
    journal::commit(tx, master, clock.now(), &entry).await?;
    Ok(policy)
}
