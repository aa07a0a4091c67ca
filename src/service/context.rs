//! The shared state of all use cases.

use std::sync::Arc;

use super::admission::{
    limits::Limiter, refusals::RefusedSignIns, sources::KnownSources, throttle::Throttle,
    uploads::Uploads,
};
use crate::{
    auth::{AccessStates, MasterKey, TokenService},
    clock::Clock,
    cpu::CpuGate,
    db::Database,
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
    /// Limits of an image, unless the tenant has its own.
    pub limits: imaging::Limits,
}

/// Everything that is shared between requests; cheap to clone.
#[derive(Debug, Clone)]
pub struct Context(Arc<Inner>);

/// The parts of a [`Context`].
#[derive(Debug)]
pub struct Inner {
    /// Connections as the serving role.
    pub db: Database,
    /// The time, which tests can set.
    pub clock: Clock,
    /// The gate for image work.
    pub images: CpuGate,
    /// The gate for password hashing: separate, so that neither kind of work starves the other.
    pub passwords: CpuGate,
    /// The rate limits of tenants.
    pub limiter: Limiter,
    /// Issues and verifies tokens.
    pub tokens: TokenService,
    /// Tokens that were ended before they expired.
    pub access: AccessStates,
    /// Slows down password guessing.
    pub throttle: Throttle,
    /// The sources of accounts that are being guessed at.
    pub known_sources: KnownSources,
    /// Sign-ins that were refused, for the audit log.
    pub refused_sign_ins: RefusedSignIns,
    /// Opens what is sealed in the database.
    pub master: MasterKey,
    /// The memory budget of bodies that are being received.
    pub uploads: Uploads,
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
