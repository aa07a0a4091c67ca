//! API keys and applications: created, listed, renewed, revoked. Their secrets are returned once
//! and stored as hashes.
//!
//! Each function works in a transaction that its caller opened: the operator's, or that of an
//! administrator of the tenant.

use secrecy::{ExposeSecret, SecretString};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Error, Page, journal};
use crate::{
    auth::{MasterKey, SecretHash, SecretUse, issue_secret},
    clock::Clock,
    db::{
        TenantTransaction,
        credentials::{self, Credential, CredentialCursor, NewCredential, ReplacedCredential},
    },
    domain::{
        CredentialId, CredentialKind, Scopes,
        audit::{Action, AuditEntry, By, Subject},
    },
};

/// Default lifetime of an application's long-lived tokens, in seconds: 365 days.
pub const APPLICATION_TOKEN_TTL_SECONDS: u32 = 365 * 86_400;

/// Longest name of a credential, in characters.
const LONGEST_NAME_CHARS: usize = 128;

/// An API key to be created.
#[derive(Debug, Clone, Copy)]
pub struct ApiKeyRequest<'a> {
    /// A name for people: 1 to 128 characters, none of them a control character.
    pub name: &'a str,
    /// The most that tokens issued with it may do.
    pub scopes: Scopes,
    /// Days until it ends, 1 to 3650; `None`: not before it is revoked.
    pub days: Option<u32>,
}

/// An application to be created.
#[derive(Debug, Clone, Copy)]
pub struct ApplicationRequest<'a> {
    /// A name for people: 1 to 128 characters, none of them a control character.
    pub name: &'a str,
    /// The most that its tokens may do.
    pub scopes: Scopes,
    /// Days until it ends, 1 to 3650; `None`: not before it is revoked.
    pub days: Option<u32>,
    /// Lifetime of its long-lived tokens, in seconds.
    pub token_ttl_seconds: u32,
}

/// A created API key, with its secret.
#[derive(Debug)]
pub struct NewApiKey {
    /// By which it is listed and revoked.
    pub id: CredentialId,
    /// The key itself; it cannot be read again.
    pub key: SecretString,
    /// When it ends, and its tokens with it; `None`: never.
    pub expires_at: Option<OffsetDateTime>,
}

/// A created application, with its secrets.
#[derive(Debug)]
pub struct NewApplication {
    /// By which it is listed and revoked.
    pub id: CredentialId,
    /// The token that it signs in with; it cannot be read again.
    pub token: SecretString,
    /// The secret that it signs in with; it cannot be read again.
    pub secret: SecretString,
    /// When it ends, and its tokens with it; `None`: never.
    pub expires_at: Option<OffsetDateTime>,
}

/// A credential that takes the place of another: of the same name, scopes and length of life.
#[derive(Debug)]
pub struct Renewal<T> {
    /// The new one, with its secrets.
    pub made: T,
    /// The name of both.
    pub name: String,
    /// The most that tokens of both may do.
    pub scopes: Scopes,
    /// When the old one ends, and its tokens with it.
    pub old_expires_at: OffsetDateTime,
}

/// Adds an API key to the transaction's tenant.
///
/// # Errors
///
/// [`Error::NotFound`] without the tenant, [`Error::Invalid`] for a bad name.
pub async fn create_api_key(
    mut tx: TenantTransaction,
    master: &MasterKey,
    clock: &Clock,
    by: By,
    request: ApiKeyRequest<'_>,
) -> Result<NewApiKey, Error> {
    let now = clock.now();
    let made = insert_api_key(&mut tx, master, now, request).await?;
    let subject = Subject::Credential(CredentialKind::ApiKey, made.id);
    let entry = created(by, subject, request.name, request.scopes);
    journal::commit(tx, master, now, &with_end(entry, made.expires_at)?).await?;
    Ok(made)
}

/// Adds an application to the transaction's tenant.
///
/// # Errors
///
/// [`Error::NotFound`] without the tenant, [`Error::Invalid`] for a bad name.
pub async fn create_application(
    mut tx: TenantTransaction,
    master: &MasterKey,
    clock: &Clock,
    by: By,
    request: ApplicationRequest<'_>,
) -> Result<NewApplication, Error> {
    let now = clock.now();
    let made = insert_application(&mut tx, master, now, request).await?;
    let subject = Subject::Credential(CredentialKind::Application, made.id);
    let entry = created(by, subject, request.name, request.scopes);
    journal::commit(tx, master, now, &with_end(entry, made.expires_at)?).await?;
    Ok(made)
}

/// Makes an API key that takes the place of another one, which ends after `overlap`, and not later
/// than it would have.
///
/// # Errors
///
/// [`Error::NotFound`] when there is none of that id, or it was revoked.
pub async fn renew_api_key(
    mut tx: TenantTransaction,
    master: &MasterKey,
    clock: &Clock,
    by: By,
    id: CredentialId,
    overlap: Duration,
) -> Result<Renewal<NewApiKey>, Error> {
    let (kind, now) = (CredentialKind::ApiKey, clock.now());
    let old = credentials::end_by(&mut tx, kind, id, now + overlap).await?;
    let old = old.ok_or(Error::NotFound)?;
    let request = ApiKeyRequest {
        name: &old.name,
        scopes: old.scopes,
        days: old.days,
    };
    let made = insert_api_key(&mut tx, master, now, request).await?;
    let entry = renewed(by, Subject::Credential(kind, id), made.id);
    let entry = with_end(entry, Some(old.expires_at))?;
    journal::commit(tx, master, now, &entry).await?;
    Ok(Renewal::of(made, old))
}

/// Makes an application that takes the place of another one, as [`renew_api_key`] does.
///
/// # Errors
///
/// [`Error::NotFound`] when there is none of that id, or it was revoked.
pub async fn renew_application(
    mut tx: TenantTransaction,
    master: &MasterKey,
    clock: &Clock,
    by: By,
    id: CredentialId,
    overlap: Duration,
) -> Result<Renewal<NewApplication>, Error> {
    let (kind, now) = (CredentialKind::Application, clock.now());
    let old = credentials::end_by(&mut tx, kind, id, now + overlap).await?;
    let old = old.ok_or(Error::NotFound)?;
    let request = ApplicationRequest {
        name: &old.name,
        scopes: old.scopes,
        days: old.days,
        token_ttl_seconds: old.token_ttl_seconds,
    };
    let made = insert_application(&mut tx, master, now, request).await?;
    let entry = renewed(by, Subject::Credential(kind, id), made.id);
    let entry = with_end(entry, Some(old.expires_at))?;
    journal::commit(tx, master, now, &entry).await?;
    Ok(Renewal::of(made, old))
}

impl<T> Renewal<T> {
    fn of(made: T, old: ReplacedCredential) -> Self {
        Self {
            made,
            name: old.name,
            scopes: old.scopes,
            old_expires_at: old.expires_at,
        }
    }
}

/// Lists the tenant's credentials of a kind, newest first, without anything secret: at most `limit`
/// (1 to 200) after `cursor`.
pub async fn list(
    mut tx: TenantTransaction,
    kind: CredentialKind,
    cursor: Option<CredentialCursor>,
    limit: u8,
) -> Result<Page<Credential, CredentialCursor>, Error> {
    let rows = Page::<Credential, CredentialCursor>::rows(limit);
    let found = credentials::list(&mut tx, kind, cursor, rows).await?;
    Ok(Page::of_rows(found, limit, |last| CredentialCursor {
        created_at_us: i64::try_from(last.created_at.unix_timestamp_nanos() / 1_000)
            .unwrap_or(i64::MAX),
        id: last.id,
    }))
}

/// Revokes a credential and ends its tokens, on every server within a second.
///
/// # Errors
///
/// [`Error::NotFound`] when there is none of that id and kind.
pub async fn revoke(
    mut tx: TenantTransaction,
    master: &MasterKey,
    clock: &Clock,
    by: By,
    kind: CredentialKind,
    id: CredentialId,
) -> Result<(), Error> {
    if !credentials::revoke(&mut tx, kind, id, clock.now()).await? {
        return Err(Error::NotFound);
    }
    let subject = Subject::Credential(kind, id);
    let entry = AuditEntry::new(by, Action::CredentialRevoked, subject);
    journal::commit(tx, master, clock.now(), &entry).await
}

async fn insert_api_key(
    tx: &mut TenantTransaction,
    master: &MasterKey,
    now: OffsetDateTime,
    request: ApiKeyRequest<'_>,
) -> Result<NewApiKey, Error> {
    let (id, key) = (CredentialId::random(), issue_secret(SecretUse::ApiKey));
    let key_hash = SecretHash::of(key.expose_secret());
    let expires_at = end_after(now, request.days);
    let new = NewCredential {
        id,
        kind: CredentialKind::ApiKey,
        name: checked(request.name)?,
        key_hash: key_hash.as_bytes(),
        secret_hash: None,
        scopes: request.scopes,
        token_ttl_seconds: APPLICATION_TOKEN_TTL_SECONDS,
        days: request.days,
        expires_at,
        sealed_tenant: &master.seal_route(tx.tenant()).map_err(Error::internal)?,
        created_at: now,
    };
    insert(tx, &new).await?;
    Ok(NewApiKey {
        id,
        key,
        expires_at,
    })
}

async fn insert_application(
    tx: &mut TenantTransaction,
    master: &MasterKey,
    now: OffsetDateTime,
    request: ApplicationRequest<'_>,
) -> Result<NewApplication, Error> {
    let id = CredentialId::random();
    let token = issue_secret(SecretUse::ApplicationToken);
    let secret = issue_secret(SecretUse::ApplicationSecret);
    let hash = |text: &SecretString| SecretHash::of(text.expose_secret());
    let (key_hash, secret_hash) = (hash(&token), hash(&secret));
    let expires_at = end_after(now, request.days);
    let new = NewCredential {
        id,
        kind: CredentialKind::Application,
        name: checked(request.name)?,
        key_hash: key_hash.as_bytes(),
        secret_hash: Some(secret_hash.as_bytes()),
        scopes: request.scopes,
        token_ttl_seconds: request.token_ttl_seconds,
        days: request.days,
        expires_at,
        sealed_tenant: &master.seal_route(tx.tenant()).map_err(Error::internal)?,
        created_at: now,
    };
    insert(tx, &new).await?;
    Ok(NewApplication {
        id,
        token,
        secret,
        expires_at,
    })
}

async fn insert(tx: &mut TenantTransaction, new: &NewCredential<'_>) -> Result<(), Error> {
    credentials::insert(tx, new).await.map_err(|error| {
        if error.breaks("credentials_tenant_id_fkey") {
            Error::NotFound
        } else {
            error.into()
        }
    })
}

fn end_after(now: OffsetDateTime, days: Option<u32>) -> Option<OffsetDateTime> {
    days.map(|days| now + Duration::days(days.into()))
}

fn created(by: By, subject: Subject, name: &str, scopes: Scopes) -> AuditEntry {
    AuditEntry::new(by, Action::CredentialCreated, subject)
        .with("name", name)
        .with("scope", scopes)
}

fn renewed(by: By, old: Subject, new: CredentialId) -> AuditEntry {
    AuditEntry::new(by, Action::CredentialRenewed, old).with("newId", new)
}

/// Adds when the subject of an event ends, if it does.
fn with_end(entry: AuditEntry, expires_at: Option<OffsetDateTime>) -> Result<AuditEntry, Error> {
    let Some(expires_at) = expires_at else {
        return Ok(entry);
    };
    let time = expires_at.format(&Rfc3339).map_err(Error::internal)?;
    Ok(entry.with("expiresAt", time))
}

fn checked(name: &str) -> Result<&str, Error> {
    let length = name.chars().count();
    if (1..=LONGEST_NAME_CHARS).contains(&length) && !name.chars().any(char::is_control) {
        Ok(name)
    } else {
        Err(Error::invalid(
            "name",
            "must have 1 to 128 characters and no control characters",
        ))
    }
}
