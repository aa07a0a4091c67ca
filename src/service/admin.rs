//! What an administrator of a tenant does over HTTP: its accounts, API keys and applications. The operator does the same on the
//! command line, through the same use cases.

use secrecy::SecretString;

use super::{
    Caller, Context, Error,
    accounts::{self, AccountChange, NewAccount},
    admission::access,
    credentials::{self, ApiKeyRequest, ApplicationRequest, NewApiKey, NewApplication},
};
use crate::{
    auth::{PasswordHash, hash_password},
    db::{accounts::Account, credentials::Credential},
    domain::{CredentialId, CredentialKind, Role, Username, audit::Actor},
};

/// Adds an account.
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
    let hash = hashed(ctx, password).await?;
    let tx = ctx.db.begin(&caller.tenant).await?;
    let new = NewAccount {
        username,
        role,
        password: &hash,
    };
    accounts::create(tx, &ctx.clock, caller.actor.clone(), new).await?;
    access::refresh(ctx).await
}

/// The accounts of the caller's tenant.
///
/// # Errors
///
/// The database does not answer.
pub async fn list_accounts(ctx: &Context, caller: &Caller) -> Result<Vec<Account>, Error> {
    accounts::list(ctx.db.begin(&caller.tenant).await?).await
}

/// What an administrator asks for.
#[derive(Debug)]
pub enum AccountRequest {
    /// No login any more.
    Disable,
    /// Logins are possible again.
    Enable,
    /// A new password.
    SetPassword(SecretString),
    /// The end of its tokens.
    EndSessions,
}

/// Changes an account.
///
/// # Errors
///
/// [`Error::NotFound`] when there is none of that name; [`Error::Conflict`] for who would disable himself.
pub async fn change_account(
    ctx: &Context,
    caller: &Caller,
    username: &Username,
    request: AccountRequest,
) -> Result<(), Error> {
    let change = match request {
        AccountRequest::Disable if caller.actor == Actor::Account(username.clone()) => {
            return Err(Error::Conflict("an administrator cannot disable himself"));
        }
        AccountRequest::Disable => AccountChange::Disable,
        AccountRequest::Enable => AccountChange::Enable,
        AccountRequest::SetPassword(password) => {
            AccountChange::SetPassword(hashed(ctx, password).await?)
        }
        AccountRequest::EndSessions => AccountChange::EndSessions,
    };
    let tx = ctx.db.begin(&caller.tenant).await?;
    accounts::change(tx, &ctx.clock, caller.actor.clone(), username, change).await?;
    access::refresh(ctx).await
}

/// Adds an API key.
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
    let by = caller.actor.clone();
    let made = credentials::create_api_key(tx, &ctx.master, &ctx.clock, by, request).await?;
    access::refresh(ctx).await?;
    Ok(made)
}

/// Adds an application.
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
    let by = caller.actor.clone();
    let made = credentials::create_application(tx, &ctx.master, &ctx.clock, by, request).await?;
    access::refresh(ctx).await?;
    Ok(made)
}

/// The credentials of a kind.
///
/// # Errors
///
/// The database does not answer.
pub async fn list_credentials(
    ctx: &Context,
    caller: &Caller,
    kind: CredentialKind,
) -> Result<Vec<Credential>, Error> {
    credentials::list(ctx.db.begin(&caller.tenant).await?, kind).await
}

/// Revokes a credential and ends its tokens.
///
/// # Errors
///
/// [`Error::NotFound`] when there is none.
pub async fn revoke_credential(
    ctx: &Context,
    caller: &Caller,
    kind: CredentialKind,
    id: CredentialId,
) -> Result<(), Error> {
    let tx = ctx.db.begin(&caller.tenant).await?;
    credentials::revoke(tx, &ctx.clock, caller.actor.clone(), kind, id).await?;
    access::refresh(ctx).await
}

/// Hashes a password where password hashing is bounded.
async fn hashed(ctx: &Context, password: SecretString) -> Result<PasswordHash, Error> {
    ctx.passwords
        .run(move |_| hash_password(&password))
        .await?
        .map_err(|error| Error::invalid("password", error.to_string()))
}
