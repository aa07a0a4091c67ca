//! The shared state of all use cases.

use std::{sync::Arc, time::Duration};

use super::{
    admission::{
        access::AccessFeed, bodies::Bodies, limits::Limiter, refusals::RefusedSignIns,
        sign_ins::SignIns, sources::KnownSources, throttle::Throttle,
    },
    readiness::Readiness,
    signers::Signers,
    standby::Standby,
    tenant_cache::TenantCache,
    usage::UsageTally,
};
use crate::{
    auth::{AccessStates, MasterKey, TokenService},
    clock::Clock,
    cpu::CpuGate,
    db::Database,
    domain::TenantId,
    imaging,
    metrics::Metrics,
};
use ipnet::IpNet;

/// The operator's settings that concern requests.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Lifetime of a token from a login with an account, in seconds.
    pub token_ttl_seconds: u32,
    /// The service's address for clients: scheme, host and port, no slash at the end.
    pub public_url: String,
    /// Origins of web pages that may call from a browser, compared exactly.
    pub cors_origins: Vec<String>,
    /// Networks of proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Connections of clients at once; more wait to be accepted.
    pub most_connections: usize,
    /// The name of the watermark's algorithm in manifests.
    pub soft_binding: String,
    /// Whether protected files are signed.
    pub credentials: bool,
    /// Whether the console is served.
    pub console: bool,
    /// How long a server that is watched goes on taking connections once it says that it stops.
    pub stop_delay: Duration,
    /// Limits of an image, unless the tenant has its own.
    pub limits: imaging::Limits,
}

/// A gate that is fair between tenants. `None` stands for all names that can be no tenant's.
pub type TenantGate = CpuGate<Option<TenantId>>;

/// Everything that is shared between requests; cheap to clone.
#[derive(Debug, Clone)]
pub struct Context(Arc<Inner>);

/// The parts of a [`Context`].
#[derive(Debug)]
pub struct Inner {
    /// Connections as the serving role.
    pub db: Database,
    /// A standby of it, for what only suggests.
    pub standby: Option<Standby>,
    /// The time, which tests can set.
    pub clock: Clock,
    /// The gate for image work.
    pub images: TenantGate,
    /// The gate for signing that waits for time stamps: separate, so that a slow authority holds up
    /// no other work.
    pub stamps: TenantGate,
    /// The gate for password hashing: separate, so that neither kind of work starves the other.
    pub passwords: TenantGate,
    /// The rate limits of tenants.
    pub limiter: Limiter,
    /// Calls that are charged and not written yet.
    pub usage: UsageTally,
    /// Secrets and policies of tenants that protected photos a moment ago.
    pub tenants: TenantCache,
    /// Issues and verifies tokens.
    pub tokens: TokenService,
    /// Tokens that were ended before they expired.
    pub access: AccessStates,
    /// How far they and the signing keys have been read.
    pub feed: AccessFeed,
    /// How often each account and application signed in.
    pub sign_ins: SignIns,
    /// Slows down password guessing.
    pub throttle: Throttle,
    /// The sources of accounts that are being guessed at.
    pub known_sources: KnownSources,
    /// Sign-ins that were refused, for the audit log.
    pub refused_sign_ins: RefusedSignIns,
    /// Who signs manifests, and whose certificates are trusted.
    pub signers: Signers,
    /// Opens what is sealed in the database.
    pub master: MasterKey,
    /// The memory budget of bodies that are being received or sent.
    pub bodies: Bodies,
    /// Whether this server can do its work.
    pub readiness: Readiness,
    /// The counters, durations and gauges of this server.
    pub metrics: Metrics,
    /// The operator's settings that concern requests.
    pub settings: Settings,
}

impl Context {
    /// Puts the parts behind one shared pointer.
    pub fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }
}

impl std::ops::Deref for Context {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
