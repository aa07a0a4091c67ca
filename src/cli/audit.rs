//! `audit …`: checks that the audit logs are complete and unaltered.

use clap::{Args, Subcommand};
use serde_json::json;

use super::operator::{known, parse_tenant, print_json};
use crate::{
    app::{self, StartError, Store},
    clock::Clock,
    config::InstallationSettings,
    domain::{
        TenantId,
        audit::{ChainHash, Head},
    },
    service::{
        audit::{self, ChainStatus},
        keys, operator,
    },
};

/// The commands of `lumatrace audit`.
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Check the chain of one tenant or of all, one line each; exit code 1 if any is broken or
    /// has no seal
    Verify(ChainArgs),
    /// Vouch for chains that are whole and were written before there were seals, and seal them
    Seal(ChainArgs),
}

/// The options of `audit verify` and `audit seal`.
#[derive(Debug, Args)]
pub(super) struct ChainArgs {
    /// Name of the tenant to check; all tenants if left out
    #[arg(long, value_parser = parse_tenant)]
    tenant: Option<TenantId>,
    /// A head that an earlier check printed, as EVENTS:HEAD; the chain must still contain it
    #[arg(long, requires = "tenant", value_parser = parse_head)]
    kept: Option<Head>,
}

/// Prints one line for each tenant checked; an error if any log is broken, or was left unsealed.
pub(super) async fn run(
    installation: &InstallationSettings,
    store: &Store,
    command: AuditCommand,
) -> Result<(), StartError> {
    let (ChainArgs { tenant, kept }, sealing) = match command {
        AuditCommand::Verify(args) => (args, false),
        AuditCommand::Seal(args) => (args, true),
    };
    let operator = store.operator().await?;
    let (master, clock) = (app::master_key(installation)?, Clock::system());
    // Under another master key every seal looks wrong.
    keys::list(&operator, &master).await.map_err(|_| {
        StartError::Setting(
            "the logs are sealed under another master key: set LUMATRACE_MASTER_KEY, or run this \
             where the server's master.key is"
                .to_owned(),
        )
    })?;
    let named: Vec<String> = match tenant {
        Some(tenant) => vec![tenant.as_str().to_owned()],
        None => operator::list_tenants(&operator)
            .await?
            .into_iter()
            .map(|tenant| tenant.tenant)
            .collect(),
    };
    let (mut broken, mut unsealed) = (0, 0);
    for name in named {
        let wrong = || StartError::Setting(format!("{name} is no tenant's name"));
        let tenant = TenantId::parse(&name).ok_or_else(wrong)?;
        let finding = if sealing {
            audit::seal_head(&operator, &master, &clock, &tenant, kept).await
        } else {
            audit::verify(&operator, &master, &tenant, kept).await
        };
        let finding = known(finding, &format!("there is no tenant {name}"))?;
        let whole = |head: Head, status: &str| {
            json!({
                "tenantId": name,
                "events": head.sequence,
                "head": head.hash.to_string(),
                "status": status,
            })
        };
        print_json(&match finding {
            ChainStatus::Intact(head) => whole(head, "intact"),
            ChainStatus::Unsealed(head) if sealing => whole(head, "sealed"),
            ChainStatus::Unsealed(head) => {
                unsealed += 1;
                whole(head, "unsealed")
            }
            ChainStatus::Broken { sequence, reason } => {
                broken += 1;
                json!({
                    "tenantId": name,
                    "status": "broken",
                    "sequence": sequence,
                    "reason": reason,
                })
            }
        })?;
    }
    match (broken, unsealed) {
        (0, 0) => Ok(()),
        (0, _) => Err(StartError::Setting(format!(
            "audit logs without a seal: {unsealed}; lumatrace audit seal --help says what to do"
        ))),
        (1, _) => Err(StartError::Setting("an audit log is broken".to_owned())),
        (many, _) => Err(StartError::Setting(format!("{many} audit logs are broken"))),
    }
}

fn parse_head(text: &str) -> Result<Head, &'static str> {
    let head = text.split_once(':').and_then(|(sequence, hash)| {
        Some(Head {
            sequence: sequence.parse().ok().filter(|sequence| *sequence >= 0)?,
            hash: ChainHash::parse(hash)?,
        })
    });
    head.ok_or("a head is EVENTS:HEAD, as audit verify prints them")
}
