//! Puts the parts together: [`Store`] is the database, [`context`] makes what requests need,
//! [`run`] serves until it is told to stop, and [`Background`] owns what runs beside requests.

mod background;
mod client_stream;
pub mod doctor;
mod metrics_listener;
mod probe;
mod serve;
mod signer_renewal;
mod store;
mod weakness;

pub use self::{
    background::Background,
    metrics_listener::serve_metrics,
    probe::{Answer, probe},
    serve::{run, serve},
    store::{
        Store, demo_credentials, master_key, master_key_file, master_key_text, place_master_key,
    },
    weakness::{Finding, Severity, Weakness, of_installation, of_server},
};

use crate::{
    auth::{AccessStates, MasterKey, TokenService},
    clock::Clock,
    config::{Config, ServeSettings, Switch},
    cpu::CpuGate,
    credentials::TimeStamps,
    db::{self, DbError, Operator, roles::Excess},
    domain::Rates,
    imaging::Limits,
    metrics::Metrics,
    outbound::Outbound,
    private_postgres,
    service::{
        self, Context, Settings,
        admission::{
            access::{self, AccessFeed},
            bodies::Bodies,
            leases,
            limits::Limiter,
            refusals::{self, RefusedSignIns},
            sign_ins::SignIns,
            sources::KnownSources,
            throttle::Throttle,
        },
        keys,
        readiness::{self, Readiness},
        signers::{self, SelfTest},
        standby::{self, Fault, Standby},
        tenant_cache::TenantCache,
        time_stamps::TimeStampAuthority,
        usage::{self, UsageTally},
    },
};
use sqlx::postgres::PgConnectOptions;
use std::{sync::Arc, time::Duration};

/// Password hashing that may wait; each takes about 20 ms of a core.
const PASSWORD_QUEUE: usize = 128;

/// Signatures that may wait for a time stamp, for each image that is worked on: enough for an
/// authority that takes a second, and images that take a quarter. They use memory and hardly any
/// CPU.
const STAMPS_PER_WORKER: usize = 4;
/// The same on a small machine.
const FEWEST_STAMPS: usize = 16;

/// Memory for bodies that are being received or sent, for each image that may run or wait.
const BODY_BYTES_PER_IMAGE: usize = 26 << 20;

/// Why the program cannot do its work; one sentence that names the setting or the cure.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting or an argument is wrong, or the operator asked for what cannot be done.
    #[error("{0}")]
    Setting(String),
    /// The set-up is weak, and certainly not meant so.
    #[error("{0}")]
    Weak(Finding),
    /// The private PostgreSQL does not start, and its disk is full.
    #[error(
        "the disk of `{folder}` is full ({free_mb} MB are free), and the private PostgreSQL does not start: \
         make room there, or move the data folder to another disk; {cause}"
    )]
    DiskFull {
        /// A folder on that disk.
        folder: String,
        /// What is left of it, in megabytes.
        free_mb: u64,
        /// What PostgreSQL said.
        cause: private_postgres::PrivatePostgresError,
    },
    /// The private PostgreSQL does not start.
    #[error(transparent)]
    PrivatePostgres(#[from] private_postgres::PrivatePostgresError),
    /// The database cannot be reached, or refuses.
    #[error("the database cannot be used: {}", chain(.0))]
    Database(#[from] DbError),
    /// The database takes no changes, and this is missing in it.
    #[error(
        "the database is read-only, and {0} would have to be written first: set DATABASE_URL to one that takes changes"
    )]
    ReadOnly(&'static str),
    /// A backup cannot be made, or not be restored.
    #[error(transparent)]
    Backup(#[from] service::backup::BackupError),
    /// A use case failed.
    #[error("{}", chain(.0))]
    Service(#[from] service::Error),
    /// The operating system refused something; the text names the file or the setting.
    #[error("{0}: {1}")]
    Io(String, #[source] std::io::Error),
}

impl StartError {
    /// Says what had to be written, when a failure came of a database that takes no changes.
    pub fn on_writing(what: &'static str) -> impl FnOnce(Self) -> Self {
        move |failure| match failure {
            Self::Database(DbError::ReadOnly)
            | Self::Service(service::Error::DatabaseUnavailable(DbError::ReadOnly)) => {
                Self::ReadOnly(what)
            }
            other => other,
        }
    }
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

/// Takes from the serving role what it never needs, and says what the operator has to take.
async fn restrict(operator: &Operator) -> Result<(), DbError> {
    for (what, cure) in excess_of(operator.restrict_serving_role().await?) {
        tracing::warn!(cure, "{what}");
    }
    Ok(())
}

/// What the serving role may do and never needs, and what the operator runs to take it.
fn excess_of(excess: Excess) -> Vec<(&'static str, &'static str)> {
    let Excess {
        temporary_tables,
        large_objects,
    } = excess;
    let tables = (
        "the serving role may make temporary tables",
        "as the database's owner run `revoke temporary on database <name> from public`",
    );
    let objects = (
        "the serving role may make large objects",
        "start `lumatrace` once as a superuser, or run what docs/operations.md says, \"A PostgreSQL of your own\"",
    );
    let found = [(temporary_tables, tables), (large_objects, objects)];
    let found = found.into_iter().filter(|(is_so, _)| *is_so);
    found.map(|(_, sentence)| sentence).collect()
}

/// Generates the signing keys that are missing, and who signs manifests.
///
/// # Errors
///
/// [`StartError`] with one sentence that names what is wrong.
pub async fn ensure_keys(
    operator: &Operator,
    master: &MasterKey,
    clock: &Clock,
) -> Result<(), StartError> {
    keys::ensure(operator, master, clock)
        .await
        .map_err(StartError::from)
        .map_err(StartError::on_writing("the signing keys"))?;
    signers::ensure(operator, master, clock)
        .await
        .map_err(StartError::from)
        .map_err(StartError::on_writing("the certificate authority"))
}

/// The operator's time-stamp authority, if there is one.
fn time_stamps(
    serve: &ServeSettings,
    metrics: &Metrics,
) -> Result<Option<Arc<dyn TimeStamps>>, StartError> {
    let Some(url) = &serve.tsa_url else {
        return Ok(None);
    };
    let wrong = |error| StartError::Setting(format!("LUMATRACE_TSA_URL: {error}"));
    let limit = Duration::from_secs(serve.tsa_timeout_seconds.into());
    let outbound = Outbound::new(&serve.outbound_networks, limit).map_err(wrong)?;
    let url = outbound.destination(url).map_err(wrong)?;
    let authority = TimeStampAuthority::new(outbound, url, limit, metrics.clone());
    Ok(Some(Arc::new(authority)))
}

/// Memory for bodies that are being received or sent, in bytes.
fn body_budget(serve: &ServeSettings) -> usize {
    (serve.worker_count() + serve.queue_length()).saturating_mul(BODY_BYTES_PER_IMAGE)
}

/// The operator's standby, if there is one; nobody has looked at it.
fn standby(serve: &ServeSettings) -> Result<Option<Standby>, StartError> {
    let options = store::read_database_options(serve)?;
    let connections = serve.database_connections;
    Ok(options.map(|options| Standby::new(db::Standby::new(options, connections))))
}

/// Looks at the standby for the first time. One that is not there, or none at the moment, may be
/// one later; the look has told the log.
///
/// # Errors
///
/// It is certainly not the one that is meant.
async fn test_standby(ctx: &Context) -> Result<(), StartError> {
    let wrong = match standby::look(ctx).await {
        Some(Fault::Foreign) => {
            "LUMATRACE_READ_DATABASE_URL leads to another database than DATABASE_URL: set it to a \
             streaming standby of that one, with the same name of the database"
        }
        Some(Fault::UnsafeRole) => {
            "the role of LUMATRACE_READ_DATABASE_URL could bypass row-level security there, and \
             cannot switch to lumatrace_app: use the role of DATABASE_URL"
        }
        _ => return Ok(()),
    };
    Err(StartError::Setting(wrong.to_owned()))
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
    ensure_keys(operator, &master, &clock).await?;
    restrict(operator).await?;
    let metrics = Metrics::new();
    let db = store
        .serving(operator, serve.database_connections, metrics.clone())
        .await?;
    let keys = keys::load(&db, &master, &clock).await.map_err(|_| {
        StartError::Setting(
            "the signing keys in the database were sealed under another master key: set \
             LUMATRACE_MASTER_KEY, or copy master.key from the data folder of the server that \
             made them"
                .to_owned(),
        )
    })?;
    let signers = signers::load(&db, &master, time_stamps(serve, &metrics)?).await?;
    let (workers, queue) = (serve.worker_count(), serve.queue_length());
    let body_bytes = body_budget(serve);
    let ctx = Context::new(service::Inner {
        db,
        standby: standby(serve)?,
        access: AccessStates::default(),
        feed: AccessFeed::default(),
        readiness: Readiness::new(store.disks(&installation.data_dir)),
        metrics,
        sign_ins: SignIns::default(),
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
        usage: UsageTally::default(),
        tenants: TenantCache::default(),
        images: CpuGate::new(workers, queue),
        // Who cannot be stamped at once is not kept waiting.
        stamps: CpuGate::new((STAMPS_PER_WORKER * workers).max(FEWEST_STAMPS), 0),
        passwords: CpuGate::new(workers, PASSWORD_QUEUE),
        signers,
        master,
        bodies: Bodies::new(body_bytes, (body_bytes / 2).max(2 * BODY_BYTES_PER_IMAGE)),
        settings: Settings {
            token_ttl_seconds: serve.token_ttl_seconds,
            public_url,
            most_connections: serve.connections.get(),
            credentials: serve.credentials == Switch::On,
            console: serve.console == Switch::On,
            limits: Limits::default(),
            stop_delay: Duration::from_secs(serve.stop_delay_seconds.into()),
            soft_binding: serve.soft_binding.clone(),
            cors_origins: serve.cors_origins.clone(),
            trusted_proxies: serve.trusted_proxies.clone(),
        },
    });
    test_standby(&ctx).await?;
    access::read_all(&ctx).await?;
    if ctx.settings.credentials {
        test_signer(&ctx);
    }
    readiness::look(&ctx).await;
    let background = start_background(&ctx, store.owner());
    Ok((ctx, background))
}

/// Starts what runs beside requests wherever the context is used.
fn start_background(ctx: &Context, owner: PgConnectOptions) -> Background {
    let mut background = Background::default();
    let watch = readiness::watch(ctx.clone());
    background.spawn("readiness", |stopping| {
        stopping.run_until_cancelled_owned(watch)
    });
    let follow = access::follow(ctx.clone());
    background.spawn("access changes", |stopping| {
        stopping.run_until_cancelled_owned(follow)
    });
    if ctx.standby.is_some() {
        let watch = standby::watch(ctx.clone());
        background.spawn("standby", |stopping| {
            stopping.run_until_cancelled_owned(watch)
        });
    }
    let summarised = ctx.clone();
    background.spawn("refused sign-ins", |stopping| {
        refusals::summarise(summarised, stopping)
    });
    let counting = ctx.clone();
    background.spawn("calls in advance", |stopping| {
        leases::keep(counting, stopping)
    });
    let charging = ctx.clone();
    background.spawn("usage", |stopping| usage::keep(charging, stopping));
    let watched = ctx.clone();
    background.spawn("signer renewal", |stopping| {
        signer_renewal::watch(owner, watched, stopping)
    });
    background
}

/// Says at the start what would else be found out by the first client.
fn test_signer(ctx: &Context) {
    match ctx.signers.self_test(ctx.clock.now()) {
        Ok(SelfTest::Passed) => {}
        Ok(SelfTest::Untrusted) => tracing::warn!(
            "the trust lists of this server do not lead to its own signer: import the root with lumatrace trust import"
        ),
        Ok(SelfTest::Failed(status)) => tracing::error!(
            status = status.as_str(),
            "what this server signs is not accepted: protect answers with files that others will call invalid"
        ),
        Err(error) => {
            tracing::error!(%error, "this server cannot sign: protect answers 503 SIGNER_UNAVAILABLE");
        }
    }
}
