//! What the holder of an account does with it: a new password, the end of all sessions.

use secrecy::SecretString;

use super::{
    Context, Error,
    accounts::{self, AccountChange},
    admission::{access, refusals::WayIn},
    audit, console, journal,
    login::{self, API_KEY_TOKEN_TTL_SECONDS, Session},
    password::{self, SentPassword},
};
use crate::{
    auth::{Claims, Grant, Origin},
    db,
    domain::audit::{Action, AuditEntry, By, CallTrace, Subject},
};

/// What is told to applications, which have no account.
const NO_ACCOUNT: Error =
    Error::Conflict("an application has no password, and its tokens end when it is revoked");

/// Replaces the password of the account that calls, given its present one, and ends all tokens of
/// the account. The caller goes on with the new token.
///
/// # Errors
///
/// [`Error::Invalid`] for a wrong present password, counted as at a login, and for a new one that
/// is not acceptable; [`Error::Throttled`] after many wrong ones; [`Error::Conflict`] for
/// applications.
pub async fn set_password(
    ctx: &Context,
    claims: &Claims,
    call: &CallTrace,
    current: SecretString,
    new: SecretString,
) -> Result<Session, Error> {
    if claims.origin.generation().is_none() {
        return Err(NO_ACCOUNT);
    }
    let (tenant, username) = (&claims.tenant, &claims.username);
    let sent = SentPassword {
        way: WayIn::PasswordChange,
        tenant: tenant.as_str(),
        username: username.as_str(),
        password: current,
        call,
    };
    let wrong = || Error::invalid("currentPassword", "is not the account's password");
    let proven = sent.check(ctx).await?.ok_or_else(wrong)?;
    let hash = password::hash_new(ctx, new, "newPassword", tenant, username).await?;
    let mut tx = ctx.db.begin(tenant).await?;
    let generation = db::accounts::set_password(&mut tx, username, hash.as_str()).await?;
    let generation = generation.ok_or(Error::NotFound)?;
    let by = By::call(audit::actor(&claims.origin, username), call.clone());
    let subject = Subject::Account(username.clone());
    let entry = AuditEntry::new(by, Action::AccountPasswordChanged, subject);
    journal::commit(tx, &ctx.master, ctx.clock.now(), &entry).await?;
    access::refresh(ctx).await?;
    let role = proven.account.role;
    let (origin, scopes, ttl_seconds) = match &claims.origin {
        Origin::ApiKey {
            credential, key, ..
        } => (
            Origin::ApiKey {
                generation,
                credential: *credential,
                key: *key,
            },
            role.scopes().and(claims.scopes),
            login::ttl_until(
                ctx,
                API_KEY_TOKEN_TTL_SECONDS,
                ctx.access.credential_end(claims),
            ),
        ),
        Origin::Console { .. } => (
            console::begin(ctx, generation),
            role.scopes(),
            console::ttl_seconds(ctx),
        ),
        _ => (
            Origin::Account { generation },
            role.scopes(),
            ctx.settings.token_ttl_seconds,
        ),
    };
    let grant = Grant {
        tenant: tenant.clone(),
        username: username.clone(),
        role,
        scopes,
        origin,
        ttl_seconds,
    };
    let notes = login::Notes {
        new_source: proven.new_source.as_ref(),
        used: None,
    };
    login::session(ctx, &grant, call, notes).await
}

/// Ends all tokens of the account that calls, that of the call among them.
///
/// # Errors
///
/// [`Error::Conflict`] for applications.
pub async fn end_sessions(ctx: &Context, claims: &Claims, call: &CallTrace) -> Result<(), Error> {
    if claims.origin.generation().is_none() {
        return Err(NO_ACCOUNT);
    }
    let by = By::call(audit::actor(&claims.origin, &claims.username), call.clone());
    let tx = ctx.db.begin(&claims.tenant).await?;
    let change = AccountChange::EndSessions;
    accounts::change(tx, &ctx.master, &ctx.clock, by, &claims.username, change).await?;
    access::refresh(ctx).await
}
