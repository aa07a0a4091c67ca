//! `tenant …` and `account …`: they work beside a running server and without one.

use std::{io::BufRead, num::NonZeroU32};

use clap::{Args, Subcommand};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use zeroize::Zeroizing;

use super::print_line;
use crate::{
    app::{self, StartError, Store},
    auth::{PasswordHash, generate_password, hash_new_password},
    clock::Clock,
    config::{InstallationSettings, MOST_CALLS},
    db::Operator,
    domain::{
        CheckPolicy, ContentHashPolicy, ManifestPolicy, Megapixels, Privacy, PublicationPolicy,
        Role, TenantId, TenantPolicy, Username, audit::By,
    },
    service::{
        self,
        accounts::{self, AccountChange, NewAccount},
        operator::{self, PolicyChange, TenantChange},
    },
};

/// The commands of `lumatrace tenant`.
#[derive(Debug, Subcommand)]
pub(super) enum TenantCommand {
    /// Create a tenant
    Create(TenantName),
    /// List all tenants, one a line
    List,
    /// Refuse all logins and tokens of a tenant; its data is kept
    Suspend(TenantName),
    /// End the suspension of a tenant
    Resume(TenantName),
    /// Delete a tenant with everything it has
    Delete(TenantName),
    /// Change the policy and limits of a tenant, for what it does from now on
    Set(TenantPolicyArgs),
}

/// The options of `tenant set`, of which at least one is given.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct PolicyArgs {
    /// How much its photos' records may show to someone who holds them and their keys: full or
    /// strict
    #[arg(long, value_parser = parse_privacy)]
    privacy: Option<Privacy>,
    /// How many photos of the same picture may be protected: a number from 1, or none for any
    /// number
    #[arg(long, value_parser = parse_max_copies)]
    max_copies: Option<MaxCopies>,
    /// Which contentHash clients may declare: strict, the image's own hash, or format, any hash
    #[arg(long, value_parser = parse_content_hash_policy)]
    content_hash_policy: Option<ContentHashPolicy>,
    /// Whether the manifests of its photos are kept, so that they are found again: keep or none
    #[arg(long, value_parser = parse_manifest_policy)]
    manifests: Option<ManifestPolicy>,
    /// Whether anybody may ask, without a token, about a picture of its: on or off
    #[arg(long, value_parser = parse_check_policy)]
    check: Option<CheckPolicy>,
    /// Whether manifests are published, so that anybody finds them by the photo: on or off
    #[arg(long, value_parser = parse_publication_policy)]
    publish_manifests: Option<PublicationPolicy>,
    /// How many megapixels (millions of pixels) its pictures may have: a number from 1 to 64, or
    /// default (16)
    #[arg(long, value_parser = parse_max_megapixels)]
    max_megapixels: Option<MaxMegapixels>,
    /// How many calls it may make a second, on average: a number, 0 for no limit, or default
    #[arg(long, value_parser = parse_rate)]
    per_second: Option<Rate>,
    /// How many calls it may make at once: a number, 0 for no limit, or default
    #[arg(long, value_parser = parse_rate)]
    burst: Option<Rate>,
    /// How many calls it may make in an hour: a number, 0 for no limit, or default
    #[arg(long, value_parser = parse_rate)]
    per_hour: Option<Rate>,
}

/// A number of calls; `None` for the server's setting.
#[derive(Debug, Clone, Copy)]
struct Rate(Option<u32>);

/// The size of the largest picture; `None` for the default.
#[derive(Debug, Clone, Copy)]
struct MaxMegapixels(Option<Megapixels>);

/// A largest number of copies; `None` for any number.
#[derive(Debug, Clone, Copy)]
struct MaxCopies(Option<NonZeroU32>);

/// The arguments of `tenant set`: the tenant, and its new policy.
#[derive(Debug, Args)]
pub(super) struct TenantPolicyArgs {
    #[command(flatten)]
    tenant: TenantName,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// The argument that names the tenant a command works on.
#[derive(Debug, Args)]
pub(super) struct TenantName {
    /// Name of the tenant: lowercase letters, digits, `_` and `-`
    #[arg(value_parser = parse_tenant)]
    name: TenantId,
}

/// The commands of `lumatrace account`.
#[derive(Debug, Subcommand)]
pub(super) enum AccountCommand {
    /// Create an account; without --password-stdin its password is generated and shown once
    Create {
        #[command(flatten)]
        account: AccountName,
        /// Role of the account: `ROLE_USER` or `ROLE_ADMIN`
        #[arg(long, default_value = "ROLE_USER", value_parser = parse_role)]
        role: Role,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// List the accounts of a tenant, one a line
    List {
        /// Name of the tenant
        #[arg(long, value_parser = parse_tenant)]
        tenant: TenantId,
    },
    /// Refuse logins and tokens of an account
    Disable(AccountName),
    /// Allow logins of a disabled account again
    Enable(AccountName),
    /// Give an account another role and end its sessions
    SetRole {
        #[command(flatten)]
        account: AccountName,
        /// Role of the account: `ROLE_USER` or `ROLE_ADMIN`
        #[arg(long, value_parser = parse_role)]
        role: Role,
    },
    /// Delete an account and end its sessions; its name stays in the audit log
    Delete(AccountName),
    /// Set a new password and end the account's sessions
    SetPassword {
        #[command(flatten)]
        account: AccountName,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
}

/// The options that name the account a command works on.
#[derive(Debug, Args)]
pub(super) struct AccountName {
    /// Name of the tenant
    #[arg(long, value_parser = parse_tenant)]
    tenant: TenantId,
    /// Name of the account
    #[arg(long, value_parser = parse_username)]
    username: Username,
}

pub(super) async fn tenant(
    installation: &InstallationSettings,
    store: &Store,
    command: TenantCommand,
) -> Result<(), StartError> {
    let operator = store.operator().await?;
    let (TenantName { name }, change) = match command {
        TenantCommand::List => {
            for tenant in operator::list_tenants(&operator).await? {
                let mut shown = with_policy(&tenant.tenant, tenant.policy);
                shown["status"] = tenant.status.as_str().into();
                shown["createdAt"] = rfc3339(tenant.created_at).into();
                print_json(&shown)?;
            }
            return Ok(());
        }
        TenantCommand::Set(TenantPolicyArgs {
            tenant: TenantName { name },
            policy,
        }) => {
            let change = PolicyChange {
                privacy: policy.privacy,
                max_copies: policy.max_copies.map(|MaxCopies(max)| max),
                content_hash: policy.content_hash_policy,
                manifests: policy.manifests,
                check: policy.check,
                publication: policy.publish_manifests,
                max_megapixels: policy.max_megapixels.map(|MaxMegapixels(max)| max),
                rate_per_second: policy.per_second.map(|Rate(rate)| rate),
                rate_burst: policy.burst.map(|Rate(rate)| rate),
                rate_per_hour: policy.per_hour.map(|Rate(rate)| rate),
            };
            let (master, clock) = (app::master_key(installation)?, Clock::system());
            let policy = operator::set_policy(&operator, &master, &clock, &name, change).await;
            let policy = known(policy, &format!("there is no tenant {name}"))?;
            return print_json(&with_policy(name.as_str(), policy));
        }
        TenantCommand::Create(TenantName { name }) => {
            let master = app::master_key(installation)?;
            operator::create_tenant(&operator, &master, &Clock::system(), &name).await?;
            return print_json(&json!({ "tenantId": name.as_str(), "status": "active" }));
        }
        TenantCommand::Suspend(name) => (name, TenantChange::Suspend),
        TenantCommand::Resume(name) => (name, TenantChange::Resume),
        TenantCommand::Delete(name) => (name, TenantChange::Delete),
    };
    let status = match change {
        TenantChange::Suspend => "suspended",
        TenantChange::Resume => "active",
        TenantChange::Delete => "deleted",
    };
    let (master, clock) = (app::master_key(installation)?, Clock::system());
    let changed = operator::change_tenant(&operator, &master, &clock, &name, change).await;
    known(changed, &format!("there is no tenant {name}"))?;
    print_json(&json!({ "tenantId": name.as_str(), "status": status }))
}

pub(super) async fn account(
    installation: &InstallationSettings,
    store: &Store,
    command: AccountCommand,
) -> Result<(), StartError> {
    let operator = store.operator().await?;
    let (master, clock) = (app::master_key(installation)?, Clock::system());
    let (AccountName { tenant, username }, change, status) = match command {
        AccountCommand::List { tenant } => {
            return list_accounts(&operator, &tenant).await;
        }
        AccountCommand::Create {
            account: AccountName { tenant, username },
            role,
            password_stdin,
        } => {
            let (password, shown) = take_password(password_stdin)?;
            if Username::parse_new(username.as_str()).is_none() {
                return Err(StartError::Setting(NEW_USERNAME.to_owned()));
            }
            let hash = hashed(&password, &tenant, &username)?;
            let tx = operator.begin_for(&tenant).await?;
            let new = NewAccount {
                username: &username,
                role,
                password: &hash,
            };
            let created = accounts::create(tx, &master, &clock, By::OPERATOR, new).await;
            known(created, &format!("there is no tenant {tenant}"))?;
            return print_json(&with_password(
                json!({
                    "tenantId": tenant.as_str(),
                    "username": username.as_str(),
                    "role": role.as_str(),
                }),
                shown.then_some(&password),
            ));
        }
        AccountCommand::Disable(account) => (account, AccountChange::Disable, "disabled"),
        AccountCommand::Enable(account) => (account, AccountChange::Enable, "enabled"),
        AccountCommand::Delete(account) => (account, AccountChange::Delete, "deleted"),
        AccountCommand::SetRole { account, role } => {
            (account, AccountChange::SetRole(role), role.as_str())
        }
        AccountCommand::SetPassword {
            account,
            password_stdin,
        } => {
            let (password, shown) = take_password(password_stdin)?;
            let AccountName { tenant, username } = account;
            let change = AccountChange::SetPassword(hashed(&password, &tenant, &username)?);
            let tx = operator.begin_for(&tenant).await?;
            let changed =
                accounts::change(tx, &master, &clock, By::OPERATOR, &username, change).await;
            known(
                changed,
                &format!("there is no account {username} in {tenant}"),
            )?;
            return print_json(&with_password(
                json!({ "tenantId": tenant.as_str(), "username": username.as_str() }),
                shown.then_some(&password),
            ));
        }
    };
    let tx = operator.begin_for(&tenant).await?;
    let changed = accounts::change(tx, &master, &clock, By::OPERATOR, &username, change).await;
    known(
        changed,
        &format!("there is no account {username} in {tenant}"),
    )?;
    print_json(&json!({
        "tenantId": tenant.as_str(),
        "username": username.as_str(),
        "status": status,
    }))
}

/// Prints the accounts of a tenant, one a line.
async fn list_accounts(operator: &Operator, tenant: &TenantId) -> Result<(), StartError> {
    let mut after = None;
    loop {
        let tx = operator.begin_for(tenant).await?;
        let page = accounts::list(tx, after.as_deref(), LISTED_AT_ONCE).await?;
        for account in page.items {
            print_json(&json!({
                "tenantId": tenant.as_str(),
                "username": account.username,
                "role": account.role.as_str(),
                "status": account.status.as_str(),
                "createdAt": rfc3339(account.created_at),
            }))?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Rows that a list of the command line reads at once.
pub(super) const LISTED_AT_ONCE: u8 = 200;

/// The rule for names of accounts that are made.
pub(super) const NEW_USERNAME: &str = "an account's name is 1 to 256 characters as in a name by RFC 8265, \
    UsernameCasePreserved: letters, digits and ASCII signs, composed (NFC), words between single \
    spaces, nothing invisible; and does not begin with LCUID-LU-";

/// The hash to store of a password, if the password is acceptable.
fn hashed(
    password: &SecretString,
    tenant: &TenantId,
    username: &Username,
) -> Result<PasswordHash, StartError> {
    hash_new_password(password, tenant, username)
        .map_err(|error| StartError::Setting(error.to_string()))
}

/// A password from the first line of stdin, or a generated one; and whether it must be shown.
fn take_password(from_stdin: bool) -> Result<(SecretString, bool), StartError> {
    if !from_stdin {
        return Ok((generate_password(), true));
    }
    let mut line = Zeroizing::new(String::new());
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| StartError::Io("stdin".to_owned(), error))?;
    let password = line.trim_end_matches(['\n', '\r']);
    Ok((SecretString::from(password), false))
}

fn with_password(mut answer: Value, shown: Option<&SecretString>) -> Value {
    if let Some(password) = shown {
        answer["password"] = password.expose_secret().into();
    }
    answer
}

fn with_policy(tenant: &str, policy: TenantPolicy) -> Value {
    json!({
        "tenantId": tenant,
        "privacy": policy.privacy.as_str(),
        "maxCopies": policy.max_copies,
        "contentHashPolicy": policy.content_hash.as_str(),
        "manifests": policy.manifests.as_str(),
        "check": policy.check.as_str(),
        "publishManifests": policy.publication.as_str(),
        "maxMegapixels": policy.max_megapixels.map(Megapixels::get),
        "ratePerSecond": policy.rates.per_second,
        "rateBurst": policy.rates.burst,
        "ratePerHour": policy.rates.per_hour,
    })
}

/// Turns refusals into one sentence for the operator; `missing` is the one for what is not there.
pub(super) fn known<T>(done: Result<T, service::Error>, missing: &str) -> Result<T, StartError> {
    done.map_err(|error| match error {
        service::Error::NotFound => StartError::Setting(missing.to_owned()),
        service::Error::Conflict(reason) => StartError::Setting(reason.to_owned()),
        service::Error::Invalid(wrong) => StartError::Setting(
            wrong
                .into_iter()
                .map(|wrong| wrong.reason)
                .collect::<Vec<_>>()
                .join("; "),
        ),
        other => other.into(),
    })
}

pub(super) fn print_json(value: &Value) -> Result<(), StartError> {
    print_line(&value.to_string())
}

pub(super) fn rfc3339(moment: OffsetDateTime) -> String {
    moment
        .format(&Rfc3339)
        .unwrap_or_else(|_| moment.to_string())
}

pub(super) fn parse_tenant(text: &str) -> Result<TenantId, &'static str> {
    TenantId::parse(text).ok_or("a tenant's name matches ^[a-z0-9][a-z0-9_-]{1,62}$")
}

fn parse_privacy(text: &str) -> Result<Privacy, &'static str> {
    Privacy::parse(text).ok_or("privacy is full or strict")
}

fn parse_content_hash_policy(text: &str) -> Result<ContentHashPolicy, &'static str> {
    ContentHashPolicy::parse(text).ok_or("content-hash-policy is strict or format")
}

fn parse_manifest_policy(text: &str) -> Result<ManifestPolicy, &'static str> {
    ManifestPolicy::parse(text).ok_or("manifests is keep or none")
}

fn parse_max_copies(text: &str) -> Result<MaxCopies, &'static str> {
    if text == "none" {
        return Ok(MaxCopies(None));
    }
    text.parse()
        .ok()
        .filter(|max: &NonZeroU32| i32::try_from(max.get()).is_ok())
        .map(|max| MaxCopies(Some(max)))
        .ok_or("max-copies is a number from 1, or none")
}

fn parse_publication_policy(text: &str) -> Result<PublicationPolicy, &'static str> {
    PublicationPolicy::parse(text).ok_or("publish-manifests is on or off")
}

fn parse_check_policy(text: &str) -> Result<CheckPolicy, &'static str> {
    CheckPolicy::parse(text).ok_or("check is on or off")
}

fn parse_max_megapixels(text: &str) -> Result<MaxMegapixels, &'static str> {
    if text == "default" {
        return Ok(MaxMegapixels(None));
    }
    text.parse()
        .ok()
        .and_then(Megapixels::new)
        .map(|max| MaxMegapixels(Some(max)))
        .ok_or("max-megapixels is a number from 1 to 64, or default")
}

fn parse_rate(text: &str) -> Result<Rate, &'static str> {
    if text == "default" {
        return Ok(Rate(None));
    }
    text.parse()
        .ok()
        .filter(|rate| u64::from(*rate) <= MOST_CALLS)
        .map(|rate| Rate(Some(rate)))
        .ok_or("a rate is a number from 0 to 1000000000, or default")
}

fn parse_username(text: &str) -> Result<Username, &'static str> {
    Username::parse(text).ok_or("an account's name has 1 to 256 bytes and no control characters")
}

fn parse_role(text: &str) -> Result<Role, &'static str> {
    Role::parse(text).ok_or("a role is ROLE_USER or ROLE_ADMIN")
}
