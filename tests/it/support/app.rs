//! The application as the program builds it, on a database of its own.

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use clap::Parser;
use lumatrace::{
    app::{self, Background, Store},
    auth::hash_password,
    clock::Clock,
    config::Config,
    db::Operator,
    domain::{Role, TenantId, Username, audit::By},
    http,
    service::{
        Context,
        accounts::{self, AccountChange, NewAccount},
        operator,
    },
};
use secrecy::SecretString;
use serde_json::json;
use tokio::net::TcpListener;
use uuid::Uuid;

use super::{Client, TestDatabase};

/// The master key of all tests; the template database holds a signing key that is sealed under it.
pub(crate) const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// The password of every test account.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// The time of an application at its start: 2027-01-15T08:00:00Z.
pub(crate) const NOW: i64 = 1_800_000_000;

/// What holds unless a test says otherwise: few connections, and limits that no test reaches.
const USUAL: [(&str, &str); 4] = [
    ("--database-connections", "4"),
    ("--rate-per-second", "1000000"),
    ("--rate-burst", "1000000"),
    ("--rate-per-hour", "1000000000"),
];

/// Settings as a command line would give them.
#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    config: Config,
}

/// A running application.
pub(crate) struct App {
    /// First, so that its tasks end before the database that they use.
    _background: Background,
    /// The service.
    pub(crate) ctx: Context,
    /// Its time: stands still until a test moves it.
    pub(crate) clock: Clock,
    /// Its owner's door to the database.
    pub(crate) operator: Operator,
    /// Its database.
    pub(crate) database: Arc<TestDatabase>,
    router: Router,
    _data_dir: DataDir,
}

/// A folder that is removed at the end.
struct DataDir(std::path::PathBuf);

impl Drop for DataDir {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// A tenant and what it needs to log in.
pub(crate) struct Tenant {
    /// Its id.
    pub(crate) id: TenantId,
    /// Its one account.
    pub(crate) username: Username,
}

/// Flags under which no calls are taken in advance: each call takes the same steps.
pub(crate) const EACH_CALL_ASKS: [&str; 4] =
    ["--rate-per-second", "0", "--rate-per-hour", "100000"];

impl App {
    /// Starts an application with default settings.
    pub(crate) async fn spawn() -> Self {
        Self::spawn_with(&[]).await
    }

    /// Starts an application with some flags.
    pub(crate) async fn spawn_with(flags: &[&str]) -> Self {
        let database = Arc::new(TestDatabase::create().await);
        Self::start(database, Clock::fixed(NOW), flags).await
    }

    /// Starts an application on a cluster of the test's own, at the time that it is: what it makes
    /// there is valid now.
    pub(crate) async fn spawn_at(url: &str, flags: &[&str]) -> Self {
        let unused = Arc::new(TestDatabase::create().await);
        Self::start_at(url, unused, Clock::system(), flags).await
    }

    /// A second replica on the same database.
    pub(crate) async fn replica(&self) -> Self {
        self.replica_with(&[]).await
    }

    /// The same with some flags.
    pub(crate) async fn replica_with(&self, flags: &[&str]) -> Self {
        Self::start(Arc::clone(&self.database), self.clock.clone(), flags).await
    }

    /// A replica that reaches the database at another address.
    pub(crate) async fn replica_at(&self, url: &str) -> Self {
        self.replica_at_with(url, &[]).await
    }

    /// The same with some flags.
    pub(crate) async fn replica_at_with(&self, url: &str, flags: &[&str]) -> Self {
        Self::start_at(url, Arc::clone(&self.database), self.clock.clone(), flags).await
    }

    async fn start(database: Arc<TestDatabase>, clock: Clock, flags: &[&str]) -> Self {
        let url = database.url();
        Self::start_at(&url, database, clock, flags).await
    }

    async fn start_at(
        url: &str,
        database: Arc<TestDatabase>,
        clock: Clock,
        flags: &[&str],
    ) -> Self {
        let data_dir = std::env::temp_dir().join(format!("lumatrace-{}", Uuid::new_v4()));
        let data_dir = DataDir(data_dir);
        let folder = data_dir.0.to_string_lossy().into_owned();
        let own = [
            "lumatrace",
            "--database-url",
            url,
            "--data-dir",
            &folder,
            "--master-key",
            MASTER_KEY,
        ];
        let usual = USUAL
            .iter()
            .filter(|(flag, _)| !flags.contains(flag))
            .flat_map(|(flag, value)| [flag, value]);
        let config = Settings::try_parse_from(own.iter().chain(flags).chain(usual))
            .unwrap()
            .config;
        let store = Store::open(&config.installation).unwrap();
        let operator = store.operator().await.unwrap();
        let public_url = "http://lumatrace.test".to_owned();
        let (ctx, background) = app::context(&config, &store, &operator, public_url, clock.clone())
            .await
            .unwrap();
        Self {
            router: http::router(ctx.clone()),
            ctx,
            clock,
            operator,
            database,
            _background: background,
            _data_dir: data_dir,
        }
    }

    /// Adds a tenant with one account.
    pub(crate) async fn tenant(&self, name: &str) -> Tenant {
        let id = TenantId::parse(name).unwrap();
        operator::create_tenant(&self.operator, &self.ctx.master, &self.clock, &id)
            .await
            .unwrap();
        let username = self.account(&id, "press", Role::User).await;
        Tenant { id, username }
    }

    /// Adds an account.
    pub(crate) async fn account(&self, tenant: &TenantId, name: &str, role: Role) -> Username {
        let username = Username::parse(name).unwrap();
        let hash = hash_password(&SecretString::from(PASSWORD)).unwrap();
        let tx = self.operator.begin_for(tenant).await.unwrap();
        let new = NewAccount {
            username: &username,
            role,
            password: &hash,
        };
        accounts::create(tx, &self.ctx.master, &self.clock, By::OPERATOR, new)
            .await
            .unwrap();
        username
    }

    /// Adds a tenant with an administrator beside its account, and logs him in.
    pub(crate) async fn administered(&self, name: &str) -> (Tenant, Client) {
        let tenant = self.tenant(name).await;
        let id = tenant.id.clone();
        let username = self.account(&id, "chief", Role::Admin).await;
        let chief = self.client(&Tenant { id, username }).await;
        (tenant, chief)
    }

    /// Changes an account as the operator does.
    pub(crate) async fn change_account(
        &self,
        tenant: &TenantId,
        username: &Username,
        change: AccountChange,
    ) {
        let tx = self.operator.begin_for(tenant).await.unwrap();
        accounts::change(
            tx,
            &self.ctx.master,
            &self.clock,
            By::OPERATOR,
            username,
            change,
        )
        .await
        .unwrap();
    }

    /// A client without a token.
    pub(crate) fn anonymous(&self) -> Client {
        Client::new(self.router.clone(), None)
    }

    /// A client with a token.
    pub(crate) fn with_token(&self, token: &str) -> Client {
        Client::new(self.router.clone(), Some(token.to_owned()))
    }

    /// A client that has logged in.
    pub(crate) async fn client(&self, tenant: &Tenant) -> Client {
        self.with_token(&self.token(tenant).await)
    }

    /// Logs in and returns the token.
    pub(crate) async fn token(&self, tenant: &Tenant) -> String {
        let body = json!({
            "tenantId": tenant.id.as_str(), "username": tenant.username.as_str(), "password": PASSWORD,
        });
        let answer = self
            .anonymous()
            .post_json("/api/v1/auth/login", &body)
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// Serves on a real socket until the test ends.
    pub(crate) async fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(app::serve(
            listener,
            self.ctx.clone(),
            std::future::pending(),
        ));
        address
    }
}
