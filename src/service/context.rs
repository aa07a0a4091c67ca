//! What every use case works with.

use std::sync::{Arc, Weak};

use super::admission::{limits::Limiter, throttle::Throttle, uploads::Uploads};
use crate::{
    auth::{AccessStates, MasterKey, TokenService},
    clock::Clock,
    cpu::CpuGate,
    db::Database,
    imaging,
};
use ipnet::IpNet;

/// What an operator may set about requests.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long a photo API login lasts, in seconds.
    pub token_ttl_seconds: u32,
    /// Where clients find this service: scheme, host and port, no slash at the end.
    pub public_url: String,
    /// Web pages that may call from a browser: exact origins.
    pub cors_origins: Vec<String>,
    /// Networks of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// What an image may be, unless the operator set something else about its tenant.
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
    /// The time.
    pub clock: Clock,
    /// The gate for image work.
    pub images: CpuGate,
    /// The gate for password hashing, apart so that neither starves the other.
    pub passwords: CpuGate,
    /// How often tenants may call.
    pub limiter: Limiter,
    /// Issues and verifies tokens.
    pub tokens: TokenService,
    /// What ends tokens before their time.
    pub access: AccessStates,
    /// Slows down who guesses passwords.
    pub throttle: Throttle,
    /// Opens what is sealed in the database.
    pub master: MasterKey,
    /// Memory for bodies that are being received.
    pub uploads: Uploads,
    /// What an operator may set.
    pub settings: Settings,
}

impl Context {
    /// Shares the parts.
    pub fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// The same without keeping it alive.
    pub(super) fn downgrade(&self) -> Weak<Inner> {
        Arc::downgrade(&self.0)
    }

    /// What [`Context::downgrade`] came from, if it is still alive.
    pub(super) fn upgrade(weak: &Weak<Inner>) -> Option<Self> {
        weak.upgrade().map(Self)
    }
}

impl std::ops::Deref for Context {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
