//! The gauges, which are looked at when somebody asks, and not moved as things happen.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};

use super::add;

/// The state of a server at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Images being worked on.
    pub jobs_running: usize,
    /// Images waiting for a worker.
    pub jobs_waiting: usize,
    /// Connections of the database that are in use.
    pub db_used: usize,
    /// Those that are open and not in use.
    pub db_idle: usize,
    /// Most that may be open.
    pub db_max: usize,
    /// When who signs manifests ends: a signer's id, or `server`, and seconds since 1970.
    pub signer_ends: Vec<(String, i64)>,
    /// How long the key that signs tokens has done so, in seconds.
    pub signing_key_age: f64,
    /// Bytes of bodies that are on their way in or out.
    pub upload_bytes: usize,
    /// How old this server's copy of ended tokens is, in seconds.
    pub feed_age: f64,
    /// Whether the read database is asked; `None` when there is none.
    pub read_database_up: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SignerLabel {
    signer: String,
}

/// Of a family that has one member or none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NoLabel {}

/// The gauges that a [`Snapshot`] sets.
#[derive(Debug)]
pub(super) struct Gauges {
    image_jobs: Family<StateLabel, Gauge>,
    db_connections: Family<StateLabel, Gauge>,
    db_connections_max: Gauge,
    signer_ends: Family<SignerLabel, Gauge>,
    signing_key_age: Gauge<f64, AtomicU64>,
    upload_bytes: Gauge,
    feed_age: Gauge<f64, AtomicU64>,
    /// A family, so that it is not there without a read database.
    read_database_up: Family<NoLabel, Gauge>,
}

impl Gauges {
    pub(super) fn new(registry: &mut Registry) -> Self {
        Self {
            image_jobs: add(
                registry,
                "lumatrace_image_jobs",
                "Images being worked on, and images waiting for a worker",
                Family::default(),
            ),
            db_connections: add(
                registry,
                "lumatrace_db_connections",
                "Open connections to the database",
                Family::default(),
            ),
            db_connections_max: add(
                registry,
                "lumatrace_db_connections_max",
                "Most connections to the database",
                Gauge::default(),
            ),
            signer_ends: add(
                registry,
                "lumatrace_signer_expiry_timestamp_seconds",
                "When the certificate ends that signs files, in seconds since 1970",
                Family::default(),
            ),
            signing_key_age: add(
                registry,
                "lumatrace_signing_key_age_seconds",
                "How long the key that signs tokens has done so",
                Gauge::default(),
            ),
            upload_bytes: add(
                registry,
                "lumatrace_upload_bytes_in_flight",
                "Bytes of bodies that are held in memory, on their way in or out",
                Gauge::default(),
            ),
            feed_age: add(
                registry,
                "lumatrace_access_feed_age_seconds",
                "How old this server's copy of ended tokens is",
                Gauge::default(),
            ),
            read_database_up: add(
                registry,
                "lumatrace_read_database_up",
                "Whether the read database is asked for votes (1) or not (0)",
                Family::default(),
            ),
        }
    }

    pub(super) fn set(&self, now: Snapshot) {
        let states = |family: &Family<StateLabel, Gauge>, states: [(&'static str, usize); 2]| {
            for (state, number) in states {
                let label = StateLabel { state };
                family.get_or_create(&label).set(whole(number));
            }
        };
        states(
            &self.image_jobs,
            [("running", now.jobs_running), ("waiting", now.jobs_waiting)],
        );
        states(
            &self.db_connections,
            [("used", now.db_used), ("idle", now.db_idle)],
        );
        self.db_connections_max.set(whole(now.db_max));
        self.signer_ends.clear();
        for (signer, ends) in now.signer_ends {
            self.signer_ends
                .get_or_create(&SignerLabel { signer })
                .set(ends);
        }
        self.signing_key_age.set(now.signing_key_age);
        self.upload_bytes.set(whole(now.upload_bytes));
        self.feed_age.set(now.feed_age);
        let read_database = &self.read_database_up;
        match now.read_database_up {
            Some(up) => {
                read_database.get_or_create(&NoLabel {}).set(up.into());
            }
            None => read_database.clear(),
        }
    }
}

/// A number of things as gauges have it.
fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
