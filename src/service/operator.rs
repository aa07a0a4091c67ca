//! The operator's work: tenants, accounts, the first signing key. No HTTP route leads here.

use std::num::NonZeroU32;

use secrecy::SecretString;

use super::Error;
use crate::{
    auth::{KeyRing, MasterKey, SigningKey, SigningKeyError, TenantSecret, hash_password},
    clock::Clock,
    db::{
        Database, DbError, Operator,
        accounts::{self, Account},
        audit, signing_keys,
        tenants::{self, Tenant},
    },
    domain::{
        Privacy, Role, TenantId, TenantPolicy, Username,
        audit::{Action, Actor, Entry, Subject},
    },
};

/// Makes the first signing key if there is none.
///
/// # Errors
///
/// The database cannot be written.
pub async fn ensure_signing_key(
    operator: &Operator,
    master: &MasterKey,
    clock: &Clock,
) -> Result<(), Error> {
    let mut tx = operator.bootstrap().await?;
    if signing_keys::list(&mut tx).await?.is_empty() {
        let key = SigningKey::generate().map_err(Error::internal)?;
        let sealed = key.seal(master).map_err(Error::internal)?;
        signing_keys::insert(&mut tx, key.id(), &sealed, clock.now()).await?;
        tracing::info!(key.id = key.id(), "made the first signing key");
    }
    tx.commit().await.map_err(DbError::from)?;
    Ok(())
}

/// Opens all signing keys.
///
/// # Errors
///
/// [`SigningKeyError::Seal`] when the database was set up under another master key.
pub async fn load_keys(db: &Database, master: &MasterKey) -> Result<KeyRing, Error> {
    let open = |sealed: signing_keys::SealedKey| {
        SigningKey::open(master, &sealed.key_id, &sealed.sealed_private_key)
    };
    let mut keys = db
        .signing_keys()
        .await?
        .into_iter()
        .map(open)
        .collect::<Result<Vec<_>, SigningKeyError>>()
        .map_err(Error::internal)?;
    if keys.is_empty() {
        return Err(Error::internal(DbError::NotMigrated));
    }
    let newest = keys.remove(0);
    Ok(KeyRing::new(newest, keys))
}

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
    let entry = on_tenant(Action::TenantCreated, tenant);
    audit::append_as_operator(&mut tx, tenant, clock.now(), &entry).await?;
    tx.commit().await.map_err(DbError::from)?;
    Ok(())
}

/// What the log says about the operator's work on a tenant.
fn on_tenant(action: Action, tenant: &TenantId) -> Entry {
    Entry::new(Actor::Operator, action, Subject::Tenant(tenant.clone()))
}

/// What the log says about the operator's work on an account.
fn on_account(action: Action, username: &Username) -> Entry {
    Entry::new(Actor::Operator, action, Subject::Account(username.clone()))
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
    let mut tx = operator.begin().await?;
    let (found, action) = match change {
        TenantChange::Suspend => (
            tenants::set_status(&mut tx, tenant, "suspended").await?,
            Some(Action::TenantSuspended),
        ),
        TenantChange::Resume => (
            tenants::set_status(&mut tx, tenant, "active").await?,
            Some(Action::TenantResumed),
        ),
        TenantChange::Delete => (tenants::delete(&mut tx, tenant).await?, None),
    };
    if !found {
        return Err(Error::NotFound);
    }
    if let Some(action) = action {
        let entry = on_tenant(action, tenant);
        audit::append_as_operator(&mut tx, tenant, clock.now(), &entry).await?;
    }
    tx.commit().await.map_err(DbError::from)?;
    Ok(())
}

/// What an operator sets about a tenant's photos; what is absent stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct PolicyChange {
    /// How much records may show.
    pub privacy: Option<Privacy>,
    /// How often the same content may be protected; the inner nothing is any number.
    pub max_copies: Option<Option<NonZeroU32>>,
}

/// Changes a tenant's policy and returns what it is now; [`Error::NotFound`] when there is none of that name.
pub async fn set_policy(
    operator: &Operator,
    clock: &Clock,
    tenant: &TenantId,
    change: PolicyChange,
) -> Result<TenantPolicy, Error> {
    let mut tx = operator.begin().await?;
    let mut policy = tenants::lock_policy(&mut tx, tenant)
        .await?
        .ok_or(Error::NotFound)?;
    policy.privacy = change.privacy.unwrap_or(policy.privacy);
    policy.max_copies = change.max_copies.unwrap_or(policy.max_copies);
    tenants::set_policy(&mut tx, tenant, &policy).await?;
    let copies = policy
        .max_copies
        .map_or_else(|| "none".to_owned(), |max| max.to_string());
    let entry = on_tenant(Action::TenantPolicyChanged, tenant)
        .with("privacy", policy.privacy.as_str())
        .with("maxCopies", copies);
    audit::append_as_operator(&mut tx, tenant, clock.now(), &entry).await?;
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
    let entry = on_account(Action::AccountCreated, username).with("role", role.as_str());
    audit::append(&mut tx, clock.now(), &entry).await?;
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
    clock: &Clock,
    tenant: &TenantId,
    username: &Username,
    change: AccountChange,
) -> Result<(), Error> {
    let now = clock.now();
    let mut tx = operator.begin_for(tenant).await?;
    let (found, action) = match change {
        AccountChange::Disable => (
            accounts::set_status(&mut tx, username, "disabled", now).await?,
            Action::AccountDisabled,
        ),
        AccountChange::Enable => (
            accounts::set_status(&mut tx, username, "enabled", now).await?,
            Action::AccountEnabled,
        ),
        AccountChange::SetPassword(password) => {
            let hash = hash_password(&password)
                .map_err(|error| Error::invalid("password", error.to_string()))?;
            (
                accounts::set_password(&mut tx, username, hash.as_str(), now).await?,
                Action::AccountPasswordChanged,
            )
        }
    };
    if !found {
        return Err(Error::NotFound);
    }
    audit::append(&mut tx, now, &on_account(action, username)).await?;
    Ok(tx.commit().await?)
}
