//! The operator's work on tenants. No HTTP route leads here.

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
        ContentHashPolicy, Megapixels, Privacy, TenantId, TenantPolicy, TenantStatus,
        audit::{Action, Actor, AuditEntry, Subject},
    },
};

/// Adds a tenant with a secret of its own; [`Error::Conflict`] when the name is taken.
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
    journal::commit(tx, clock.now(), &entry).await
}

/// What the log says about the operator's work on a tenant.
fn on_tenant(action: Action, tenant: &TenantId) -> AuditEntry {
    AuditEntry::new(Actor::Operator, action, Subject::Tenant(tenant.clone()))
}

/// All tenants by name.
pub async fn list_tenants(operator: &Operator) -> Result<Vec<Tenant>, Error> {
    let mut tx = operator.begin().await?;
    Ok(tenants::list(&mut tx).await?)
}

/// What an operator does to a tenant that is there.
#[derive(Debug, Clone, Copy)]
pub enum TenantChange {
    /// All its tokens and logins are refused; its data stays.
    Suspend,
    /// Ends a suspension.
    Resume,
    /// It is gone with all it has; of its audit log the database keeps the length and the last hash.
    Delete,
}

/// Changes a tenant; [`Error::NotFound`] when there is none of that name.
pub async fn change_tenant(
    operator: &Operator,
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
        Some(action) => journal::commit(tx, clock.now(), &on_tenant(action, tenant)).await,
        // The log is deleted with its tenant.
        None => Ok(tx.commit().await?),
    }
}

/// What an operator sets about a tenant; what is absent stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct PolicyChange {
    /// How much records may show.
    pub privacy: Option<Privacy>,
    /// How often the same content may be protected; the inner nothing is any number.
    pub max_copies: Option<Option<NonZeroU32>>,
    /// What is asked of a declared hash.
    pub content_hash: Option<ContentHashPolicy>,
    /// How large a picture may be; the inner nothing is the default.
    pub max_megapixels: Option<Option<Megapixels>>,
    /// Calls a second; the inner nothing is the server's setting, as in the next two.
    pub rate_per_second: Option<Option<u32>>,
    /// Calls at once.
    pub rate_burst: Option<Option<u32>>,
    /// Calls in an hour.
    pub rate_per_hour: Option<Option<u32>>,
}

/// Changes a tenant's policy and returns what it is now; [`Error::NotFound`] when there is none of that name.
pub async fn set_policy(
    operator: &Operator,
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
        .with("maxMegapixels", megapixels);
    journal::commit(tx, clock.now(), &entry).await?;
    Ok(policy)
}
