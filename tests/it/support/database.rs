//! A database per test, cloned from a template that is migrated once.
//!
//! The cluster is the server of `DATABASE_URL` if that is set, else a private throw-away PostgreSQL
//! under `target/` with fsync off, started by the first test that needs it and stopped with the
//! process.

use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt, path::PathBuf, sync::OnceLock};

use lumatrace::{
    auth::MasterKey,
    clock::Clock,
    db::{MIGRATOR, Operator},
    private_postgres::{Options, PrivatePostgres},
    service::{keys, signers},
};
use sha2::{Digest, Sha256};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, postgres::PgConnectOptions,
};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{MASTER_KEY, NOW};

/// The server that tests use.
struct Cluster {
    options: PgConnectOptions,
    _private: Option<PrivatePostgres>,
}

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        #[expect(
            clippy::disallowed_methods,
            reason = "tests are configured as script/test says"
        )]
        if let Ok(url) = std::env::var("DATABASE_URL") {
            return Cluster {
                options: url.parse().expect("DATABASE_URL"),
                _private: None,
            };
        }
        let data_dir = PathBuf::from(concat!(env!("CARGO_TARGET_TMPDIR"), "/postgres"));
        // Open to others, so that the user that PostgreSQL runs as under root may enter and all of
        // it stays under `target`.
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&data_dir)
            .expect("a folder under target");
        let private = PrivatePostgres::start(Options {
            data_dir,
            durable: false,
        })
        .expect("a private PostgreSQL for the tests");
        let options = PgConnectOptions::new_without_pgpass()
            .socket(private.socket_dir())
            .port(PrivatePostgres::PORT)
            .username(PrivatePostgres::SUPERUSER)
            .database(PrivatePostgres::DATABASE);
        Cluster {
            options,
            _private: Some(private),
        }
    })
}

/// A fresh database with the schema and one signing key; dropped at the end.
pub(crate) struct TestDatabase {
    name: String,
}

impl TestDatabase {
    /// Clones the template.
    pub(crate) async fn create() -> Self {
        let template = template().await;
        let name = format!("t_{}", Uuid::now_v7().simple());
        admin(&format!(
            "create database {name} template {template} strategy file_copy"
        ))
        .await;
        Self { name }
    }

    /// Makes a database with nothing in it, which belongs to a role, or to the superuser.
    pub(crate) async fn empty(owner: Option<&str>) -> Self {
        let name = format!("t_{}", Uuid::now_v7().simple());
        let owner = owner.map_or_else(String::new, |role| format!(" owner {role}"));
        admin(&format!("create database {name}{owner}")).await;
        Self { name }
    }

    /// How the owner of the tables connects.
    pub(crate) fn owner(&self) -> PgConnectOptions {
        cluster().options.clone().database(&self.name)
    }

    /// The URL of the owner.
    pub(crate) fn url(&self) -> String {
        let mut url = self.owner().to_url_lossy();
        if let Some(socket) = cluster().options.get_socket() {
            url.query_pairs_mut()
                .append_pair("host", &socket.to_string_lossy());
        }
        url.to_string()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let statement = format!("drop database if exists {} with (force)", self.name);
        // A test's runtime cannot be blocked on from inside, so another one does it.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(admin(&statement));
        });
        dropped.join().ok();
    }
}

/// The name of the template for the migrations as they are, made by whoever comes first.
async fn template() -> &'static str {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(|| async {
            let versions: Vec<u8> = MIGRATOR
                .iter()
                .flat_map(|migration| migration.checksum.to_vec())
                .collect();
            let hash = u64::from_le_bytes(*Sha256::digest(&versions).first_chunk().unwrap());
            let hash = format!("{hash:016x}");
            let name = format!("lumatrace_template_{hash}");
            let mut connection = PgConnection::connect_with(&cluster().options)
                .await
                .unwrap();
            // Other processes of the same run wait here.
            connection
                .execute("select pg_advisory_lock(7261)")
                .await
                .unwrap();
            sweep(&mut connection).await;
            let exists = sqlx::query("select 1 from pg_database where datname = $1")
                .bind(&name)
                .fetch_optional(&mut connection)
                .await
                .unwrap();
            if exists.is_none() {
                let making = format!("making_{hash}");
                for statement in [
                    format!("drop database if exists {making} with (force)"),
                    format!("create database {making}"),
                ] {
                    connection.execute(AssertSqlSafe(statement)).await.unwrap();
                }
                let options = cluster().options.clone().database(&making);
                let owner = Operator::connect(options).await.unwrap();
                owner.migrate().await.unwrap();
                let master = MasterKey::from_base64(MASTER_KEY).unwrap();
                keys::ensure(&owner, &master, &Clock::system())
                    .await
                    .unwrap();
                // Valid now, as the c2pa crate asks the machine's clock, and at the time of `App`.
                let now = Clock::system().now().unix_timestamp();
                signers::ensure(&owner, &master, &Clock::fixed(now.min(NOW)))
                    .await
                    .unwrap();
                owner.close().await;
                let rename = format!("alter database {making} rename to {name}");
                connection.execute(AssertSqlSafe(rename)).await.unwrap();
            }
            connection.close().await.unwrap();
            name
        })
        .await
}

/// Drops what earlier runs that were killed left behind: databases that nobody is connected to.
async fn sweep(connection: &mut PgConnection) {
    let leftovers: Vec<String> = sqlx::query_scalar(
        "select datname from pg_database
         where datname like 't\\_%' and (pg_stat_file('base/' || oid || '/PG_VERSION')).modification < now() - interval '1 hour'",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap_or_default();
    for name in leftovers {
        let drop = format!("drop database if exists {name} with (force)");
        connection.execute(AssertSqlSafe(drop)).await.ok();
    }
}

async fn admin(statement: &str) {
    let mut connection = PgConnection::connect_with(&cluster().options)
        .await
        .unwrap();
    connection
        .execute(AssertSqlSafe(statement.to_owned()))
        .await
        .unwrap();
    connection.close().await.ok();
}
