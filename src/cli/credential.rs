//! `api-key …`, `app …` and `key …`: credentials of tenants, and the service's signing keys.

use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::json;
use time::OffsetDateTime;

use super::operator::{LISTED_AT_ONCE, known, parse_tenant, print_json, rfc3339};
use crate::{
    app::{self, StartError, Store},
    clock::Clock,
    config::InstallationSettings,
    db::Operator,
    domain::{CredentialId, CredentialKind, Scopes, TenantId, audit::By},
    service::{credentials, keys},
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
                },
            )
            .await;
            let made = known(made, &format!("there is no tenant {tenant}"))?;
            print_json(&json!({
                "id": made.id.to_string(),
                "apiKey": made.key.expose_secret(),
                "tenantId": tenant.as_str(),
                "name": new.name,
                "scope": scopes.to_string(),
            }))
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
                token_ttl_seconds: token_days * 86_400,
            };
            let made =
                credentials::create_application(tx, &master, &clock, By::OPERATOR, request).await;
            let made = known(made, &format!("there is no tenant {tenant}"))?;
            print_json(&json!({
                "appId": made.id.as_application(),
                "token": made.token.expose_secret(),
                "secret": made.secret.expose_secret(),
                "tenantId": tenant.as_str(),
                "name": new.name,
                "scope": scopes.to_string(),
            }))
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
