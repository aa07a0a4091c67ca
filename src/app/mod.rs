//! Puts the parts together: [`Store`] is the database, [`context`] makes what requests need,
//! [`run`] serves until it is told to stop, and [`Background`] owns what runs beside requests.

mod background;
mod metrics_listener;
mod serve;
mod store;

pub use self::{
    background::Background,
    metrics_listener::serve_metrics,
    serve::{run, serve},
    store::{Store, master_key},
};

use crate::{
    auth::{AccessStates, TokenService},
    clock::Clock,
    config::Config,
    cpu::CpuGate,
    db::{DbError, Operator},
    domain::Rates,
    imaging::Limits,
    metrics::Metrics,
    private_postgres,
    service::{
        self, Context, Settings,
        admission::{
            access,
            limits::Limiter,
            refusals::{self, RefusedSignIns},
            sources::KnownSources,
            throttle::Throttle,
            uploads::Uploads,
        },
        keys,
    },
};

/// Password hashing that may wait; each takes about 20 ms of a core.
const PASSWORD_QUEUE: usize = 128;

/// Memory for bodies that are being received, in KiB, for each image that may run or wait.
const UPLOAD_KIB_PER_IMAGE: usize = 26 * 1024;

/// Why the program cannot do its work; one sentence that names the setting or the cure.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting or an argument is wrong, or the operator asked for what cannot be done.
    #[error("{0}")]
    Setting(String),
    /// The private PostgreSQL does not start.
    #[error(transparent)]
    PrivatePostgres(#[from] private_postgres::PrivatePostgresError),
    /// The database cannot be reached, or refuses.
    #[error("the database cannot be used: {}", chain(.0))]
    Database(#[from] DbError),
    /// A use case failed.
    #[error("{}", chain(.0))]
    Service(#[from] service::Error),
    /// The operating system refused something; the text names the file or the setting.
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

/// Makes what requests need, and starts what must run beside them wherever the context is used:
/// the tasks end when the returned [`Background`] is stopped or dropped.
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
) -> Result<(Context, Background), StartError> {
    let Config {
        installation,
        serve,
    } = config;
    let master = master_key(installation)?;
    keys::ensure(operator, &master, &clock).await?;
    let db = store.serving(operator, serve.database_connections).await?;
    let keys = keys::load(&db, &master, &clock).await.map_err(|_| {
        StartError::Setting(
            "the signing keys in the database were sealed under another master key: set \
             LUMATRACE_MASTER_KEY, or copy master.key from the data folder of the server that \
             made them"
                .to_owned(),
        )
    })?;
    let (workers, queue) = (serve.worker_count(), serve.queue_length());
    let upload_kib = (workers + queue) * UPLOAD_KIB_PER_IMAGE;
    let access = AccessStates::new(db.access_states().await?);
    let ctx = Context::new(service::Inner {
        db,
        access,
        metrics: Metrics::new(),
        throttle: Throttle::new(serve.login_burst),
        known_sources: KnownSources::default(),
        refused_sign_ins: RefusedSignIns::default(),
        tokens: TokenService::new(
            keys,
            clock.clone(),
            serve.issuer.clone(),
            serve.audience.clone(),
        ),
        clock,
        limiter: Limiter::new(Rates {
            per_second: serve.rate_per_second,
            burst: serve.rate_burst,
            per_hour: serve.rate_per_hour,
        }),
        images: CpuGate::new(workers, queue),
        passwords: CpuGate::new(workers, PASSWORD_QUEUE),
        master,
        uploads: Uploads::new(upload_kib, (upload_kib / 2).max(2 * UPLOAD_KIB_PER_IMAGE)),
        settings: Settings {
            token_ttl_seconds: serve.token_ttl_seconds,
            public_url,
            limits: Limits::default(),
            cors_origins: serve.cors_origins.clone(),
            trusted_proxies: serve.trusted_proxies.clone(),
        },
    });
    let mut background = Background::default();
    let follow = access::follow(ctx.clone());
    background.spawn("access changes", |stopping| {
        stopping.run_until_cancelled_owned(follow)
    });
    let summarised = ctx.clone();
    background.spawn("refused sign-ins", |stopping| {
        refusals::summarise(summarised, stopping)
    });
    Ok((ctx, background))
}
