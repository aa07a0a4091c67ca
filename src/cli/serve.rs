//! `serve`, `migrate` and `healthcheck`, and the accounts that a first start makes.

use std::{io::Write, net::SocketAddr, os::unix::fs::OpenOptionsExt, path::Path};

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use super::{operator::NEW_USERNAME, print_line};
use crate::{
    app::{self, Answer, StartError, Store},
    auth::{MasterKey, generate_password, hash_new_password},
    clock::Clock,
    config::{Config, InstallationSettings, ServeSettings},
    db::{DbError, Operator},
    domain::{Role, TenantId, Username, audit::By},
    service::{
        self,
        accounts::{self, NewAccount},
        operator,
    },
};

/// Refuses settings of `serve` that can be judged before anything is started or made.
pub(super) fn check_settings(settings: &ServeSettings) -> Result<(), StartError> {
    Bootstrap::read(settings).map(drop)
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// What it did is done.
    Done,
    /// A server was told to stop once more while it was stopping: requests are broken off.
    BrokenOff,
}

/// Migrates, makes what the settings ask for, then serves until SIGTERM or SIGINT. The second one
/// ends it at once.
pub(super) async fn serve(config: &Config, store: &Store) -> Result<End, StartError> {
    let io = |what: &str| {
        let what = what.to_owned();
        move |error| StartError::Io(what, error)
    };
    let mut terminate = signal(SignalKind::terminate()).map_err(io("SIGTERM"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(io("SIGINT"))?;
    let clock = Clock::system();
    let settings = &config.serve;
    let bootstrap = Bootstrap::read(settings)?;
    let (listener, address) = bind("LUMATRACE_LISTEN", settings.address.listen).await?;
    let metrics = match settings.metrics_listen {
        Some(address) => Some(bind("LUMATRACE_METRICS_LISTEN", address).await?),
        None => None,
    };
    let public_url = match &settings.public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("http://{address}"),
    };
    let operator = store.operator().await?;
    let (ctx, mut background) =
        app::context(config, store, &operator, public_url, clock.clone()).await?;
    match bootstrap {
        Some(bootstrap) => bootstrap.create(&operator, &ctx.master, &clock).await?,
        None if store.is_private() => {
            create_demo(
                &config.installation.data_dir,
                &operator,
                &ctx.master,
                &clock,
            )
            .await?;
        }
        None => {}
    }
    operator.close().await;
    print_line(&format!("listening on http://{address}"))?;
    if let Some((listener, address)) = metrics {
        let ctx = ctx.clone();
        background.spawn("metrics", |stopping| {
            app::serve_metrics(listener, ctx, stopping)
        });
        tracing::info!("metrics on http://{address}/metrics");
    }
    let told = CancellationToken::new();
    let insisted = async {
        told_to_stop(&mut terminate, &mut interrupt).await;
        tracing::info!("stopping");
        told.cancel();
        told_to_stop(&mut terminate, &mut interrupt).await;
    };
    tokio::select! {
        () = app::run(listener, ctx, background, told.cancelled()) => Ok(End::Done),
        () = insisted => {
            tracing::warn!("told to stop again: requests are broken off");
            Ok(End::BrokenOff)
        }
    }
}

/// Waits for a signal to stop.
async fn told_to_stop(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Listens on the address that `setting` names; also returns the address with its real port.
async fn bind(setting: &str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let io = |error| StartError::Io(format!("{setting} {address}"), error);
    let listener = TcpListener::bind(address).await.map_err(io)?;
    let address = listener.local_addr().map_err(io)?;
    Ok((listener, address))
}

/// Applies migrations and makes the first signing key.
pub(super) async fn migrate(
    installation: &InstallationSettings,
    store: &Store,
) -> Result<(), StartError> {
    let operator = store.operator().await?;
    let master = app::master_key(installation)?;
    app::ensure_keys(&operator, &master, &Clock::system()).await
}

/// Asks the server at `listen` whether it lives; at the loopback address if it listens on all.
pub(super) async fn healthcheck(listen: SocketAddr) -> Result<(), StartError> {
    match app::probe(listen, "/livez").await {
        Ok(Answer { status: 200, .. }) => Ok(()),
        Ok(_) => Err(StartError::Setting(format!(
            "no healthy server at {listen}: it answered with an error"
        ))),
        Err(error) => Err(StartError::Setting(format!(
            "no healthy server at {listen}: {error}"
        ))),
    }
}

/// The account to create at start, from the three bootstrap settings.
struct Bootstrap {
    tenant: TenantId,
    username: Username,
    password: SecretString,
}

impl Bootstrap {
    fn read(settings: &ServeSettings) -> Result<Option<Self>, StartError> {
        let given = (
            &settings.bootstrap_tenant,
            &settings.bootstrap_username,
            &settings.bootstrap_password,
        );
        let wrong = |what: &str| StartError::Setting(what.to_owned());
        let (tenant, username, password) = match given {
            (None, None, None) => return Ok(None),
            (Some(tenant), Some(username), Some(password)) => (tenant, username, password),
            _ => {
                return Err(wrong(
                    "LUMATRACE_BOOTSTRAP_TENANT, _USERNAME and _PASSWORD must be set together",
                ));
            }
        };
        Ok(Some(Self {
            tenant: TenantId::parse(tenant).ok_or_else(|| {
                wrong("LUMATRACE_BOOTSTRAP_TENANT must match ^[a-z0-9][a-z0-9_-]{1,62}$")
            })?,
            username: Username::parse(username).ok_or_else(|| {
                wrong("LUMATRACE_BOOTSTRAP_USERNAME must have 1 to 256 bytes and no control characters")
            })?,
            password: password.clone(),
        }))
    }

    /// Creates the tenant and the account if they are absent; existing ones stay as they are.
    async fn create(
        &self,
        operator: &Operator,
        master: &MasterKey,
        clock: &Clock,
    ) -> Result<(), StartError> {
        // Asked first, so that a database that takes no changes will do where nothing is missing.
        // An account of before keeps a name and a password that would not be taken now.
        if has_account(operator, &self.tenant, &self.username).await? {
            return Ok(());
        }
        if Username::parse_new(self.username.as_str()).is_none() {
            let why = format!("LUMATRACE_BOOTSTRAP_USERNAME: {NEW_USERNAME}");
            return Err(StartError::Setting(why));
        }
        create_tenant(operator, master, clock, &self.tenant)
            .await
            .map_err(StartError::on_writing(
                "the account of LUMATRACE_BOOTSTRAP_USERNAME",
            ))?;
        let hash = hash_new_password(&self.password, &self.tenant, &self.username);
        let hash = hash.map_err(|error| {
            StartError::Setting(format!("LUMATRACE_BOOTSTRAP_PASSWORD: {error}"))
        })?;
        let tx = operator.begin_for(&self.tenant).await?;
        let new = NewAccount {
            username: &self.username,
            role: Role::User,
            password: &hash,
        };
        match accounts::create(tx, master, clock, By::OPERATOR, new).await {
            Ok(()) | Err(service::Error::Conflict(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

async fn has_account(
    operator: &Operator,
    tenant: &TenantId,
    username: &Username,
) -> Result<bool, StartError> {
    let tx = operator.begin_for(tenant).await?;
    Ok(accounts::exists(tx, username).await?)
}

async fn create_tenant(
    operator: &Operator,
    master: &MasterKey,
    clock: &Clock,
    tenant: &TenantId,
) -> Result<(), StartError> {
    match operator::create_tenant(operator, master, clock, tenant).await {
        Ok(()) | Err(service::Error::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Makes the tenant and account `demo` when nothing is configured: an administrator, to whom the
/// console shows all that it has. The password is generated, and
/// kept in the data folder alone: a log is read by more people.
async fn create_demo(
    data_dir: &Path,
    operator: &Operator,
    master: &MasterKey,
    clock: &Clock,
) -> Result<(), StartError> {
    let wrong = || StartError::Setting("the name demo is not valid".to_owned());
    let tenant = TenantId::parse("demo").ok_or_else(wrong)?;
    let username = Username::parse("demo").ok_or_else(wrong)?;
    // Held to the end, so that two servers starting at once do not overwrite each other's file.
    let lock = operator.bootstrap().await?;
    if !has_account(operator, &tenant, &username).await? {
        create_tenant(operator, master, clock, &tenant).await?;
        let password = generate_password();
        let credentials = json!({
            "tenantId": tenant.as_str(),
            "username": username.as_str(),
            "password": password.expose_secret(),
        });
        // The file first: if writing it failed later, the account's password would be lost for
        // good.
        let path = app::demo_credentials(data_dir);
        write_private(&path, &credentials.to_string())
            .map_err(|error| StartError::Io(path.display().to_string(), error))?;
        let tx = operator.begin_for(&tenant).await?;
        let hash = hash_new_password(&password, &tenant, &username)
            .map_err(|error| StartError::Setting(error.to_string()))?;
        let new = NewAccount {
            username: &username,
            role: Role::Admin,
            password: &hash,
        };
        accounts::create(tx, master, clock, By::OPERATOR, new).await?;
        tracing::info!(
            file = %path.display(),
            "made the tenant demo with the account demo; its password is in the file"
        );
    }
    lock.commit().await.map_err(DbError::from)?;
    Ok(())
}

/// Writes a file that only its owner can read, completely or not at all.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    std::fs::rename(new, path)
}
