//! Service accounts of a tenant: made, listed, changed.
//!
//! Each works in a transaction that its caller opened: the operator's, or an administrator's of the tenant.

use super::{Error, journal};
use crate::{
    auth::PasswordHash,
    clock::Clock,
    db::{
        TenantTransaction,
        accounts::{self, Account},
    },
    domain::{
        AccountStatus, Role, Username,
        audit::{Action, Actor, AuditEntry, Subject},
    },
};

/// An account to be made.
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
    clock: &Clock,
    actor: Actor,
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
    let entry = AuditEntry::new(actor, Action::AccountCreated, subject).with("role", role.as_str());
    journal::commit(tx, clock.now(), &entry).await
}

/// The accounts of the transaction's tenant by name.
///
/// # Errors
///
/// The database does not answer.
pub async fn list(mut tx: TenantTransaction) -> Result<Vec<Account>, Error> {
    Ok(accounts::list(&mut tx).await?)
}

/// What is done to an account that is there. Each ends the account's tokens; a status that it has already is no change.
#[derive(Debug)]
pub enum AccountChange {
    /// No login any more.
    Disable,
    /// Logins are possible again.
    Enable,
    /// A new password.
    SetPassword(PasswordHash),
    /// Nothing but the end of its tokens.
    EndSessions,
}

/// Changes an account of the transaction's tenant.
///
/// # Errors
///
/// [`Error::NotFound`] when there is none of that name.
pub async fn change(
    mut tx: TenantTransaction,
    clock: &Clock,
    actor: Actor,
    username: &Username,
    change: AccountChange,
) -> Result<(), Error> {
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
            let found = accounts::set_password(&mut tx, username, password.as_str()).await?;
            (found.then_some(true), Action::AccountPasswordChanged)
        }
        AccountChange::EndSessions => {
            let found = accounts::end_sessions(&mut tx, username).await?;
            (found.then_some(true), Action::AccountSessionsEnded)
        }
    };
    if !changed.ok_or(Error::NotFound)? {
        return Ok(());
    }
    let entry = AuditEntry::new(actor, action, Subject::Account(username.clone()));
    journal::commit(tx, clock.now(), &entry).await
}
