//! `api-key …`, `app …` and `key …`: credentials of tenants, and the service's signing keys.

use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::operator::{LISTED_AT_ONCE, known, parse_tenant, print_json, rfc3339};
use crate::{
    app::{self, StartError, Store},
    clock::Clock,
    config::InstallationSettings,
    db::Operator,
    domain::{CredentialId, CredentialKind, Scopes, TenantId, audit::By},
    service::{
        credentials::{self, NewApiKey, NewApplication},
        keys,
    },
};

/// The commands of `lumatrace api-key`.
#[derive(Debug, Subcommand)]
pub(super) enum ApiKeyCommand {
    /// Create an API key, which is shown once
    Create {
        #[command(flatten)]
        new: NewArgs,
    },
    /// List the API keys of a tenant, one a line
    List(TenantArg),
    /// Create an API key that takes the place of another: it is shown once, and the old one ends
    /// after an overlap
    Renew {
        #[command(flatten)]
        renewal: RenewArgs,
        /// Id of the old API key, a UUID
        #[arg(value_parser = parse_id)]
        id: CredentialId,
    },
    /// Revoke an API key and the tokens that were issued with it
    Revoke {
        #[command(flatten)]
        tenant: TenantArg,
        /// Id of the API key, a UUID
        #[arg(value_parser = parse_id)]
        id: CredentialId,
    },
}

/// The commands of `lumatrace app`.
#[derive(Debug, Subcommand)]
pub(super) enum AppCommand {
    /// Create an application; its token and secret are shown once
    Create {
        #[command(flatten)]
        new: NewArgs,
        /// How long its tokens are valid, in days: 1 to 3650
        #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
        token_days: u32,
    },
    /// List the applications of a tenant, one a line
    List(TenantArg),
    /// Create an application that takes the place of another: its token and secret are shown once,
    /// and the old one ends after an overlap
    Renew {
        #[command(flatten)]
        renewal: RenewArgs,
        /// Id of the old application, a UUID with or without LCUID-LAP- before it
        #[arg(value_parser = parse_id)]
        id: CredentialId,
    },
    /// Revoke an application and its tokens
    Revoke {
        #[command(flatten)]
        tenant: TenantArg,
        /// Id of the application, a UUID with or without LCUID-LAP- before it
        #[arg(value_parser = parse_id)]
        id: CredentialId,
    },
}

/// The commands of `lumatrace key`.
#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// List the signing keys with their public halves, newest first, one a line
    List,
    /// Sign with the next key from now on; the present one is retired, and published until its last
    /// token has expired
    Rotate,
}

/// The option that names the tenant a command works on.
#[derive(Debug, Args)]
pub(super) struct TenantArg {
    /// Name of the tenant
    #[arg(long, value_parser = parse_tenant)]
    tenant: TenantId,
}

/// The options of a new API key or application.
#[derive(Debug, Args)]
pub(super) struct NewArgs {
    #[command(flatten)]
    tenant: TenantArg,
    /// Name of the new credential, for people: shown in lists
    #[arg(long)]
    name: String,
    /// Scopes that its tokens may have at most, separated by spaces
    #[arg(long, default_value_t = Scopes::PHOTOS.to_string())]
    scope: String,
    /// How long it is valid, in days: 1 to 3650 [default: until it is revoked]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: Option<u32>,
}

/// The options of a renewal.
#[derive(Debug, Args)]
pub(super) struct RenewArgs {
    #[command(flatten)]
    tenant: TenantArg,
    /// How long the old one and its tokens stay valid, in hours: 0 to 720, and not longer than they
    /// would
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(0..=720))]
    overlap_hours: u32,
}

impl RenewArgs {
    fn overlap(&self) -> Duration {
        Duration::hours(self.overlap_hours.into())
    }
}

impl NewArgs {
    fn scopes(&self) -> Result<Scopes, StartError> {
        Scopes::parse(&self.scope)
            .ok_or_else(|| StartError::Setting(format!("--scope takes some of: {}", Scopes::ALL)))
    }
}

pub(super) async fn api_key(
    installation: &InstallationSettings,
    store: &Store,
    command: ApiKeyCommand,
) -> Result<(), StartError> {
    let operator = store.operator().await?;
    match command {
        ApiKeyCommand::Create { new } => {
            let (scopes, tenant) = (new.scopes()?, &new.tenant.tenant);
            let (master, clock) = (app::master_key(installation)?, Clock::system());
            let tx = operator.begin_for(tenant).await?;
            let made = credentials::create_api_key(
                tx,
                &master,
                &clock,
                By::OPERATOR,
                credentials::ApiKeyRequest {
                    name: &new.name,
                    scopes,
                    days: new.days,
                },
            )
            .await;
            let made = known(made, &format!("there is no tenant {tenant}"))?;
            print_json(&shown_api_key(tenant, &new.name, scopes, &made))
        }
        ApiKeyCommand::Renew { renewal, id } => {
            let (overlap, tenant) = (renewal.overlap(), &renewal.tenant.tenant);
            let (master, clock) = (app::master_key(installation)?, Clock::system());
            let tx = operator.begin_for(tenant).await?;
            let by = By::OPERATOR;
            let renewed = credentials::renew_api_key(tx, &master, &clock, by, id, overlap).await;
            let renewed = known(renewed, &none_to_renew("API key", id, tenant))?;
            let shown = shown_api_key(tenant, &renewed.name, renewed.scopes, &renewed.made);
            print_renewed(shown, CredentialKind::ApiKey, id, renewed.old_expires_at)
        }
        ApiKeyCommand::List(TenantArg { tenant }) => {
            list(&operator, &tenant, CredentialKind::ApiKey).await
        }
        ApiKeyCommand::Revoke {
            tenant: TenantArg { tenant },
            id,
        } => revoke(installation, &operator, &tenant, CredentialKind::ApiKey, id).await,
    }
}

pub(super) async fn app(
    installation: &InstallationSettings,
    store: &Store,
    command: AppCommand,
) -> Result<(), StartError> {
    let operator = store.operator().await?;
    match command {
        AppCommand::Create { new, token_days } => {
            let (scopes, tenant) = (new.scopes()?, &new.tenant.tenant);
            let (master, clock) = (app::master_key(installation)?, Clock::system());
            let tx = operator.begin_for(tenant).await?;
            let request = credentials::ApplicationRequest {
                name: &new.name,
                scopes,
                days: new.days,
                token_ttl_seconds: token_days * 86_400,
            };
            let made =
                credentials::create_application(tx, &master, &clock, By::OPERATOR, request).await;
            let made = known(made, &format!("there is no tenant {tenant}"))?;
            print_json(&shown_application(tenant, &new.name, scopes, &made))
        }
        AppCommand::Renew { renewal, id } => {
            let (overlap, tenant) = (renewal.overlap(), &renewal.tenant.tenant);
            let (master, clock) = (app::master_key(installation)?, Clock::system());
            let tx = operator.begin_for(tenant).await?;
            let by = By::OPERATOR;
            let renewed = credentials::renew_application(tx, &master, &clock, by, id, overlap);
            let renewed = known(renewed.await, &none_to_renew("application", id, tenant))?;
            let shown = shown_application(tenant, &renewed.name, renewed.scopes, &renewed.made);
            let kind = CredentialKind::Application;
            print_renewed(shown, kind, id, renewed.old_expires_at)
        }
        AppCommand::List(TenantArg { tenant }) => {
            list(&operator, &tenant, CredentialKind::Application).await
        }
        AppCommand::Revoke {
            tenant: TenantArg { tenant },
            id,
        } => {
            revoke(
                installation,
                &operator,
                &tenant,
                CredentialKind::Application,
                id,
            )
            .await
        }
    }
}

fn shown_api_key(tenant: &TenantId, name: &str, scopes: Scopes, made: &NewApiKey) -> Value {
    json!({
        "id": made.id.to_string(),
        "apiKey": made.key.expose_secret(),
        "tenantId": tenant.as_str(),
        "name": name,
        "scope": scopes.to_string(),
        "expiresAt": made.expires_at.map(rfc3339),
    })
}

fn shown_application(
    tenant: &TenantId,
    name: &str,
    scopes: Scopes,
    made: &NewApplication,
) -> Value {
    json!({
        "appId": made.id.as_application(),
        "token": made.token.expose_secret(),
        "secret": made.secret.expose_secret(),
        "tenantId": tenant.as_str(),
        "name": name,
        "scope": scopes.to_string(),
        "expiresAt": made.expires_at.map(rfc3339),
    })
}

fn none_to_renew(what: &str, id: CredentialId, tenant: &TenantId) -> String {
    format!("there is no {what} {id} in {tenant}, or it was revoked")
}

/// Prints the new credential, and which one it takes the place of.
fn print_renewed(
    mut shown: Value,
    kind: CredentialKind,
    old: CredentialId,
    old_expires_at: OffsetDateTime,
) -> Result<(), StartError> {
    let (member, id) = named(kind, old);
    shown["renewed"] = json!({ member: id, "expiresAt": rfc3339(old_expires_at) });
    print_json(&shown)
}

async fn list(
    operator: &Operator,
    tenant: &TenantId,
    kind: CredentialKind,
) -> Result<(), StartError> {
    let mut cursor = None;
    loop {
        let tx = operator.begin_for(tenant).await?;
        let page = credentials::list(tx, kind, cursor, LISTED_AT_ONCE).await?;
        for credential in page.items {
            let mut shown = json!({
                "tenantId": tenant.as_str(),
                "name": credential.name,
                "scope": credential.scopes.to_string(),
                "createdAt": rfc3339(credential.created_at),
                "revokedAt": credential.revoked_at.map(rfc3339),
                "expiresAt": credential.expires_at.map(rfc3339),
                "lastUsedAt": credential.last_used_at.map(rfc3339),
            });
            let (member, id) = named(kind, credential.id);
            shown[member] = id.into();
            print_json(&shown)?;
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(())
}

async fn revoke(
    installation: &InstallationSettings,
    operator: &Operator,
    tenant: &TenantId,
    kind: CredentialKind,
    id: CredentialId,
) -> Result<(), StartError> {
    let tx = operator.begin_for(tenant).await?;
    let (master, clock) = (app::master_key(installation)?, Clock::system());
    let done = credentials::revoke(tx, &master, &clock, By::OPERATOR, kind, id).await;
    let what = match kind {
        CredentialKind::ApiKey => "API key",
        CredentialKind::Application => "application",
    };
    known(done, &format!("there is no {what} {id} in {tenant}"))?;
    let (member, id) = named(kind, id);
    let mut shown = json!({ "status": "revoked" });
    shown[member] = id.into();
    print_json(&shown)
}

/// The JSON member that shows a credential's id, and the id as its clients send it.
fn named(kind: CredentialKind, id: CredentialId) -> (&'static str, String) {
    match kind {
        CredentialKind::ApiKey => ("id", id.to_string()),
        CredentialKind::Application => ("appId", id.as_application()),
    }
}

/// Rotates if told to; both commands then list the keys.
pub(super) async fn key(
    installation: &InstallationSettings,
    store: &Store,
    command: &KeyCommand,
) -> Result<(), StartError> {
    let operator = store.operator().await?;
    let (master, clock) = (app::master_key(installation)?, Clock::system());
    if matches!(command, KeyCommand::Rotate) {
        keys::rotate(&operator, &master, &clock).await?;
    }
    let now: OffsetDateTime = clock.now();
    for keys::ListedKey { sealed: key, jwk } in keys::list(&operator, &master).await? {
        print_json(&json!({
            "keyId": key.key_id,
            "state": keys::state(&key, now).as_str(),
            "createdAt": rfc3339(key.created_at),
            "activatedAt": key.activated_at.map(rfc3339),
            "retiredAt": key.retired_at.map(rfc3339),
            "tokensUntil": key.tokens_until.map(rfc3339),
            "jwk": jwk,
        }))?;
    }
    Ok(())
}

fn parse_id(text: &str) -> Result<CredentialId, &'static str> {
    CredentialId::parse(text)
        .or_else(|| CredentialId::parse_application(text))
        .ok_or("an id is a UUID, of an application also with LCUID-LAP- before it")
}
