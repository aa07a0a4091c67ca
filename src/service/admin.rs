//! A tenant's administration over HTTP: its accounts, API keys and applications. The operator does
//! the same on the command line, through the same use cases.

use secrecy::SecretString;

use super::{
    Caller, Context, Error, Page,
    accounts::{self, AccountChange, NewAccount},
    admission::access,
    credentials::{self, ApiKeyRequest, ApplicationRequest, NewApiKey, NewApplication},
    password,
};
use crate::{
    db::{
        accounts::Account,
        credentials::{Credential, CredentialCursor},
    },
    domain::{CredentialId, CredentialKind, Role, Username, audit::Actor},
};

/// Adds an account to the caller's tenant.
///
/// # Errors
///
/// [`Error::Conflict`] when the name is taken, [`Error::Invalid`] for a bad password.
pub async fn create_account(
    ctx: &Context,
    caller: &Caller,
    username: &Username,
    role: Role,
    password: SecretString,
) -> Result<(), Error> {
    let hash = password::hash_new(ctx, password, "password", &caller.tenant, username).await?;
    let tx = ctx.db.begin(&caller.tenant).await?;
    let new = NewAccount {
        username,
        role,
        password: &hash,
    };
    accounts::create(tx, &ctx.master, &ctx.clock, caller.by(), new).await?;
    access::refresh(ctx).await
}

/// Lists a page of the accounts of the caller's tenant by name, as [`accounts::list`] does.
///
/// # Errors
///
/// The database does not answer.
pub async fn list_accounts(
    ctx: &Context,
    caller: &Caller,
    after: Option<&str>,
    limit: u8,
) -> Result<Page<Account, String>, Error> {
    accounts::list(ctx.db.begin(&caller.tenant).await?, after, limit).await
}

/// An administrator's change of an account; as [`AccountChange`], with the password not hashed yet.
#[derive(Debug)]
pub enum AccountRequest {
    /// Refuses its logins from now on.
    Disable,
    /// Allows its logins again.
    Enable,
    /// Replaces its password, which must have 8 to 1024 characters.
    SetPassword(SecretString),
    /// Gives it another role.
    SetRole(Role),
    /// Ends its tokens and nothing else.
    EndSessions,
    /// Deletes it.
    Delete,
}

/// Changes an account of the caller's tenant.
///
/// # Errors
///
/// [`Error::NotFound`] when there is none of that name; [`Error::Conflict`] when administrators
/// would disable or delete their own account, or change its role: somebody must be left to undo it.
pub async fn change_account(
    ctx: &Context,
    caller: &Caller,
    username: &Username,
    request: AccountRequest,
) -> Result<(), Error> {
    let change = match request {
        AccountRequest::Disable | AccountRequest::Delete | AccountRequest::SetRole(_)
            if caller.actor == Actor::Account(username.clone()) =>
        {
            return Err(Error::Conflict(
                "nobody disables or deletes their own account, or changes its role",
            ));
        }
        AccountRequest::Disable => AccountChange::Disable,
        AccountRequest::Enable => AccountChange::Enable,
        AccountRequest::SetPassword(password) => {
            let hash = password::hash_new(ctx, password, "password", &caller.tenant, username);
            AccountChange::SetPassword(hash.await?)
        }
        AccountRequest::SetRole(role) => AccountChange::SetRole(role),
        AccountRequest::EndSessions => AccountChange::EndSessions,
        AccountRequest::Delete => AccountChange::Delete,
    };
    let tx = ctx.db.begin(&caller.tenant).await?;
    accounts::change(tx, &ctx.master, &ctx.clock, caller.by(), username, change).await?;
    access::refresh(ctx).await
}

/// Adds an API key to the caller's tenant.
///
/// # Errors
///
/// [`Error::Invalid`] for a bad name.
pub async fn create_api_key(
    ctx: &Context,
    caller: &Caller,
    request: ApiKeyRequest<'_>,
) -> Result<NewApiKey, Error> {
    let tx = ctx.db.begin(&caller.tenant).await?;
    let by = caller.by();
    let made = credentials::create_api_key(tx, &ctx.master, &ctx.clock, by, request).await?;
    access::refresh(ctx).await?;
    Ok(made)
}

/// Adds an application to the caller's tenant.
///
/// # Errors
///
/// [`Error::Invalid`] for a bad name.
pub async fn create_application(
    ctx: &Context,
    caller: &Caller,
    request: ApplicationRequest<'_>,
) -> Result<NewApplication, Error> {
    let tx = ctx.db.begin(&caller.tenant).await?;
    let by = caller.by();
    let made = credentials::create_application(tx, &ctx.master, &ctx.clock, by, request).await?;
    access::refresh(ctx).await?;
    Ok(made)
}

/// Lists a page of the credentials of a kind, newest first, as [`credentials::list`] does.
///
/// # Errors
///
/// The database does not answer.
pub async fn list_credentials(
    ctx: &Context,
    caller: &Caller,
    kind: CredentialKind,
    cursor: Option<CredentialCursor>,
    limit: u8,
) -> Result<Page<Credential, CredentialCursor>, Error> {
    credentials::list(ctx.db.begin(&caller.tenant).await?, kind, cursor, limit).await
}

/// Revokes a credential of the caller's tenant and ends its tokens.
///
/// # Errors
///
/// [`Error::NotFound`] when there is none of that id and kind.
pub async fn revoke_credential(
    ctx: &Context,
    caller: &Caller,
    kind: CredentialKind,
    id: CredentialId,
) -> Result<(), Error> {
    let tx = ctx.db.begin(&caller.tenant).await?;
    credentials::revoke(tx, &ctx.master, &ctx.clock, caller.by(), kind, id).await?;
    access::refresh(ctx).await
}
