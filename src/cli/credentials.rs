//! `ca …`, `signer …` and `trust …`: who signs protected files, and whose signatures are trusted.

use std::{
    fmt::Write,
    fs,
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    operator::{known, parse_tenant, print_json, rfc3339},
    print_line,
};
use crate::{
    app::{self, StartError, Store},
    clock::Clock,
    config::InstallationSettings,
    credentials::{
        profile::Finding,
        signing::{Algorithm, Certificate},
        trust::{MOST_BYTES, TrustKind, TrustList},
    },
    domain::TenantId,
    service::{
        signers::{self, ImportError, ListedSigner},
        trust::{self, ListedTrustList},
    },
};

/// Largest file of certificates or of a key, in bytes.
const LARGEST_PEM: usize = 1 << 20;

/// The commands of `lumatrace ca`.
#[derive(Debug, Subcommand)]
pub(super) enum CaCommand {
    /// Make the server's certificate authority and its signer; if there are some, make the issuing
    /// CA and the signer anew under the same root
    Init {
        /// Kind of its signatures: ps256, es256 or ed25519 [default: as before, else ps256]
        #[arg(long, value_parser = parse_algorithm)]
        alg: Option<Algorithm>,
    },
    /// Print the root's certificate in PEM
    Export,
}

/// The commands of `lumatrace signer`.
#[derive(Debug, Subcommand)]
pub(super) enum SignerCommand {
    /// List all signers, newest first, one a line
    List,
    /// Sign with a certificate of another authority from now on
    Import(ImportArgs),
    /// Remove an imported signer and forget its key
    Remove {
        /// Id of the signer, a UUID
        id: Uuid,
    },
}

/// The options of `signer import`.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// PEM file of certificates: the leaf, then each issuer
    #[arg(long, value_name = "FILE")]
    cert: PathBuf,
    /// PEM file of the leaf's private key: PKCS#8, PKCS#1 or SEC 1, not encrypted
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Tenant whose files it signs; without it, those of all tenants that have no signer of their
    /// own
    #[arg(long, value_parser = parse_tenant)]
    tenant: Option<TenantId>,
}

/// The commands of `lumatrace trust`.
#[derive(Debug, Subcommand)]
pub(super) enum TrustCommand {
    /// List the trust lists by name, one a line
    List,
    /// Trust the certificates of a file: PEM, or the C2PA trust list as JSON
    Import {
        /// The file
        file: PathBuf,
        /// What they are trusted for: signing manifests, or stamping the time (tsa)
        #[arg(long, default_value = "manifest", value_parser = parse_kind)]
        kind: TrustKind,
        /// Name of the list, which replaces the one before [default: the file's name]
        #[arg(long)]
        name: Option<String>,
    },
    /// Trust the certificates of a list no longer
    Remove {
        /// Name of the list
        name: String,
    },
}

pub(super) async fn ca(
    installation: &InstallationSettings,
    store: &Store,
    command: &CaCommand,
) -> Result<(), StartError> {
    let operator = store.operator().await?;
    let CaCommand::Init { alg } = command else {
        let root = signers::root_pem(&operator).await;
        let root = known(
            root,
            "there is no certificate authority: run lumatrace ca init",
        )?;
        return print_line(root.trim_end());
    };
    let (master, clock) = (app::master_key(installation)?, Clock::system());
    let made = signers::init(&operator, &master, &clock, *alg).await?;
    print_json(&json!({
        "root": certificate(&made.root),
        "issuing": certificate(&made.issuing),
        "signer": {
            "id": made.signer_id.to_string(),
            "algorithm": made.algorithm.as_str(),
            "leaf": certificate(&made.leaf),
        },
    }))
}

pub(super) async fn signer(
    installation: &InstallationSettings,
    store: &Store,
    command: SignerCommand,
) -> Result<(), StartError> {
    let operator = store.operator().await?;
    let clock = Clock::system();
    match command {
        SignerCommand::List => {
            for signer in signers::list(&operator, &clock).await? {
                print_json(&shown(&signer))?;
            }
            Ok(())
        }
        SignerCommand::Import(ImportArgs { cert, key, tenant }) => {
            let (chain, key) = (read_text(&cert)?, read_key(&key)?);
            let (master, tenant) = (app::master_key(installation)?, tenant.as_ref());
            let files = (chain.as_str(), key.as_str());
            match signers::import(&operator, &master, &clock, tenant, files).await {
                Ok(imported) => print_json(&with_warnings(&imported)),
                Err(ImportError::Profile(findings)) => Err(StartError::Setting(refusal(&findings))),
                Err(ImportError::Service(error)) => {
                    known(Err(error), "there is no such tenant: lumatrace tenant list")
                }
            }
        }
        SignerCommand::Remove { id } => {
            let master = app::master_key(installation)?;
            let removed = signers::remove(&operator, &master, &clock, id).await;
            known(removed, &format!("there is no signer {id}"))?;
            print_json(&json!({ "id": id.to_string(), "state": "removed" }))
        }
    }
}

pub(super) async fn trust(store: &Store, command: TrustCommand) -> Result<(), StartError> {
    let (operator, clock) = (store.operator().await?, Clock::system());
    match command {
        TrustCommand::List => {
            for list in trust::list(&operator, &clock).await? {
                print_json(&shown_list(&list))?;
            }
            Ok(())
        }
        TrustCommand::Import { file, kind, name } => {
            let bytes = read(&file, MOST_BYTES + 1)?;
            let list = TrustList::read(&bytes)
                .map_err(|error| StartError::Setting(format!("{}: {error}", file.display())))?;
            let name = name.unwrap_or_else(|| name_of(&file));
            let untrusted = list.untrusted;
            let imported = trust::import(&operator, &clock, &name, kind, list).await;
            let imported = known(imported, "there is no such list")?;
            let mut shown = shown_list(&imported);
            shown["untrusted"] = untrusted.into();
            print_json(&shown)
        }
        TrustCommand::Remove { name } => {
            let removed = trust::remove(&operator, &name).await;
            known(removed, &format!("there is no trust list {name}"))?;
            print_json(&json!({ "name": name, "status": "removed" }))
        }
    }
}

fn certificate(certificate: &Certificate) -> Value {
    json!({
        "commonName": certificate.common_name,
        "organization": certificate.organization,
        "notBefore": rfc3339(certificate.not_before),
        "notAfter": rfc3339(certificate.not_after),
        "sha256": certificate.fingerprint(),
    })
}

fn shown(signer: &ListedSigner) -> Value {
    json!({
        "id": signer.id.to_string(),
        "tenantId": signer.tenant,
        "origin": signer.origin,
        "algorithm": signer.algorithm,
        "state": signer.state.as_str(),
        "leaf": certificate(&signer.leaf),
        "createdAt": rfc3339(signer.created_at),
        "removedAt": signer.removed_at.map(rfc3339),
    })
}

fn with_warnings(signer: &ListedSigner) -> Value {
    let warning = |finding: &Finding| {
        json!({
            "clause": finding.clause.name,
            "found": finding.found,
            "cure": finding.clause.cure,
        })
    };
    let mut shown = shown(signer);
    shown["warnings"] = signer.warnings.iter().map(warning).collect();
    shown
}

/// Each broken clause with its cure, one a line.
fn refusal(findings: &[Finding]) -> String {
    let mut text = "validators would refuse what this signs:".to_owned();
    for Finding { clause, found } in findings {
        // Writing to a string does not fail.
        let _ = write!(text, "\n  {}: {found}. {}", clause.name, clause.cure);
    }
    text
}

fn shown_list(list: &ListedTrustList) -> Value {
    json!({
        "name": list.name,
        "kind": list.kind,
        "anchors": list.anchors,
        "ended": list.ended,
        "nextUpdate": list.next_update.map(rfc3339),
        "stale": list.is_stale,
        "importedAt": rfc3339(list.imported_at),
    })
}

/// The file's name without its ending.
fn name_of(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

/// Reads the beginning of a file.
fn read(file: &Path, most: usize) -> Result<Vec<u8>, StartError> {
    let failed = |error| StartError::Io(file.display().to_string(), error);
    let opened = fs::File::open(file).map_err(failed)?;
    let mut bytes = Vec::new();
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    opened.take(most).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn read_text(file: &Path) -> Result<Zeroizing<String>, StartError> {
    let wrong = |what| StartError::Setting(format!("{}: {what}", file.display()));
    let bytes = Zeroizing::new(read(file, LARGEST_PEM + 1)?);
    if bytes.len() > LARGEST_PEM {
        return Err(wrong("the file has more than a megabyte"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("the file is not PEM"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Reads a file that should be nobody else's business.
fn read_key(file: &Path) -> Result<Zeroizing<String>, StartError> {
    let text = read_text(file)?;
    let mode = fs::metadata(file).map(|file| file.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        tracing::warn!(
            file = %file.display(),
            "other users of this machine may read the key: chmod 600, or delete it, since the \
             database has it sealed"
        );
    }
    Ok(text)
}

fn parse_algorithm(text: &str) -> Result<Algorithm, &'static str> {
    Algorithm::parse(text).ok_or("the kinds of signatures are ps256, es256 and ed25519")
}

fn parse_kind(text: &str) -> Result<TrustKind, &'static str> {
    TrustKind::parse(text).ok_or("the kinds of trust lists are manifest and tsa")
}
