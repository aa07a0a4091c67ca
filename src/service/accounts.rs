//! Service accounts of a tenant: created, listed, changed.
//!
//! Each function works in a transaction that its caller opened: the operator's, or that of an
//! administrator of the tenant.

use super::{Error, Page, journal};
use crate::{
    auth::{MasterKey, PasswordHash},
    clock::Clock,
    db::{
        TenantTransaction,
        accounts::{self, Account},
    },
    domain::{
        AccountStatus, Role, Username,
        audit::{Action, AuditEntry, By, Subject},
    },
};

/// An account to be created.
#[derive(Debug, Clone, Copy)]
pub struct NewAccount<'a> {
    /// Its name, unique in the tenant.
    pub username: &'a Username,
    /// Decides which scopes its logins are granted.
    pub role: Role,
    /// The hash of its first password.
    pub password: &'a PasswordHash,
}

/// Adds an account to the transaction's tenant.
///
/// # Errors
///
/// [`Error::NotFound`] without the tenant, [`Error::Conflict`] when the name is taken.
pub async fn create(
    mut tx: TenantTransaction,
    master: &MasterKey,
    clock: &Clock,
    by: By,
    new: NewAccount<'_>,
) -> Result<(), Error> {
    let NewAccount {
        username,
        role,
        password,
    } = new;
    let inserted = accounts::insert(&mut tx, username, password.as_str(), role, clock.now()).await;
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
    let subject = Subject::Account(username.clone());
    let entry = AuditEntry::new(by, Action::AccountCreated, subject).with("role", role.as_str());
    journal::commit(tx, master, clock.now(), &entry).await
}

/// Whether the transaction's tenant has an account of that name.
pub async fn exists(mut tx: TenantTransaction, username: &Username) -> Result<bool, Error> {
    Ok(accounts::exists(&mut tx, username).await?)
}

/// Lists the accounts of the transaction's tenant by name, at most `limit` (1 to 200) from after
/// the name `after` on.
pub async fn list(
    mut tx: TenantTransaction,
    after: Option<&str>,
    limit: u8,
) -> Result<Page<Account, String>, Error> {
    let rows = Page::<Account, String>::rows(limit);
    let found = accounts::list(&mut tx, after, rows).await?;
    Ok(Page::of_rows(found, limit, |last| last.username.clone()))
}

/// A change of an existing account. Each ends the account's tokens; setting the status or role that
/// it already has changes nothing.
#[derive(Debug)]
pub enum AccountChange {
    /// Refuses its logins from now on.
    Disable,
    /// Allows its logins again.
    Enable,
    /// Replaces its password by the one with this hash.
    SetPassword(PasswordHash),
    /// Gives it another role.
    SetRole(Role),
    /// Ends its tokens and nothing else.
    EndSessions,
    /// Deletes it. Its name stays in the audit log, and is free for another account.
    Delete,
}

/// Changes an account of the transaction's tenant.
///
/// # Errors
///
/// [`Error::NotFound`] when there is none of that name.
pub async fn change(
    mut tx: TenantTransaction,
    master: &MasterKey,
    clock: &Clock,
    by: By,
    username: &Username,
    change: AccountChange,
) -> Result<(), Error> {
    let role = match change {
        AccountChange::SetRole(role) => Some(role),
        _ => None,
    };
    let (changed, action) = match change {
        AccountChange::Disable => (
            accounts::set_status(&mut tx, username, AccountStatus::Disabled).await?,
            Action::AccountDisabled,
        ),
        AccountChange::Enable => (
            accounts::set_status(&mut tx, username, AccountStatus::Enabled).await?,
            Action::AccountEnabled,
        ),
        AccountChange::SetPassword(password) => {
            let generation = accounts::set_password(&mut tx, username, password.as_str()).await?;
            (generation.map(|_| true), Action::AccountPasswordChanged)
        }
        AccountChange::SetRole(role) => (
            accounts::set_role(&mut tx, username, role).await?,
            Action::AccountRoleChanged,
        ),
        AccountChange::EndSessions => {
            let found = accounts::end_sessions(&mut tx, username).await?;
            (found.then_some(true), Action::AccountSessionsEnded)
        }
        AccountChange::Delete => {
            let found = accounts::delete(&mut tx, username).await?;
            (found.then_some(true), Action::AccountDeleted)
        }
    };
    if !changed.ok_or(Error::NotFound)? {
        return Ok(());
    }
    let mut entry = AuditEntry::new(by, action, Subject::Account(username.clone()));
    if let Some(role) = role {
        entry = entry.with("role", role.as_str());
    }
    journal::commit(tx, master, clock.now(), &entry).await
}
