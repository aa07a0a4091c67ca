//! Which database holds the data, and the master key that opens what is sealed in it.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use secrecy::ExposeSecret;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::{
    StartError,
    weakness::{Finding, Weakness},
};
use crate::{
    auth::{MasterKey, MasterKeyError},
    config::InstallationSettings,
    db::{Database, Operator, roles},
    private_postgres::{self, PrivatePostgres},
};

/// In the data folder: the master key, unless a setting has it.
const MASTER_KEY_FILE: &str = "master.key";
/// In the data folder: tenant, account and password of the demo account.
const DEMO_CREDENTIALS_FILE: &str = "demo-credentials.json";

/// The files of the data folder that hold secrets.
pub(super) fn secret_files(data_dir: &Path) -> [PathBuf; 2] {
    [data_dir.join(MASTER_KEY_FILE), demo_credentials(data_dir)]
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
        if is_private && !PrivatePostgres::is_made(&installation.data_dir)? {
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
        let private = PrivatePostgres::start(options)?;
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

    /// How the owner of the tables connects.
    pub(super) fn owner(&self) -> PgConnectOptions {
        self.owner.clone()
    }

    /// Connects as the owner of the tables and brings the schema up to date.
    pub async fn operator(&self) -> Result<Operator, StartError> {
        let operator = self.operator_as_is().await?;
        operator
            .migrate()
            .await
            .map_err(StartError::from)
            .map_err(StartError::on_writing("missing migrations"))?;
        Ok(operator)
    }

    /// Connects as the owner of the tables, whatever state the schema is in.
    pub(super) async fn operator_as_is(&self) -> Result<Operator, StartError> {
        Ok(Operator::connect(self.owner.clone()).await?)
    }

    /// Connects as the serving role, which row-level security holds.
    pub(super) async fn serving(
        &self,
        operator: &Operator,
        connections: u32,
    ) -> Result<Database, StartError> {
        if self.is_private() {
            let serving = self.owner.clone().username(roles::SERVING_ROLE);
            return Ok(Database::connect(serving, false, connections).await?);
        }
        let switch_role = operator.must_switch().await?;
        Ok(Database::connect(self.owner.clone(), switch_role, connections).await?)
    }
}

/// How `DATABASE_URL` says to connect; `None` for the private PostgreSQL.
pub(super) fn database_options(
    installation: &InstallationSettings,
) -> Result<Option<PgConnectOptions>, StartError> {
    let Some(url) = &installation.database_url else {
        return Ok(None);
    };
    let url = url.expose_secret();
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    let options = matches!(scheme, Some("postgres" | "postgresql")).then(|| url.parse().ok());
    let options = options.flatten();
    let wrong = || StartError::Setting("DATABASE_URL is not a PostgreSQL URL".to_owned());
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

/// Reads the master key that there is.
pub(super) fn present_master_key(
    installation: &InstallationSettings,
) -> Result<Option<MasterKey>, StartError> {
    if let Some(key) = &installation.master_key {
        let key = MasterKey::from_base64(key.expose_secret());
        return key
            .map(Some)
            .map_err(no_key("LUMATRACE_MASTER_KEY".to_owned()));
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
