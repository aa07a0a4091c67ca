//! The sign-ins. Each ends in a token of the same token service.
//!
//! ```text
//! account             tenant, user name, password                      bearer token
//! API key             the key; user name, password of its tenant       token valid with the key
//! application         its id, token and secret                         long-lived, valid with id
//! client credentials  an application's id and secret (RFC 6749 4.4)    bearer token
//! ```

use std::net::IpAddr;

use secrecy::{ExposeSecret, SecretString};

use super::{
    Context, Error,
    admission::{sources, throttle::Attempt},
    audit, journal, keys,
};
use crate::{
    auth::{Grant, Origin, PasswordHash, SecretHash},
    db::{
        accounts::{self, LoginAccount},
        credentials::{self, LiveCredential},
    },
    domain::{
        CredentialId, Role, Scope, Scopes, TenantId, Username,
        audit::{Action, AuditEntry},
    },
};

/// Lifetime of a token issued with an API key, in seconds.
const API_KEY_TOKEN_TTL_SECONDS: u32 = 86_400;

/// A token that was just issued.
#[derive(Debug)]
pub struct Session {
    /// The signed token, as a JWS in compact form.
    pub token: SecretString,
    /// Its lifetime in seconds, from now on.
    pub expires_in_seconds: u32,
    /// The scopes that it grants.
    pub scopes: Scopes,
}

/// Issues a token for an account, given the account's password.
///
/// Unknown tenant, unknown user, wrong password, disabled account and suspended tenant cost the
/// same work and give the same [`Error::Credentials`]: names that cannot exist are not looked up,
/// but their password is hashed all the same.
///
/// # Errors
///
/// [`Error::Credentials`], and [`Error::Throttled`] after many of them.
pub async fn account(
    ctx: &Context,
    tenant: &str,
    username: &str,
    password: SecretString,
    source: IpAddr,
) -> Result<Session, Error> {
    let name = (TenantId::parse(tenant).zip(Username::parse(username)))
        .map(|(tenant, username)| LoginName { tenant, username });
    let attempt = Attempt::new(tenant, username, source);
    let found = check_password(ctx, name, password, &attempt).await?;
    let LoggedIn {
        name: LoginName { tenant, username },
        account,
    } = found.ok_or(Error::Credentials)?;
    let grant = Grant {
        tenant,
        username,
        role: account.role,
        scopes: account.role.scopes(),
        origin: Origin::Account {
            generation: account.generation,
        },
        ttl_seconds: ctx.settings.token_ttl_seconds,
    };
    session(ctx, &grant, (!account.knows_source).then_some(&attempt)).await
}

/// Why a login with an API key is refused.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyRefusal {
    /// The API key is missing, unknown or revoked.
    #[error("the API key is not valid")]
    ApiKey,
    /// The API key is valid, but the user name or password is wrong.
    #[error("the user name or password is not right")]
    Account,
    /// The login failed for a reason that has nothing to do with the credentials.
    #[error(transparent)]
    Other(#[from] Error),
}

/// Issues a token for an account of the API key's tenant, given that key and the account's
/// password. The token is valid only when sent together with the key.
///
/// # Errors
///
/// [`ApiKeyRefusal`] says which of the two is wrong.
pub async fn api_key(
    ctx: &Context,
    key: &str,
    username: &str,
    password: SecretString,
    source: IpAddr,
) -> Result<Session, ApiKeyRefusal> {
    let key = SecretHash::of(key);
    let LiveOfTenant { tenant, credential } = find_api_key(ctx, &key)
        .await?
        .ok_or(ApiKeyRefusal::ApiKey)?;
    let attempt = Attempt::new(tenant.as_str(), username, source);
    let name = Username::parse(username).map(|username| LoginName { tenant, username });
    let found = check_password(ctx, name, password, &attempt).await?;
    let LoggedIn {
        name: LoginName { tenant, username },
        account,
    } = found.ok_or(ApiKeyRefusal::Account)?;
    let grant = Grant {
        tenant,
        username,
        role: account.role,
        scopes: account.role.scopes().and(credential.scopes),
        origin: Origin::ApiKey {
            generation: account.generation,
            credential: credential.id,
            key,
        },
        ttl_seconds: API_KEY_TOKEN_TTL_SECONDS,
    };
    let new_source = (!account.knows_source).then_some(&attempt);
    Ok(session(ctx, &grant, new_source).await?)
}

/// Why the sign-in of an application is refused.
#[derive(Debug, thiserror::Error)]
pub enum ApplicationRefusal {
    /// The application does not exist or was revoked.
    #[error("there is no such application")]
    Application,
    /// The application exists, but its token is wrong.
    #[error("the application's token is not right")]
    Token,
    /// The application and its token are right, but its secret is wrong.
    #[error("the application's secret is not right")]
    Secret,
    /// The login failed for a reason that has nothing to do with the credentials.
    #[error(transparent)]
    Other(#[from] Error),
}

/// Issues a long-lived token for an application, given its token and secret. It is valid only when
/// sent together with the application's id, which is returned beside it.
///
/// # Errors
///
/// [`ApplicationRefusal`] says which part is wrong.
pub async fn application(
    ctx: &Context,
    id: &str,
    token: &SecretString,
    secret: &SecretString,
) -> Result<(Session, CredentialId), ApplicationRefusal> {
    let LiveOfTenant {
        tenant,
        credential: found,
    } = match CredentialId::parse_application(id) {
        Some(id) => find_application(ctx, id).await?,
        None => None,
    }
    .ok_or(ApplicationRefusal::Application)?;
    let sent = |text: &SecretString| SecretHash::of(text.expose_secret());
    if !sent(token).matches(&found.key_hash) {
        return Err(ApplicationRefusal::Token);
    }
    if !sent(secret).matches(found.secret_hash.as_deref().unwrap_or_default()) {
        return Err(ApplicationRefusal::Secret);
    }
    let credential = found.id;
    let origin = Origin::Application { credential };
    let ttl_seconds = found.token_ttl_seconds;
    let grant = of_application(tenant, &found, found.scopes, origin, ttl_seconds)?;
    Ok((session(ctx, &grant, None).await?, credential))
}

/// A client of OAuth 2.0 whose secret was right.
#[derive(Debug)]
pub struct Client {
    /// The tenant that it belongs to.
    pub(super) tenant: TenantId,
    /// The application that it is.
    pub(super) application: LiveCredential,
}

/// Authenticates a client of OAuth 2.0 by its id and secret.
///
/// # Errors
///
/// [`Error::Credentials`] whatever is wrong.
pub async fn oauth_client(
    ctx: &Context,
    client: &str,
    secret: &SecretString,
) -> Result<Client, Error> {
    let id = CredentialId::parse_application(client).ok_or(Error::Credentials)?;
    let found = find_application(ctx, id).await?.ok_or(Error::Credentials)?;
    let LiveOfTenant {
        tenant,
        credential: application,
    } = found;
    let stored = application.secret_hash.as_deref().unwrap_or_default();
    if SecretHash::of(secret.expose_secret()).matches(stored) {
        Ok(Client {
            tenant,
            application,
        })
    } else {
        Err(Error::Credentials)
    }
}

/// Issues a bearer token for a client of OAuth 2.0, with the wanted scopes or all that it has.
///
/// # Errors
///
/// [`Error::Scope`] when it wants one that it does not have.
pub async fn client_credentials(
    ctx: &Context,
    client: Client,
    wanted: Option<Scopes>,
) -> Result<Session, Error> {
    let Client {
        tenant,
        application,
    } = client;
    let scopes = wanted.unwrap_or(application.scopes);
    if !application.scopes.covers(scopes) {
        return Err(Error::Scope);
    }
    let origin = Origin::Client {
        credential: application.id,
    };
    let ttl_seconds = ctx.settings.token_ttl_seconds;
    let grant = of_application(tenant, &application, scopes, origin, ttl_seconds)?;
    session(ctx, &grant, None).await
}

fn of_application(
    tenant: TenantId,
    application: &LiveCredential,
    scopes: Scopes,
    origin: Origin,
    ttl_seconds: u32,
) -> Result<Grant, Error> {
    let username = Username::parse(&application.id.as_user()).ok_or(Error::NotFound)?;
    Ok(Grant {
        tenant,
        username,
        role: if scopes.contains(Scope::Admin) {
            Role::Admin
        } else {
            Role::User
        },
        scopes,
        origin,
        ttl_seconds,
    })
}

/// An account that a client names.
struct LoginName {
    tenant: TenantId,
    username: Username,
}

/// An account whose password was right.
struct LoggedIn {
    name: LoginName,
    account: LoginAccount,
}

/// A credential that is not revoked, and its tenant.
struct LiveOfTenant {
    tenant: TenantId,
    credential: LiveCredential,
}

/// Checks a password, with the same work for any name; an attempt too many is refused before any
/// work. `None` when the name or the password is wrong.
async fn check_password(
    ctx: &Context,
    name: Option<LoginName>,
    password: SecretString,
    attempt: &Attempt,
) -> Result<Option<LoggedIn>, Error> {
    let known = match &name {
        Some(LoginName { tenant, username })
            if ctx.throttle.is_held_by_others(attempt, ctx.clock.now()) =>
        {
            sources::is_known(ctx, tenant, username, attempt).await?
        }
        _ => false,
    };
    let attempt = *attempt;
    let admit = move |ctx: &Context, known: bool| {
        ctx.throttle
            .admit(&attempt, known, ctx.clock.now())
            .map_err(Error::Throttled)
    };
    admit(ctx, known)?;
    let account = match &name {
        Some(LoginName { tenant, username }) => {
            let source = sources::hash(ctx, tenant, username, &attempt);
            let mut tx = ctx.db.begin(tenant).await?;
            let account = accounts::find_for_login(&mut tx, username, &source).await?;
            tx.commit().await?;
            account
        }
        None => None,
    };
    let known = known || account.as_ref().is_some_and(|found| found.knows_source);
    let hash = match &account {
        Some(account) => PasswordHash::from_stored(account.password_hash.clone()),
        None => PasswordHash::of_nobody(),
    };
    let gated = ctx.clone();
    let matches = ctx
        .passwords
        .run(move |_| {
            // Checked again when its turn comes: many guesses may have waited side by side.
            admit(&gated, known)?;
            Ok::<bool, Error>(hash.matches(&password))
        })
        .await??;
    match name.zip(account) {
        Some((name, account)) if matches => {
            ctx.throttle.succeeded(&attempt);
            Ok(Some(LoggedIn { name, account }))
        }
        _ => {
            ctx.throttle.failed(&attempt, ctx.clock.now());
            Ok(None)
        }
    }
}

async fn find_api_key(ctx: &Context, key: &SecretHash) -> Result<Option<LiveOfTenant>, Error> {
    let Some(sealed) = ctx.db.api_key_route(key.as_bytes()).await? else {
        return Ok(None);
    };
    let tenant = ctx.master.open_route(&sealed).map_err(Error::internal)?;
    let mut tx = ctx.db.begin(&tenant).await?;
    let found = credentials::find_api_key(&mut tx, key.as_bytes()).await?;
    tx.commit().await?;
    Ok(found.map(|credential| LiveOfTenant { tenant, credential }))
}

async fn find_application(ctx: &Context, id: CredentialId) -> Result<Option<LiveOfTenant>, Error> {
    let Some(sealed) = ctx.db.application_route(id).await? else {
        return Ok(None);
    };
    let tenant = ctx.master.open_route(&sealed).map_err(Error::internal)?;
    let mut tx = ctx.db.begin(&tenant).await?;
    let found = credentials::find_application(&mut tx, id).await?;
    tx.commit().await?;
    Ok(found.map(|credential| LiveOfTenant { tenant, credential }))
}

/// Issues the token. `new_source` is the attempt that its account is known by from now on, if its
/// source is new.
async fn session(
    ctx: &Context,
    grant: &Grant,
    new_source: Option<&Attempt>,
) -> Result<Session, Error> {
    let token = keys::sign(ctx, grant).await?;
    let actor = audit::actor(&grant.origin, &grant.username);
    let subject = audit::subject(&grant.origin, &grant.username);
    let entry =
        AuditEntry::new(actor, Action::SessionStarted, subject).with("by", grant.origin.name());
    let mut tx = ctx.db.begin(&grant.tenant).await?;
    if let Some(attempt) = new_source {
        sources::remember(ctx, &mut tx, &grant.username, attempt).await?;
    }
    journal::commit(tx, ctx.clock.now(), &entry).await?;
    if let Some(attempt) = new_source {
        ctx.known_sources.forget(attempt);
    }
    tracing::info!(tenant.id = %grant.tenant, account.name = %grant.username, "logged in");
    Ok(Session {
        token: token.into(),
        expires_in_seconds: grant.ttl_seconds,
        scopes: grant.scopes,
    })
}
