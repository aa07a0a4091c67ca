//! The operator's work: tenants and accounts. No HTTP route leads here.

use std::num::NonZeroU32;

use secrecy::SecretString;

use super::Error;
use crate::{
    auth::{MasterKey, TenantSecret, hash_password},
    clock::Clock,
    db::{
        DbError, Operator,
        accounts::{self, Account},
        tenants::{self, Tenant},
    },
    domain::{Privacy, Role, TenantId, TenantPolicy, Username},
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
    let mut tx = operator.begin().await?;
    if !tenants::insert(&mut tx, tenant, &sealed, clock.now()).await? {
        return Err(Error::Conflict("there is a tenant of that name"));
    }
    tx.commit().await.map_err(DbError::from)?;
    Ok(())
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
    /// It is gone with all it has.
    Delete,
}

/// Changes a tenant; [`Error::NotFound`] when there is none of that name.
pub async fn change_tenant(
    operator: &Operator,
    tenant: &TenantId,
    change: TenantChange,
) -> Result<(), Error> {
    let mut tx = operator.begin().await?;
    let found = match change {
        TenantChange::Suspend => tenants::set_status(&mut tx, tenant, "suspended").await?,
        TenantChange::Resume => tenants::set_status(&mut tx, tenant, "active").await?,
        TenantChange::Delete => tenants::delete(&mut tx, tenant).await?,
    };
    tx.commit().await.map_err(DbError::from)?;
    found.then_some(()).ok_or(Error::NotFound)
}

/// What an operator sets about a tenant; what is absent stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct PolicyChange {
    /// How much records may show.
    pub privacy: Option<Privacy>,
    /// How often the same content may be protected; the inner nothing is any number.
    pub max_copies: Option<Option<NonZeroU32>>,
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
    tenant: &TenantId,
    change: PolicyChange,
) -> Result<TenantPolicy, Error> {
    let mut tx = operator.begin().await?;
    let mut policy = tenants::lock_policy(&mut tx, tenant)
        .await?
        .ok_or(Error::NotFound)?;
    policy.privacy = change.privacy.unwrap_or(policy.privacy);
    policy.max_copies = change.max_copies.unwrap_or(policy.max_copies);
    let rates = &mut policy.rates;
    rates.per_second = change.rate_per_second.unwrap_or(rates.per_second);
    rates.burst = change.rate_burst.unwrap_or(rates.burst);
    rates.per_hour = change.rate_per_hour.unwrap_or(rates.per_hour);
    tenants::set_policy(&mut tx, tenant, &policy).await?;
    tx.commit().await.map_err(DbError::from)?;
    Ok(policy)
}

/// Adds an account; [`Error::NotFound`] without the tenant, [`Error::Conflict`] when the name is taken.
pub async fn create_account(
    operator: &Operator,
    clock: &Clock,
    tenant: &TenantId,
    username: &Username,
    role: Role,
    password: &SecretString,
) -> Result<(), Error> {
    let hash =
        hash_password(password).map_err(|error| Error::invalid("password", error.to_string()))?;
    let mut tx = operator.begin_for(tenant).await?;
    let inserted = accounts::insert(&mut tx, username, hash.as_str(), role, clock.now()).await;
    let inserted = inserted.map_err(|error| {
        if error.breaks("accounts_tenant_id_fkey") {
            Error::NotFound
        } else {
            error.into()
        }
    })?;
    if !inserted {
        return Err(Error::Conflict("the tenant has an account of that name"));
    }
    Ok(tx.commit().await?)
}

/// The accounts of a tenant by name.
pub async fn list_accounts(operator: &Operator, tenant: &TenantId) -> Result<Vec<Account>, Error> {
    let mut tx = operator.begin_for(tenant).await?;
    Ok(accounts::list(&mut tx).await?)
}

/// What an operator does to an account that is there. Each ends the account's tokens.
#[derive(Debug)]
pub enum AccountChange {
    /// No login any more.
    Disable,
    /// Logins are possible again.
    Enable,
    /// A new password.
    SetPassword(SecretString),
}

/// Changes an account; [`Error::NotFound`] when there is none of that name.
pub async fn change_account(
    operator: &Operator,
    tenant: &TenantId,
    username: &Username,
    change: AccountChange,
) -> Result<(), Error> {
    let mut tx = operator.begin_for(tenant).await?;
    let found = match change {
        AccountChange::Disable => accounts::set_status(&mut tx, username, "disabled").await?,
        AccountChange::Enable => accounts::set_status(&mut tx, username, "enabled").await?,
        AccountChange::SetPassword(password) => {
            let hash = hash_password(&password)
                .map_err(|error| Error::invalid("password", error.to_string()))?;
            accounts::set_password(&mut tx, username, hash.as_str()).await?
        }
    };
    tx.commit().await?;
    found.then_some(()).ok_or(Error::NotFound)
}
