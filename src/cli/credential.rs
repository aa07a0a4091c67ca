//! `api-key …`, `app …` and `key …`: credentials of tenants, and the service's own signing keys.

use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::json;
use time::OffsetDateTime;

use super::operator::{known, parse_tenant, print_json, rfc3339};
use crate::{
    app::{self, StartError, Store},
    clock::Clock,
    config::Config,
    domain::{CredentialId, CredentialKind, Scopes, TenantId, audit::Actor},
    service::{credentials, keys},
};

/// Work on API keys.
#[derive(Debug, Subcommand)]
pub(super) enum ApiKeyCommand {
    /// Create an API key, which is shown once
    Create {
        #[command(flatten)]
        new: NewArgs,
    },
    /// List the API keys of a tenant, one a line
    List(TenantArg),
    /// Refuse an API key and the tokens that were minted with it
    Revoke {
        #[command(flatten)]
        tenant: TenantArg,
        /// Its id
        #[arg(value_parser = parse_id)]
        id: CredentialId,
    },
}

/// Work on applications.
#[derive(Debug, Subcommand)]
pub(super) enum AppCommand {
    /// Create an application; its token and secret are shown once
    Create {
        #[command(flatten)]
        new: NewArgs,
        /// How long its tokens last, in days
        #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
        token_days: u32,
    },
    /// List the applications of a tenant, one a line
    List(TenantArg),
    /// Refuse an application and its tokens
    Revoke {
        #[command(flatten)]
        tenant: TenantArg,
        /// Its id, with or without LCUID-LAP-
        #[arg(value_parser = parse_id)]
        id: CredentialId,
    },
}

/// Work on the keys that sign tokens.
#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// List the signing keys with their public halves, newest first, one a line
    List,
    /// Let the next key sign from now on; the present one is retired and stays published as long as its tokens live
    Rotate,
}

/// The tenant of a command.
#[derive(Debug, Args)]
pub(super) struct TenantArg {
    /// Name of the tenant
    #[arg(long, value_parser = parse_tenant)]
    tenant: TenantId,
}

/// What is said of a new credential.
#[derive(Debug, Args)]
pub(super) struct NewArgs {
    #[command(flatten)]
    tenant: TenantArg,
    /// What to call it
    #[arg(long)]
    name: String,
    /// What its tokens may do at most: scopes between spaces
    #[arg(long, default_value_t = Scopes::PHOTOS.to_string())]
    scope: String,
}

impl NewArgs {
    fn scopes(&self) -> Result<Scopes, StartError> {
        Scopes::parse(&self.scope)
            .ok_or_else(|| StartError::Setting(format!("--scope takes some of: {}", Scopes::ALL)))
    }
}

/// Runs a command on API keys.
pub(super) async fn api_key(
    config: &Config,
    store: &Store,
    command: ApiKeyCommand,
) -> Result<(), StartError> {
    let operator = store.operator().await?;
    match command {
        ApiKeyCommand::Create { new } => {
            let (scopes, tenant) = (new.scopes()?, &new.tenant.tenant);
            let (master, clock) = (app::master_key(config)?, Clock::system());
            let tx = operator.begin_for(tenant).await?;
            let made = credentials::create_api_key(
                tx,
                &master,
                &clock,
                Actor::Operator,
                &new.name,
                scopes,
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
            let tx = operator.begin_for(&tenant).await?;
            for key in credentials::list(tx, CredentialKind::ApiKey).await? {
                print_json(&json!({
                    "id": key.id.to_string(),
                    "tenantId": tenant.as_str(),
                    "name": key.name,
                    "scope": key.scopes.to_string(),
                    "createdAt": rfc3339(key.created_at),
                    "revokedAt": key.revoked_at.map(rfc3339),
                }))?;
            }
            Ok(())
        }
        ApiKeyCommand::Revoke {
            tenant: TenantArg { tenant },
            id,
        } => {
            let tx = operator.begin_for(&tenant).await?;
            let clock = Clock::system();
            let done =
                credentials::revoke(tx, &clock, Actor::Operator, CredentialKind::ApiKey, id).await;
            known(done, &format!("there is no API key {id} in {tenant}"))?;
            print_json(&json!({ "id": id.to_string(), "status": "revoked" }))
        }
    }
}

/// Runs a command on applications.
pub(super) async fn app(
    config: &Config,
    store: &Store,
    command: AppCommand,
) -> Result<(), StartError> {
    let operator = store.operator().await?;
    match command {
        AppCommand::Create { new, token_days } => {
            let (scopes, tenant) = (new.scopes()?, &new.tenant.tenant);
            let (master, clock) = (app::master_key(config)?, Clock::system());
            let tx = operator.begin_for(tenant).await?;
            let limits = (scopes, token_days * 86_400);
            let made = credentials::create_application(
                tx,
                &master,
                &clock,
                Actor::Operator,
                &new.name,
                limits,
            )
            .await;
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
            let tx = operator.begin_for(&tenant).await?;
            for application in credentials::list(tx, CredentialKind::Application).await? {
                print_json(&json!({
                    "appId": application.id.as_application(),
                    "tenantId": tenant.as_str(),
                    "name": application.name,
                    "scope": application.scopes.to_string(),
                    "createdAt": rfc3339(application.created_at),
                    "revokedAt": application.revoked_at.map(rfc3339),
                }))?;
            }
            Ok(())
        }
        AppCommand::Revoke {
            tenant: TenantArg { tenant },
            id,
        } => {
            let tx = operator.begin_for(&tenant).await?;
            let clock = Clock::system();
            let done =
                credentials::revoke(tx, &clock, Actor::Operator, CredentialKind::Application, id)
                    .await;
            known(done, &format!("there is no application {id} in {tenant}"))?;
            print_json(&json!({ "appId": id.as_application(), "status": "revoked" }))
        }
    }
}

/// Runs a command on signing keys.
pub(super) async fn key(
    config: &Config,
    store: &Store,
    command: &KeyCommand,
) -> Result<(), StartError> {
    let operator = store.operator().await?;
    let (master, clock) = (app::master_key(config)?, Clock::system());
    if matches!(command, KeyCommand::Rotate) {
        keys::rotate(&operator, &master, &clock).await?;
    }
    let now: OffsetDateTime = clock.now();
    for (key, jwk) in keys::list(&operator, &master).await? {
        print_json(&json!({
            "keyId": key.key_id,
            "state": keys::state(&key, now),
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
