//! Which database holds the data, and the master key that opens what is sealed in it.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use zeroize::Zeroizing;

use super::{
    StartError,
    weakness::{Finding, Weakness},
};
use crate::{
    auth::{MasterKey, MasterKeyError, next_key_file},
    config::{InstallationSettings, ServeSettings},
    db::{Database, Operator, roles},
    disk::{Disk, Room, megabytes},
    metrics::Metrics,
    private_postgres::{self, PrivatePostgres},
    service::backup::BackupError,
};

/// In the data folder: the master key, unless a setting has it.
const MASTER_KEY_FILE: &str = "master.key";
/// The setting that has the master key, and the one for the key beside it.
const SETTING: &str = "LUMATRACE_MASTER_KEY";
const OTHER_SETTING: &str = "LUMATRACE_MASTER_KEY_OTHER";
/// In the data folder: tenant, account and password of the demo account.
const DEMO_CREDENTIALS_FILE: &str = "demo-credentials.json";

/// The files of the data folder that hold secrets.
pub(super) fn secret_files(data_dir: &Path) -> [PathBuf; 3] {
    let key = data_dir.join(MASTER_KEY_FILE);
    [next_key_file(&key), key, demo_credentials(data_dir)]
}

/// Where the credentials of the demo account are kept.
pub fn demo_credentials(data_dir: &Path) -> PathBuf {
    data_dir.join(DEMO_CREDENTIALS_FILE)
}

/// The database to use. If that is the private one, it runs for as long as this value lives.
#[derive(Debug)]
pub struct Store {
    owner: PgConnectOptions,
    private: Option<PrivatePostgres>,
}

impl Store {
    /// Starts the private PostgreSQL unless `DATABASE_URL` names another. Blocks.
    pub fn open(installation: &InstallationSettings) -> Result<Self, StartError> {
        make_data_dir(installation)?;
        Self::start(installation)
    }

    /// The same, but only where there is a database: makes neither one nor a folder. `None` when
    /// `DATABASE_URL` is not set, and no private PostgreSQL was made.
    pub fn open_existing(installation: &InstallationSettings) -> Result<Option<Self>, StartError> {
        let is_private = database_options(installation)?.is_none();
        if is_private && PrivatePostgres::made(&installation.data_dir)?.is_none() {
            return Ok(None);
        }
        Self::start(installation).map(Some)
    }

    fn start(installation: &InstallationSettings) -> Result<Self, StartError> {
        if let Some(owner) = database_options(installation)? {
            return Ok(Self {
                owner,
                private: None,
            });
        }
        let options = private_postgres::Options {
            data_dir: installation.data_dir.clone(),
            durable: true,
        };
        let private = PrivatePostgres::start(options).map_err(|cause| {
            let disk = Disk::of_postgres(&installation.data_dir);
            match disk.room() {
                Some(Room::Full(free)) => StartError::DiskFull {
                    folder: disk.folder().display().to_string(),
                    free_mb: megabytes(free),
                    cause,
                },
                _ => cause.into(),
            }
        })?;
        let owner = PgConnectOptions::new_without_pgpass()
            .socket(private.socket_dir())
            .port(PrivatePostgres::PORT)
            .ssl_mode(PgSslMode::Disable)
            .username(PrivatePostgres::SUPERUSER)
            .database(PrivatePostgres::DATABASE);
        Ok(Self {
            owner,
            private: Some(private),
        })
    }

    /// Whether the database is the private one.
    pub fn is_private(&self) -> bool {
        self.private.is_some()
    }

    /// The disks that a server on this data folder writes to.
    pub(super) fn disks(&self, data_dir: &Path) -> Vec<Disk> {
        disks(self.private.as_ref().map(PrivatePostgres::folder), data_dir)
    }

    /// The same of a server that does not run; asks no database.
    pub(super) fn disks_of(installation: &InstallationSettings) -> Result<Vec<Disk>, StartError> {
        let data_dir = &installation.data_dir;
        let cluster = match database_options(installation)? {
            Some(_) => None,
            None => PrivatePostgres::made(data_dir)?,
        };
        Ok(disks(cluster.as_deref(), data_dir))
    }

    /// The folder of the private PostgreSQL's socket.
    pub(super) fn socket_dir(&self) -> Option<&Path> {
        self.private.as_ref().map(PrivatePostgres::socket_dir)
    }

    /// Does not wait for a private PostgreSQL to stop: it does so by itself when this process ends,
    /// as after a kill.
    pub fn abandon(self) {
        std::mem::forget(self);
    }

    /// How the owner of the tables connects.
    pub(super) fn owner(&self) -> PgConnectOptions {
        self.owner.clone()
    }

    /// Connects as the owner of the tables and brings the schema up to date.
    pub async fn operator(&self) -> Result<Operator, StartError> {
        let operator = self.unmigrated_operator().await?;
        operator
            .migrate()
            .await
            .map_err(StartError::from)
            .map_err(StartError::on_writing("missing migrations"))?;
        Ok(operator)
    }

    /// Connects as the owner of the tables, and leaves the schema as it is.
    pub async fn unmigrated_operator(&self) -> Result<Operator, StartError> {
        Ok(Operator::connect(self.owner.clone()).await?)
    }

    /// Connects as the serving role, which row-level security holds.
    pub(super) async fn serving(
        &self,
        operator: &Operator,
        connections: u32,
        metrics: Metrics,
    ) -> Result<Database, StartError> {
        if self.is_private() {
            let serving = self.owner.clone().username(roles::SERVING_ROLE);
            return Ok(Database::connect(serving, false, connections, metrics).await?);
        }
        let switch_role = operator.must_switch().await?;
        Ok(Database::connect(self.owner.clone(), switch_role, connections, metrics).await?)
    }
}

fn disks(cluster: Option<&Path>, data_dir: &Path) -> Vec<Disk> {
    let cluster = cluster.map(Disk::of_postgres);
    cluster
        .into_iter()
        .chain([Disk::of_keys(data_dir)])
        .collect()
}

/// How `DATABASE_URL` says to connect; `None` for the private PostgreSQL.
pub(super) fn database_options(
    installation: &InstallationSettings,
) -> Result<Option<PgConnectOptions>, StartError> {
    read_url("DATABASE_URL", installation.database_url.as_ref())
}

/// How `LUMATRACE_READ_DATABASE_URL` says to connect; `None` without a read database.
pub(super) fn read_database_options(
    serve: &ServeSettings,
) -> Result<Option<PgConnectOptions>, StartError> {
    let url = serve.read_database_url.as_ref();
    read_url("LUMATRACE_READ_DATABASE_URL", url)
}

fn read_url(
    setting: &str,
    url: Option<&SecretString>,
) -> Result<Option<PgConnectOptions>, StartError> {
    let Some(url) = url else {
        return Ok(None);
    };
    let url = url.expose_secret();
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    let options = matches!(scheme, Some("postgres" | "postgresql")).then(|| url.parse().ok());
    let options = options.flatten();
    let wrong = || StartError::Setting(format!("{setting} is not a PostgreSQL URL"));
    options.ok_or_else(wrong).map(Some)
}

/// Reads the master key from its setting, or from the data folder, where it is made if absent.
pub fn master_key(installation: &InstallationSettings) -> Result<MasterKey, StartError> {
    if let Some(key) = present_master_key(installation)? {
        return Ok(key);
    }
    let path = installation.data_dir.join(MASTER_KEY_FILE);
    MasterKey::load_or_create(&path).map_err(no_key(path.display().to_string()))
}

/// The file of the data folder's master key; `None` where a setting has it.
pub fn master_key_file(installation: &InstallationSettings) -> Option<PathBuf> {
    let in_folder = installation.master_key.is_none();
    in_folder.then(|| installation.data_dir.join(MASTER_KEY_FILE))
}

/// The master key in base64, as it is written.
///
/// # Errors
///
/// There is none, it is not one, or there are two.
pub fn master_key_text(
    installation: &InstallationSettings,
) -> Result<Zeroizing<String>, StartError> {
    if present_master_key(installation)?.is_some_and(|key| key.is_two()) {
        return Err(BackupError::TwoMasterKeys.into());
    }
    let path = installation.data_dir.join(MASTER_KEY_FILE);
    let (text, subject) = if let Some(key) = &installation.master_key {
        let text = Zeroizing::new(key.expose_secret().to_owned());
        (text, SETTING.to_owned())
    } else {
        let subject = path.display().to_string();
        let text = std::fs::read_to_string(&path).map(Zeroizing::new);
        let text = text.map_err(|error| StartError::Io(subject.clone(), error))?;
        (text, subject)
    };
    MasterKey::from_base64(&text).map_err(no_key(subject))?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

/// Puts a restored master key where this installation reads it from.
///
/// # Errors
///
/// There is another one already, or it cannot be written.
pub fn place_master_key(installation: &InstallationSettings, text: &str) -> Result<(), StartError> {
    MasterKey::from_base64(text).map_err(no_key("the master key of the backup".to_owned()))?;
    let path = installation.data_dir.join(MASTER_KEY_FILE);
    if installation.master_key.is_none() && !path.exists() {
        let written = MasterKey::write_new(&path, text);
        return written.map_err(|error| StartError::Io(path.display().to_string(), error));
    }
    if *master_key_text(installation)? == *text.trim() {
        return Ok(());
    }
    Err(StartError::Setting(match installation.master_key {
        Some(_) => {
            "LUMATRACE_MASTER_KEY is not the master key of the backup: unset it, or set the \
                    one that the backup was made with"
                .to_owned()
        }
        None => format!(
            "{} is not the master key of the backup: restore into a new data folder",
            path.display()
        ),
    }))
}

/// Reads the master key that there is.
pub(super) fn present_master_key(
    installation: &InstallationSettings,
) -> Result<Option<MasterKey>, StartError> {
    if let Some(key) = &installation.master_key {
        let first = key.expose_secret();
        let one = MasterKey::from_base64(first).map_err(no_key(SETTING.to_owned()))?;
        let Some(other) = &installation.master_key_other else {
            return Ok(Some(one));
        };
        let two = MasterKey::from_two(first, other.expose_secret());
        return two.map(Some).map_err(no_key(OTHER_SETTING.to_owned()));
    }
    if installation.master_key_other.is_some() {
        return Err(StartError::Setting(format!(
            "{OTHER_SETTING} is set without {SETTING}: set both, or use lumatrace rekey on the data folder's"
        )));
    }
    let path = installation.data_dir.join(MASTER_KEY_FILE);
    match MasterKey::load(&path) {
        Err(MasterKeyError::Io(error)) if error.kind() == ErrorKind::NotFound => Ok(None),
        loaded => loaded.map(Some).map_err(no_key(path.display().to_string())),
    }
}

/// Names the setting or the file of a master key that is none.
fn no_key(subject: String) -> impl FnOnce(MasterKeyError) -> StartError {
    move |error| match error {
        MasterKeyError::Io(error) => StartError::Io(subject, error),
        MasterKeyError::Form => StartError::Setting(format!("{subject} is not 32 bytes in base64")),
        MasterKeyError::Guessable => StartError::Weak(Finding {
            weakness: Weakness::MasterKeyGuessable,
            subject,
        }),
    }
}

fn make_data_dir(installation: &InstallationSettings) -> Result<(), StartError> {
    use std::os::unix::fs::DirBuilderExt;

    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&installation.data_dir)
        .map_err(|error| {
            StartError::Io(
                format!("LUMATRACE_DATA_DIR {}", installation.data_dir.display()),
                error,
            )
        })
}
