//! API keys and applications: created, listed, revoked. Their secrets are returned once and stored
//! as hashes.
//!
//! Each function works in a transaction that its caller opened: the operator's, or that of an
//! administrator of the tenant.

use secrecy::{ExposeSecret, SecretString};

use super::{Error, Page, journal};
use crate::{
    auth::{MasterKey, SecretHash, SecretUse, issue_secret},
    clock::Clock,
    db::{
        TenantTransaction,
        credentials::{self, Credential, CredentialCursor, NewCredential},
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
}

/// An application to be created.
#[derive(Debug, Clone, Copy)]
pub struct ApplicationRequest<'a> {
    /// A name for people: 1 to 128 characters, none of them a control character.
    pub name: &'a str,
    /// The most that its tokens may do.
    pub scopes: Scopes,
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
}

/// Adds an API key to the transaction's tenant.
///
/// # Errors
///
/// [`Error::NotFound`] without the tenant, [`Error::Invalid`] for a bad name.
pub async fn create_api_key(
    tx: TenantTransaction,
    master: &MasterKey,
    clock: &Clock,
    by: By,
    request: ApiKeyRequest<'_>,
) -> Result<NewApiKey, Error> {
    let (id, key) = (CredentialId::random(), issue_secret(SecretUse::ApiKey));
    let key_hash = SecretHash::of(key.expose_secret());
    let sealed_tenant = master.seal_route(tx.tenant()).map_err(Error::internal)?;
    insert(
        tx,
        master,
        by,
        &NewCredential {
            id,
            kind: CredentialKind::ApiKey,
            name: checked(request.name)?,
            key_hash: key_hash.as_bytes(),
            secret_hash: None,
            scopes: request.scopes,
            token_ttl_seconds: APPLICATION_TOKEN_TTL_SECONDS,
            sealed_tenant: &sealed_tenant,
            created_at: clock.now(),
        },
    )
    .await?;
    Ok(NewApiKey { id, key })
}

/// Adds an application to the transaction's tenant.
///
/// # Errors
///
/// [`Error::NotFound`] without the tenant, [`Error::Invalid`] for a bad name.
pub async fn create_application(
    tx: TenantTransaction,
    master: &MasterKey,
    clock: &Clock,
    by: By,
    request: ApplicationRequest<'_>,
) -> Result<NewApplication, Error> {
    let id = CredentialId::random();
    let token = issue_secret(SecretUse::ApplicationToken);
    let secret = issue_secret(SecretUse::ApplicationSecret);
    let hash = |text: &SecretString| SecretHash::of(text.expose_secret());
    let (key_hash, secret_hash) = (hash(&token), hash(&secret));
    let sealed_tenant = master.seal_route(tx.tenant()).map_err(Error::internal)?;
    insert(
        tx,
        master,
        by,
        &NewCredential {
            id,
            kind: CredentialKind::Application,
            name: checked(request.name)?,
            key_hash: key_hash.as_bytes(),
            secret_hash: Some(secret_hash.as_bytes()),
            scopes: request.scopes,
            token_ttl_seconds: request.token_ttl_seconds,
            sealed_tenant: &sealed_tenant,
            created_at: clock.now(),
        },
    )
    .await?;
    Ok(NewApplication { id, token, secret })
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

async fn insert(
    mut tx: TenantTransaction,
    master: &MasterKey,
    by: By,
    new: &NewCredential<'_>,
) -> Result<(), Error> {
    credentials::insert(&mut tx, new).await.map_err(|error| {
        if error.breaks("credentials_tenant_id_fkey") {
            Error::NotFound
        } else {
            error.into()
        }
    })?;
    let subject = Subject::Credential(new.kind, new.id);
    let entry = AuditEntry::new(by, Action::CredentialCreated, subject)
        .with("name", new.name)
        .with("scope", new.scopes);
    journal::commit(tx, master, new.created_at, &entry).await
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
