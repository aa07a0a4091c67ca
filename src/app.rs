//! Where the parts are put together: database, keys, context, listener; and how they stop.

use std::{future::Future, time::Duration};

use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use secrecy::ExposeSecret;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::{net::TcpListener, sync::watch};
use tower_http::add_extension::AddExtension;

use crate::{
    auth::{AccessStates, MasterKey, TokenService},
    clock::Clock,
    config::Config,
    connection,
    cpu::CpuGate,
    db::{Database, DbError, Operator, roles},
    domain::Rates,
    http,
    imaging::Limits,
    memory,
    private_postgres::{self, PrivatePostgres},
    service::{
        self, Context, Settings,
        admission::{access, limits::Limiter, throttle::Throttle, uploads::Uploads},
        keys,
    },
};

/// How long running requests may take to finish when the server stops.
const GRACE: Duration = Duration::from_secs(20);

/// How often freed memory is given back, if pictures were worked on meanwhile.
const TIDY: Duration = Duration::from_secs(10);

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// How often a client of HTTP/2 is asked whether it is still there.
const PING: Duration = Duration::from_secs(30);

/// Password hashing that may wait; each takes about 20 ms of a core.
const PASSWORD_QUEUE: usize = 128;

/// Memory for bodies that are being received, in KiB, for each image that may run or wait.
const UPLOAD_KIB_PER_IMAGE: usize = 26 * 1024;

/// Why the program cannot do its work; one sentence that names the setting or the cure.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is wrong.
    #[error("{0}")]
    Setting(String),
    /// The private database does not start.
    #[error(transparent)]
    PrivatePostgres(#[from] private_postgres::PrivatePostgresError),
    /// The database refuses.
    #[error("the database cannot be used: {}", chain(.0))]
    Database(#[from] DbError),
    /// A use case of the start-up failed.
    #[error("{}", chain(.0))]
    Service(#[from] service::Error),
    /// A file or the listener.
    #[error("{0}: {1}")]
    Io(String, #[source] std::io::Error),
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}

/// The database to use, and the private one if that is it: it runs as long as this value lives.
#[derive(Debug)]
pub struct Store {
    owner: PgConnectOptions,
    private: Option<PrivatePostgres>,
}

impl Store {
    /// Starts the private PostgreSQL unless `DATABASE_URL` names another. Blocks.
    pub fn open(config: &Config) -> Result<Self, StartError> {
        make_data_dir(config)?;
        if let Some(url) = &config.database_url {
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
            data_dir: config.data_dir.clone(),
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

    /// Connects as the owner and brings the schema up to date.
    pub async fn operator(&self) -> Result<Operator, StartError> {
        let operator = Operator::connect(self.owner.clone()).await?;
        operator.migrate().await?;
        Ok(operator)
    }

    /// Connects as the serving role.
    async fn serving(&self, operator: &Operator, connections: u32) -> Result<Database, StartError> {
        if self.is_private() {
            let serving = self.owner.clone().username(roles::SERVING_ROLE);
            return Ok(Database::connect(serving, None, connections).await?);
        }
        let role = operator.serving_role().await?;
        Ok(Database::connect(self.owner.clone(), role, connections).await?)
    }
}

/// Reads the master key from the setting, or from the data folder, where it is made if need be.
pub fn master_key(config: &Config) -> Result<MasterKey, StartError> {
    if let Some(key) = &config.master_key {
        return MasterKey::from_base64(key.expose_secret()).map_err(|_| {
            StartError::Setting("LUMATRACE_MASTER_KEY is not 32 bytes in base64".to_owned())
        });
    }
    let path = config.data_dir.join("master.key");
    MasterKey::load_or_create(&path)
        .map_err(|error| StartError::Io(path.display().to_string(), error))
}

/// Makes everything that requests need.
///
/// # Errors
///
/// [`StartError`] with one sentence that names what is wrong.
pub async fn context(
    config: &Config,
    store: &Store,
    operator: &Operator,
    public_url: String,
    clock: Clock,
) -> Result<Context, StartError> {
    let master = master_key(config)?;
    keys::ensure(operator, &master, &clock).await?;
    let db = store.serving(operator, config.database_connections).await?;
    let keys = keys::load(&db, &master, &clock).await.map_err(|_| {
        StartError::Setting(
            "the signing keys in the database were sealed under another master key: set LUMATRACE_MASTER_KEY, \
             or copy master.key from the data folder of the server that made them"
                .to_owned(),
        )
    })?;
    let (workers, queue) = (config.worker_count(), config.queue_length());
    let upload_kib = (workers + queue) * UPLOAD_KIB_PER_IMAGE;
    let access = AccessStates::new(db.access_states().await?);
    let ctx = Context::new(service::Inner {
        db,
        access,
        throttle: Throttle::new(config.login_burst),
        tokens: TokenService::new(
            keys,
            clock.clone(),
            config.issuer.clone(),
            config.audience.clone(),
        ),
        clock,
        limiter: Limiter::new(Rates {
            per_second: config.rate_per_second,
            burst: config.rate_burst,
            per_hour: config.rate_per_hour,
        }),
        images: CpuGate::new(workers, queue),
        passwords: CpuGate::new(workers, PASSWORD_QUEUE),
        master,
        uploads: Uploads::new(upload_kib, (upload_kib / 2).max(2 * UPLOAD_KIB_PER_IMAGE)),
        settings: Settings {
            token_ttl_seconds: config.token_ttl_seconds,
            public_url,
            limits: Limits::default(),
            cors_origins: config.cors_origins.clone(),
            trusted_proxies: config.trusted_proxies.clone(),
        },
    });
    access::follow(&ctx);
    Ok(ctx)
}

/// Serves until `stop` is done, then lets running requests finish.
pub async fn serve(listener: TcpListener, ctx: Context, stop: impl Future<Output = ()>) {
    let router = http::router(ctx.clone());
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    server
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(HEAD_TIMEOUT);
    let graceful = GracefulShutdown::new();
    let (stopping, running) = watch::channel(());
    tokio::pin!(stop);
    let mut ticks = tokio::time::interval(TIDY);
    let mut tidied = 0;
    loop {
        let (stream, peer) = tokio::select! {
            () = &mut stop => break,
            _ = ticks.tick() => {
                if ctx.images.is_idle() && ctx.images.started() != tidied {
                    // Nobody waits for the CPU, so this is done at once.
                    ctx.images.run(|_| memory::release()).await.ok();
                    tidied = ctx.images.started();
                }
                continue;
            }
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                // Out of file descriptors, most likely: others will close some.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        stream.set_nodelay(true).ok();
        let service =
            TowerToHyperService::new(AddExtension::new(router.clone(), http::Peer(peer.ip())));
        let (server, watcher) = (server.clone(), graceful.watcher());
        let mut running = running.clone();
        tokio::spawn(async move {
            // A connection that has not begun does not hold up the end.
            tokio::select! {
                begun = connection::has_begun(&stream, HEAD_TIMEOUT) => if !begun { return },
                _ = running.changed() => return,
            }
            let connection = server.serve_connection(TokioIo::new(stream), service);
            if let Err(error) = watcher.watch(connection).await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop((listener, stopping));
    if tokio::time::timeout(GRACE, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests did not finish in time");
    }
    ctx.db.close().await;
}

fn make_data_dir(config: &Config) -> Result<(), StartError> {
    use std::os::unix::fs::DirBuilderExt;

    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.data_dir)
        .map_err(|error| {
            StartError::Io(
                format!("LUMATRACE_DATA_DIR {}", config.data_dir.display()),
                error,
            )
        })
}
