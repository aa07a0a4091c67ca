//! Which database holds the data, and the master key that opens what is sealed in it.

use secrecy::ExposeSecret;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::StartError;
use crate::{
    auth::MasterKey,
    config::InstallationSettings,
    db::{Database, Operator, roles},
    private_postgres::{self, PrivatePostgres},
};

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
        if let Some(url) = &installation.database_url {
            let url = url.expose_secret();
            let scheme = url.split_once("://").map(|(scheme, _)| scheme);
            let owner = matches!(scheme, Some("postgres" | "postgresql")).then(|| url.parse().ok());
            let owner = owner.flatten().ok_or_else(|| {
                StartError::Setting("DATABASE_URL is not a PostgreSQL URL".to_owned())
            })?;
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

    /// Connects as the owner of the tables and brings the schema up to date.
    pub async fn operator(&self) -> Result<Operator, StartError> {
        let operator = Operator::connect(self.owner.clone()).await?;
        operator
            .migrate()
            .await
            .map_err(StartError::from)
            .map_err(StartError::on_writing("missing migrations"))?;
        Ok(operator)
    }

    /// Connects as the serving role, which row-level security holds.
    pub(super) async fn serving(
        &self,
        operator: &Operator,
        connections: u32,
    ) -> Result<Database, StartError> {
        if self.is_private() {
            let serving = self.owner.clone().username(roles::SERVING_ROLE);
            return Ok(Database::connect(serving, None, connections).await?);
        }
        let role = operator.serving_role().await?;
        Ok(Database::connect(self.owner.clone(), role, connections).await?)
    }
}

/// Reads the master key from its setting, or from the data folder, where it is made if absent.
pub fn master_key(installation: &InstallationSettings) -> Result<MasterKey, StartError> {
    if let Some(key) = &installation.master_key {
        return MasterKey::from_base64(key.expose_secret()).map_err(|_| {
            StartError::Setting("LUMATRACE_MASTER_KEY is not 32 bytes in base64".to_owned())
        });
    }
    let path = installation.data_dir.join("master.key");
    MasterKey::load_or_create(&path)
        .map_err(|error| StartError::Io(path.display().to_string(), error))
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
