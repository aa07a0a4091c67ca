//! The sign-ins. Each ends in a token of the same token service.
//!
//! ```text
//! account             tenant, user name, password                      bearer token
//! API key             the key; user name, password of its tenant       token valid with the key
//! application         its id, token and secret                         long-lived, valid with id
//! client credentials  an application's id and secret (RFC 6749 4.4)    bearer token
//! console             tenant, user name, password                      valid in its cookie
//! ```

use secrecy::{ExposeSecret, SecretString};
use time::{Duration, OffsetDateTime};

use super::{
    Context, Error,
    admission::{
        limits::{self, LimitMode},
        refusals::{self, Refusal, RefusedSignIn, Sought, WayIn},
        sources,
        throttle::Attempt,
    },
    audit, console, journal, keys,
    password::{ProvenAccount, SentPassword},
};
use crate::{
    auth::{Grant, Origin, SecretHash},
    db::credentials::{self, CredentialState, LoginCredential},
    domain::{
        CredentialId, CredentialKind, Role, Scope, Scopes, TenantId, Username,
        audit::{Action, AuditEntry, By, CallTrace, Subject},
    },
};

/// Lifetime of a token issued with an API key, in seconds.
pub(super) const API_KEY_TOKEN_TTL_SECONDS: u32 = 86_400;

/// How long a use of a credential goes unnoted after one that was noted: sign-ins write at most one
/// an hour.
const USE_NOTED_EVERY: Duration = Duration::HOUR;

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
    call: &CallTrace,
) -> Result<Session, Error> {
    let sent = SentPassword {
        way: WayIn::Login,
        tenant,
        username,
        password,
        call,
    };
    let ttl_seconds = ctx.settings.token_ttl_seconds;
    let origin = |generation| Origin::Account { generation };
    with_password(ctx, sent, ttl_seconds, origin).await
}

/// Begins a session at the console, given an account's password: issues the token that its cookie
/// holds. As [`account`], for which the errors are the same.
pub async fn console(
    ctx: &Context,
    tenant: &str,
    username: &str,
    password: SecretString,
    call: &CallTrace,
) -> Result<Session, Error> {
    let sent = SentPassword {
        way: WayIn::Console,
        tenant,
        username,
        password,
        call,
    };
    let ttl_seconds = console::ttl_seconds(ctx);
    let origin = |generation| console::begin(ctx, generation);
    with_password(ctx, sent, ttl_seconds, origin).await
}

/// Issues a token of some origin to the account whose password was sent.
async fn with_password(
    ctx: &Context,
    sent: SentPassword<'_>,
    ttl_seconds: u32,
    origin: impl FnOnce(i64) -> Origin,
) -> Result<Session, Error> {
    let call = sent.call;
    let ProvenAccount {
        tenant,
        username,
        account,
        new_source,
    } = sent.check(ctx).await?.ok_or(Error::Credentials)?;
    let grant = Grant {
        tenant,
        username,
        role: account.role,
        scopes: account.role.scopes(),
        origin: origin(account.generation),
        ttl_seconds,
    };
    let notes = Notes {
        new_source: new_source.as_ref(),
        used: None,
    };
    session(ctx, &grant, call, notes).await
}

/// Why a login with an API key is refused.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyRefusal {
    /// The API key is missing, unknown, revoked or past its end.
    #[error("the API key is not valid")]
    ApiKey,
    /// The API key is valid, but the user name or password is wrong.
    #[error("the user name or password is not right")]
    Account,
    /// Both are right, but the account has none of the key's scopes: the token could do nothing.
    #[error("the account has none of the API key's scopes")]
    Scope,
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
    call: &CallTrace,
) -> Result<Session, ApiKeyRefusal> {
    let key = SecretHash::of(key);
    let found = find_api_key(ctx, &key).await?;
    let unknown = (Sought::Names(None, username), Refusal::UnknownApiKey);
    let FoundCredential { tenant, credential } =
        usable(ctx, WayIn::ApiKey, found, unknown, call).ok_or(ApiKeyRefusal::ApiKey)?;
    let sent = SentPassword {
        way: WayIn::ApiKey,
        tenant: tenant.as_str(),
        username,
        password,
        call,
    };
    let ProvenAccount {
        tenant,
        username,
        account,
        new_source,
    } = sent.check(ctx).await?.ok_or(ApiKeyRefusal::Account)?;
    let scopes = account.role.scopes().and(credential.scopes);
    if scopes == Scopes::NONE {
        let refused = RefusedSignIn {
            way: WayIn::ApiKey,
            sought: Sought::Subject(&tenant, Subject::Account(username)),
            reason: Refusal::NoCommonScope,
            call,
        };
        refusals::note(ctx, &refused);
        return Err(ApiKeyRefusal::Scope);
    }
    let grant = Grant {
        tenant,
        username,
        role: account.role,
        scopes,
        origin: Origin::ApiKey {
            generation: account.generation,
            credential: credential.id,
            key,
        },
        ttl_seconds: ttl_until(ctx, API_KEY_TOKEN_TTL_SECONDS, end_of(&credential)),
    };
    let notes = Notes {
        new_source: new_source.as_ref(),
        used: credential.unnoted_use(ctx.clock.now()),
    };
    Ok(session(ctx, &grant, call, notes).await?)
}

/// Why the sign-in of an application is refused.
#[derive(Debug, thiserror::Error)]
pub enum ApplicationRefusal {
    /// The application does not exist, was revoked or is past its end.
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
    call: &CallTrace,
) -> Result<(Session, CredentialId), ApplicationRefusal> {
    let found = find_application(ctx, id).await?;
    let unknown = (Sought::Names(None, id), Refusal::UnknownApplication);
    let FoundCredential { tenant, credential } =
        usable(ctx, WayIn::Application, found, unknown, call)
            .ok_or(ApplicationRefusal::Application)?;
    let wrong = |reason| {
        let sought = Sought::Subject(&tenant, credential.subject());
        refusals::note(
            ctx,
            &RefusedSignIn {
                way: WayIn::Application,
                sought,
                reason,
                call,
            },
        );
    };
    let sent = |text: &SecretString| SecretHash::of(text.expose_secret());
    if !sent(token).matches(&credential.key_hash) {
        wrong(Refusal::WrongToken);
        return Err(ApplicationRefusal::Token);
    }
    if !sent(secret).matches(credential.secret_hash.as_deref().unwrap_or_default()) {
        wrong(Refusal::WrongSecret);
        return Err(ApplicationRefusal::Secret);
    }
    let id = credential.id;
    let origin = Origin::Application { credential: id };
    let ttl_seconds = ttl_until(ctx, credential.token_ttl_seconds, end_of(&credential));
    let grant = of_application(tenant, &credential, credential.scopes, origin, ttl_seconds)?;
    let notes = Notes {
        new_source: None,
        used: credential.unnoted_use(ctx.clock.now()),
    };
    Ok((session(ctx, &grant, call, notes).await?, id))
}

/// A client of OAuth 2.0 whose secret was right.
#[derive(Debug)]
pub struct Client {
    /// The tenant that it belongs to.
    pub(super) tenant: TenantId,
    /// The application that it is.
    pub(super) application: LoginCredential,
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
    call: &CallTrace,
) -> Result<Client, Error> {
    let found = find_application(ctx, client).await?;
    let unknown = (Sought::Names(None, client), Refusal::UnknownApplication);
    let FoundCredential { tenant, credential } =
        usable(ctx, WayIn::Oauth, found, unknown, call).ok_or(Error::Credentials)?;
    let stored = credential.secret_hash.as_deref().unwrap_or_default();
    if SecretHash::of(secret.expose_secret()).matches(stored) {
        return Ok(Client {
            tenant,
            application: credential,
        });
    }
    let refused = RefusedSignIn {
        way: WayIn::Oauth,
        sought: Sought::Subject(&tenant, credential.subject()),
        reason: Refusal::WrongSecret,
        call,
    };
    refusals::note(ctx, &refused);
    Err(Error::Credentials)
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
    call: &CallTrace,
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
    let ttl_seconds = ttl_until(ctx, ctx.settings.token_ttl_seconds, end_of(&application));
    let grant = of_application(tenant, &application, scopes, origin, ttl_seconds)?;
    let notes = Notes {
        new_source: None,
        used: application.unnoted_use(ctx.clock.now()),
    };
    session(ctx, &grant, call, notes).await
}

fn of_application(
    tenant: TenantId,
    application: &LoginCredential,
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

/// The lifetime of a token that is issued now, in seconds: `ttl_seconds`, but not beyond the end of
/// its credential, in seconds since 1970.
pub(super) fn ttl_until(ctx: &Context, ttl_seconds: u32, end: Option<i64>) -> u32 {
    let Some(end) = end else {
        return ttl_seconds;
    };
    let left = (end - ctx.clock.now().unix_timestamp()).max(0);
    u32::try_from(left).map_or(ttl_seconds, |left| left.min(ttl_seconds))
}

/// When a credential ends, in seconds since 1970.
fn end_of(credential: &LoginCredential) -> Option<i64> {
    credential.expires_at.map(OffsetDateTime::unix_timestamp)
}

/// A credential and its tenant.
struct FoundCredential {
    tenant: TenantId,
    credential: LoginCredential,
}

impl LoginCredential {
    /// The credential, as the audit log names what a sign-in was for.
    fn subject(&self) -> Subject {
        let kind = match self.secret_hash {
            Some(_) => CredentialKind::Application,
            None => CredentialKind::ApiKey,
        };
        Subject::Credential(kind, self.id)
    }

    /// The credential, if its use at `now` is to be noted.
    fn unnoted_use(&self, now: OffsetDateTime) -> Option<CredentialId> {
        let noted = self
            .last_used_at
            .is_some_and(|at| at > now - USE_NOTED_EVERY);
        (!noted).then_some(self.id)
    }
}

/// A credential that was found and may be used; else the refusal is noted, that of one that was not
/// found as `unknown` says.
fn usable(
    ctx: &Context,
    way: WayIn,
    found: Option<FoundCredential>,
    unknown: (Sought<'_>, Refusal),
    call: &CallTrace,
) -> Option<FoundCredential> {
    let (sought, reason) = match &found {
        None => unknown,
        Some(FoundCredential { tenant, credential }) => {
            let reason = match credential.state {
                CredentialState::Live => return found,
                CredentialState::Revoked => Refusal::Revoked,
                CredentialState::Expired => Refusal::Expired,
                CredentialState::TenantSuspended => Refusal::TenantSuspended,
            };
            (Sought::Subject(tenant, credential.subject()), reason)
        }
    };
    let refused = RefusedSignIn {
        way,
        sought,
        reason,
        call,
    };
    refusals::note(ctx, &refused);
    None
}

async fn find_api_key(ctx: &Context, key: &SecretHash) -> Result<Option<FoundCredential>, Error> {
    let Some(sealed) = ctx.db.api_key_route(key.as_bytes()).await? else {
        return Ok(None);
    };
    let tenant = ctx.master.open_route(&sealed).map_err(Error::internal)?;
    let mut tx = ctx.db.begin(&tenant).await?;
    let found = credentials::find_api_key(&mut tx, key.as_bytes(), ctx.clock.now()).await?;
    tx.commit().await?;
    Ok(found.map(|credential| FoundCredential { tenant, credential }))
}

async fn find_application(ctx: &Context, id: &str) -> Result<Option<FoundCredential>, Error> {
    let Some(id) = CredentialId::parse_application(id) else {
        return Ok(None);
    };
    let Some(sealed) = ctx.db.application_route(id).await? else {
        return Ok(None);
    };
    let tenant = ctx.master.open_route(&sealed).map_err(Error::internal)?;
    let mut tx = ctx.db.begin(&tenant).await?;
    let found = credentials::find_application(&mut tx, id, ctx.clock.now()).await?;
    tx.commit().await?;
    Ok(found.map(|credential| FoundCredential { tenant, credential }))
}

/// What a sign-in writes beside its event; mostly nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Notes<'a> {
    /// The attempt that the account is known by from now on, if its source is new.
    pub(super) new_source: Option<&'a Attempt>,
    /// The credential that is used, if that is to be noted.
    pub(super) used: Option<CredentialId>,
}

/// Issues the token, if neither the holder nor the tenant signs in or calls too often. Every way in
/// ends here, and wrong credentials do not come this far: they count against nobody's tenant.
pub(super) async fn session(
    ctx: &Context,
    grant: &Grant,
    call: &CallTrace,
    notes: Notes<'_>,
) -> Result<Session, Error> {
    ctx.sign_ins.admit(&grant.tenant, &grant.username)?;
    limits::admit(ctx, &grant.tenant, LimitMode::Enforce).await?;
    let token = keys::sign(ctx, grant).await?;
    let actor = audit::actor(&grant.origin, &grant.username);
    let subject = audit::subject(&grant.origin, &grant.username);
    let by = By::call(actor, call.clone());
    let entry =
        AuditEntry::new(by, Action::SessionStarted, subject).with("by", grant.origin.name());
    let (mut tx, now) = (ctx.db.begin(&grant.tenant).await?, ctx.clock.now());
    if let Some(attempt) = notes.new_source {
        sources::remember(ctx, &mut tx, &grant.username, attempt).await?;
    }
    if let Some(id) = notes.used {
        credentials::note_use(&mut tx, id, now - USE_NOTED_EVERY, now).await?;
    }
    journal::commit(tx, &ctx.master, now, &entry).await?;
    if let Some(attempt) = notes.new_source {
        ctx.known_sources.forget(attempt);
    }
    tracing::info!(tenant.id = %grant.tenant, account.name = %grant.username, "logged in");
    Ok(Session {
        token: token.into(),
        expires_in_seconds: grant.ttl_seconds,
        scopes: grant.scopes,
    })
}
