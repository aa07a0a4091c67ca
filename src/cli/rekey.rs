//! `rekey`: a new master key.
//!
//! ```text
//! master.key.next    made: servers that look there open and seal with it
//!                    everything is sealed under it, until a look finds nothing that is not
//! master.key         replaced by it, in one step
//! ```
//!
//! Killed anywhere, it goes on where it was: the file says which key was to come. Keys of settings
//! are not files of ours; there, the two settings say which one is to take the other's place.

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use serde_json::json;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::operator::print_json;
use crate::{
    app::{self, StartError, Store},
    auth::{MasterKey, next_key_file},
    clock::Clock,
    config::InstallationSettings,
    db::Operator,
    service::{backup::BackupError, keys, rekey},
};

/// How long the old key may still seal after the new one is there: a server looks a second later,
/// and what it has sealed before is committed within 18 seconds, or not at all
/// (`idle_in_transaction_session_timeout` and `statement_timeout`).
const STRAGGLERS: Duration = Duration::from_secs(25);

/// The options of `rekey`.
#[derive(Debug, Args)]
pub(super) struct RekeyArgs {
    /// File with the new key, 32 bytes in base64; without it one is drawn
    #[arg(long)]
    new_master_key_file: Option<PathBuf>,
}

/// Seals everything under a new key, and prints how much that was.
pub(super) async fn run(
    installation: &InstallationSettings,
    store: &Store,
    args: &RekeyArgs,
) -> Result<(), StartError> {
    let operator = store.operator().await?;
    let busy = StartError::from(BackupError::MasterKeyBusy);
    let lock = operator.lock_master_key().await?.ok_or(busy)?;
    let file = app::master_key_file(installation);
    // It must open what is there: a data folder without a key would get one here.
    let master = app::master_key(installation)?;
    keys::list(&operator, &master).await.map_err(|_| {
        StartError::Setting(
            "the database is sealed under another master key: run this where the servers' key is"
                .to_owned(),
        )
    })?;
    match &file {
        Some(path) => prepare(path, args)?,
        None if args.new_master_key_file.is_some() || !master.is_two() => {
            return Err(StartError::Setting(
                "the master key comes from a setting: set LUMATRACE_MASTER_KEY to the new key and \
                 LUMATRACE_MASTER_KEY_OTHER to the old one, as docs/operations.md says"
                    .to_owned(),
            ));
        }
        None => {}
    }
    let master = app::master_key(installation)?;
    let resealed = seal_everything(&operator, &master).await?;
    if let Some(path) = &file {
        replace(path)?;
    }
    lock.rollback().await.map_err(crate::db::DbError::from)?;
    print_json(&json!({
        "signingKeys": resealed.signing_keys,
        "signers": resealed.signers,
        "credentials": resealed.credentials,
        "tenants": resealed.tenants,
        "auditLogs": resealed.logs,
        "masterKey": file.map_or_else(
            || "LUMATRACE_MASTER_KEY; unset LUMATRACE_MASTER_KEY_OTHER everywhere".to_owned(),
            |path| path.display().to_string(),
        ),
    }))
}

/// Puts the new key beside the old one, unless it is there from before.
fn prepare(current: &Path, args: &RekeyArgs) -> Result<(), StartError> {
    let next = next_key_file(current);
    let io = |path: &Path| {
        let path = path.display().to_string();
        move |error| StartError::Io(path, error)
    };
    let given = match &args.new_master_key_file {
        Some(path) => {
            let text = std::fs::read_to_string(path).map(Zeroizing::new);
            let text = text.map_err(io(path))?;
            let wrong = |error| StartError::Setting(format!("{}: {error}", path.display()));
            MasterKey::from_base64(&text).map_err(wrong)?;
            Some(Zeroizing::new(text.trim().to_owned()))
        }
        None => None,
    };
    if !next.exists() {
        let key = given.unwrap_or_else(MasterKey::draw);
        let is_old = std::fs::read_to_string(current).map(Zeroizing::new);
        if is_old.map_err(io(current))?.trim() == key.trim() {
            return Err(StartError::Setting(
                "the new master key is the old one".to_owned(),
            ));
        }
        return MasterKey::write_new(&next, &key).map_err(io(&next));
    }
    tracing::info!(file = %next.display(), "going on with the key of a rekey that was not ended");
    let there = std::fs::read_to_string(&next).map(Zeroizing::new);
    let there = there.map_err(io(&next))?;
    match given {
        Some(given) if given.as_str() != there.trim() => Err(StartError::Setting(format!(
            "{} holds another key, which is being put in place: run lumatrace rekey without a file \
             first",
            next.display()
        ))),
        _ => Ok(()),
    }
}

/// Goes through everything until nothing is left, and nothing can come any more.
async fn seal_everything(
    operator: &Operator,
    master: &MasterKey,
) -> Result<rekey::Resealed, StartError> {
    let (clock, since) = (Clock::system(), Instant::now());
    let mut all = rekey::pass(operator, master, &clock).await?;
    tokio::time::sleep_until(since + STRAGGLERS).await;
    loop {
        let found = rekey::pass(operator, master, &clock).await?;
        if found == rekey::Resealed::default() {
            return Ok(all);
        }
        all = all.and(found);
    }
}

/// Gives the new key the old one's name, for good.
fn replace(current: &Path) -> Result<(), StartError> {
    let failed = |error| StartError::Io(current.display().to_string(), error);
    std::fs::rename(next_key_file(current), current).map_err(failed)?;
    let folder = current.parent().unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)
}
