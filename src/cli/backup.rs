//! `backup` and `restore`.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{BufWriter, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::{Value, json};

use super::operator::print_json;
use crate::{
    app::{self, StartError, Store},
    archive::{self, ArchiveError, Decryption, Encryption, Manifest},
    clock::Clock,
    config::{InstallationSettings, ServeSettings},
    service::backup::{self, BackupError, Held, Proof},
};

/// The options of `backup`.
#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// File to write, which must not exist; - for stdout
    file: PathBuf,
    #[command(flatten)]
    key: EncryptionArgs,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct EncryptionArgs {
    /// Who can read it: a recipient of age (age1...), as age-keygen prints it; may be repeated
    #[arg(long)]
    recipient: Vec<String>,
    /// File whose first line is the passphrase that it can be read with
    #[arg(long)]
    passphrase_file: Option<PathBuf>,
}

/// The options of `restore`.
#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// File that lumatrace backup wrote
    file: PathBuf,
    #[command(flatten)]
    key: DecryptionArgs,
    /// The file, once all of it was read.
    #[arg(skip)]
    verified: Option<Verified>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct DecryptionArgs {
    /// File with the identity of a recipient (AGE-SECRET-KEY-1...), as age-keygen writes it
    #[arg(long)]
    identity_file: Option<PathBuf>,
    /// File whose first line is the passphrase
    #[arg(long)]
    passphrase_file: Option<PathBuf>,
}

/// An archive of which every byte has been read.
#[derive(Debug)]
struct Verified {
    file: File,
    key: Decryption,
    manifest: Manifest,
}

/// What cannot be seen from a backup, and is to be done by hand.
const CHECK_AGAIN: &str = "accounts, credentials, signers and photos are as they were at that moment: disable, revoke and delete \
     again what was disabled, revoked or deleted after it, and change passwords that were changed";

/// Names the file that an archive was read from or written to.
fn of(file: &Path) -> impl Fn(ArchiveError) -> StartError {
    move |error| match error {
        ArchiveError::Io(error) => StartError::Io(file.display().to_string(), error),
        ArchiveError::NoKey(why) => StartError::Setting(why),
        error => StartError::Setting(format!("{}: {error}", file.display())),
    }
}

/// Writes a backup, and prints what is in it. To stdout goes nothing but the archive.
pub(super) async fn backup(
    installation: &InstallationSettings,
    store: &Store,
    args: &BackupArgs,
) -> Result<(), StartError> {
    let file = args.file.as_path();
    let key = match &args.key.passphrase_file {
        Some(path) => Encryption::with_passphrase_file(path),
        None => Encryption::to_recipients(&args.key.recipient),
    };
    let key = key.map_err(of(file))?;
    let settings = settings()?;
    let target = if file == Path::new("-") {
        None
    } else {
        Some(Target::create(file)?)
    };
    let operator = store.operator().await?;
    let held = backup::hold(&operator).await?;
    // After the moment that is held: it is the key that opens what is held.
    let master_key = app::master_key_text(installation)?;
    let write = |output: Box<dyn Write>| write(held, output, key, &master_key, settings);
    let Some(target) = target else {
        write(Box::new(std::io::stdout().lock())).await?;
        return Ok(());
    };
    let output = target.file.try_clone().map_err(target.failed())?;
    let manifest = write(Box::new(BufWriter::new(output))).await?;
    target.keep()?;
    print_json(&with_contents(
        json!({ "file": file.display().to_string() }),
        &manifest,
    ))
}

async fn write(
    held: Held,
    output: Box<dyn Write>,
    key: Encryption,
    master_key: &str,
    settings: BTreeMap<String, String>,
) -> Result<Manifest, BackupError> {
    let (_, manifest) = backup::write(held, output, &key, master_key, settings).await?;
    Ok(manifest)
}

/// A file that is there under its name when all of it is written, and not before.
struct Target {
    file: File,
    unfinished: PathBuf,
    finished: PathBuf,
}

impl Target {
    fn create(finished: &Path) -> Result<Self, StartError> {
        if finished.exists() {
            let why = format!("{} is there already: name a new file", finished.display());
            return Err(StartError::Setting(why));
        }
        let mut name = finished.as_os_str().to_owned();
        name.push(".unfinished");
        let unfinished = PathBuf::from(name);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)
            .map_err(|error| StartError::Io(unfinished.display().to_string(), error))?;
        Ok(Self {
            file,
            unfinished,
            finished: finished.to_owned(),
        })
    }

    fn failed(&self) -> impl FnOnce(std::io::Error) -> StartError {
        let name = self.finished.display().to_string();
        move |error| StartError::Io(name, error)
    }

    fn keep(self) -> Result<(), StartError> {
        self.file.sync_all().map_err(self.failed())?;
        // Not renamed, which would replace a file that was made meanwhile.
        std::fs::hard_link(&self.unfinished, &self.finished).map_err(self.failed())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // What is left of it is of no use, and was not asked for.
        std::fs::remove_file(&self.unfinished).ok();
    }
}

/// The settings that this command sees, as a server would: those that are secret, and the names of
/// files, are left out.
fn settings() -> Result<BTreeMap<String, String>, StartError> {
    let command = ServeSettings::augment_args(clap::Command::new("lumatrace"));
    let matches = command.clone().try_get_matches_from(["lumatrace"]);
    let matches = matches.map_err(|error| StartError::Setting(error.to_string()))?;
    let mut settings = BTreeMap::new();
    for argument in command.get_arguments() {
        let Some(name) = argument.get_env().and_then(|name| name.to_str()) else {
            continue;
        };
        if argument.is_hide_env_values_set() || name.ends_with("_FILE") {
            continue;
        }
        if let Some(values) = matches.get_raw(argument.get_id().as_str()) {
            let values: Vec<_> = values.map(|value| value.to_string_lossy()).collect();
            settings.insert(name.to_owned(), values.join(","));
        }
    }
    Ok(settings)
}

impl RestoreArgs {
    /// Reads all of the file, before anything is made.
    pub(super) fn verify(&mut self) -> Result<(), StartError> {
        let named = of(&self.file);
        let key = match (&self.key.identity_file, &self.key.passphrase_file) {
            (Some(path), _) => Decryption::with_identity_file(path),
            (None, Some(path)) => Decryption::with_passphrase_file(path),
            (None, None) => Err(ArchiveError::Key),
        };
        let key = key.map_err(&named)?;
        let file = File::open(&self.file).map_err(|error| named(error.into()))?;
        let manifest = archive::verify(&file, &key).map_err(&named)?;
        self.verified = Some(Verified {
            file,
            key,
            manifest,
        });
        Ok(())
    }
}

/// Restores what was verified, and prints what has proved itself.
pub(super) async fn restore(
    installation: &InstallationSettings,
    store: &Store,
    args: RestoreArgs,
) -> Result<(), StartError> {
    let named = of(&args.file);
    let verified = args.verified.ok_or(ArchiveError::Key).map_err(&named)?;
    let Verified {
        mut file,
        key,
        manifest,
    } = verified;
    file.rewind().map_err(|error| named(error.into()))?;
    let operator = store.unmigrated_operator().await?;
    let loaded = backup::load(&operator, &file, &key, &manifest).await?;
    // Before the rows are kept: without their key they are of no use.
    app::place_master_key(installation, &loaded.master_key)?;
    loaded.keep().await?;
    operator.close().await;
    let operator = store.operator().await?;
    let master = app::master_key(installation)?;
    let proof = backup::prove(&operator, &master, &manifest).await?;
    app::ensure_keys(&operator, &master, &Clock::system()).await?;
    let mut shown = with_contents(
        json!({ "file": args.file.display().to_string() }),
        &manifest,
    );
    shown["proof"] = with_proof(&proof);
    shown["settings"] = json!(manifest.settings);
    shown["endedTokens"] = json!("all that were issued before this restore");
    shown["checkAgain"] = json!(CHECK_AGAIN);
    print_json(&shown)
}

/// Adds what a backup holds.
fn with_contents(mut shown: Value, manifest: &Manifest) -> Value {
    let rows = |table: &str| {
        let found = manifest.tables.iter().find(|known| known.name == table);
        found.map_or(0, |table| table.rows)
    };
    shown["takenAt"] = json!(manifest.created_at);
    shown["schemaVersion"] = json!(manifest.schema_version);
    shown["tenants"] = json!(rows("tenants"));
    shown["accounts"] = json!(rows("accounts"));
    shown["photos"] = json!(rows("photos"));
    shown["auditEvents"] = json!(rows("audit_events"));
    shown["bytes"] = json!(manifest.parts.iter().map(|part| part.bytes).sum::<u64>());
    shown
}

fn with_proof(proof: &Proof) -> Value {
    json!({
        "chains": proof.chains,
        "events": proof.events,
        "signingKeys": proof.signing_keys,
        "signers": proof.signers,
        "tenants": proof.tenants,
        "photo": proof.photo.map(|photo| photo.to_string()),
    })
}
