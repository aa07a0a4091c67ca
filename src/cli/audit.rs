//! `audit …`: checks that the audit logs are complete and unaltered.

use clap::{Args, Subcommand};
use serde_json::json;

use super::operator::{known, parse_tenant, print_json};
use crate::{
    app::{StartError, Store},
    domain::{
        TenantId,
        audit::{ChainHash, Head},
    },
    service::{
        audit::{self, ChainStatus},
        operator,
    },
};

/// The commands of `lumatrace audit`.
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Check the chain of one tenant or of all, one line each; exit code 1 if any is broken
    Verify(VerifyArgs),
}

/// The options of `audit verify`.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// Name of the tenant to check; all tenants if left out
    #[arg(long, value_parser = parse_tenant)]
    tenant: Option<TenantId>,
    /// A head that an earlier check printed, as EVENTS:HEAD; the chain must still contain it
    #[arg(long, requires = "tenant", value_parser = parse_head)]
    kept: Option<Head>,
}

/// Prints one line for each tenant checked; an error if any log is broken.
pub(super) async fn run(store: &Store, command: AuditCommand) -> Result<(), StartError> {
    let AuditCommand::Verify(VerifyArgs { tenant, kept }) = command;
    let operator = store.operator().await?;
    let named: Vec<String> = match tenant {
        Some(tenant) => vec![tenant.as_str().to_owned()],
        None => operator::list_tenants(&operator)
            .await?
            .into_iter()
            .map(|tenant| tenant.tenant)
            .collect(),
    };
    let mut broken = 0;
    for name in named {
        let wrong = || StartError::Setting(format!("{name} is no tenant's name"));
        let tenant = TenantId::parse(&name).ok_or_else(wrong)?;
        let finding = audit::verify(&operator, &tenant, kept).await;
        let finding = known(finding, &format!("there is no tenant {name}"))?;
        print_json(&match finding {
            ChainStatus::Intact(head) => json!({
                "tenantId": name,
                "events": head.sequence,
                "head": head.hash.to_string(),
                "status": "intact",
            }),
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
    match broken {
        0 => Ok(()),
        1 => Err(StartError::Setting("an audit log is broken".to_owned())),
        many => Err(StartError::Setting(format!("{many} audit logs are broken"))),
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
