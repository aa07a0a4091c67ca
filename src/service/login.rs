//! Account, password, token.

use secrecy::SecretString;

use super::{Context, Error};
use crate::{
    auth::PasswordHash,
    db::{accounts, audit},
    domain::{
        TenantId, Username,
        audit::{Action, Actor, Entry, Subject},
    },
};

/// A new session.
#[derive(Debug)]
pub struct Session {
    /// The signed token.
    pub token: SecretString,
    /// How long it lasts.
    pub expires_in_seconds: u32,
}

/// Gives a token to who knows the password.
///
/// Unknown tenant, unknown user, wrong password, disabled account and suspended tenant cost the same work and give the same
/// [`Error::Credentials`]: names that cannot exist are looked up nowhere but hashed all the same.
pub async fn login(
    ctx: &Context,
    tenant: &str,
    username: &str,
    password: SecretString,
) -> Result<Session, Error> {
    let names = TenantId::parse(tenant).zip(Username::parse(username));
    let account = match &names {
        Some((tenant, username)) => {
            let mut tx = ctx.db.begin(tenant).await?;
            let account = accounts::find_for_login(&mut tx, username).await?;
            tx.commit().await?;
            account
        }
        None => None,
    };
    let hash = match &account {
        Some(account) => PasswordHash::from_stored(account.password_hash.clone()),
        None => PasswordHash::of_nobody(),
    };
    let matches = ctx.passwords.run(move |_| hash.matches(&password)).await?;
    let (Some((tenant, username)), Some(account), true) = (names, account, matches) else {
        return Err(Error::Credentials);
    };
    let expires_in_seconds = ctx.settings.token_ttl_seconds;
    let token = ctx
        .tokens
        .issue(&tenant, &username, account.role, expires_in_seconds)
        .map_err(Error::internal)?;
    let entry = Entry::new(
        Actor::Account(username.clone()),
        Action::SessionStarted,
        Subject::Account(username.clone()),
    );
    let mut tx = ctx.db.begin(&tenant).await?;
    audit::append(&mut tx, ctx.clock.now(), &entry).await?;
    tx.commit().await?;
    tracing::info!(tenant.id = %tenant, account.name = %username, "logged in");
    Ok(Session {
        token: token.into(),
        expires_in_seconds,
    })
}
