//! The metrics of one server, in the text format of Prometheus.
//!
//! To add a metric, add a field to [`Metrics`], its line to [`Metrics::new`], and a method that
//! moves it. A label has few values, all known from the program: never the name or id of a tenant,
//! an account or a photo.

mod process;
mod snapshot;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, prometheus_text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Metric, Registry},
};

use self::snapshot::Gauges;
pub use self::snapshot::Snapshot;

/// Upper bounds of the durations' buckets, in seconds: from a health check (1 ms) to a large image
/// that had to wait (60 s).
const SECONDS: [f64; 15] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// The same of work on an image, in seconds: from a small one that is refused (5 ms) over the 40 to
/// 300 ms that are published for 12 to 16 megapixels (docs/watermark.md) to the longest
/// search for a mark.
const IMAGE_SECONDS: [f64; 16] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0,
];

/// The same of a wait for a connection of the database, in seconds: none at all (a ping of an idle
/// connection) to the longest, which is 5 s.
const WAIT_SECONDS: [f64; 11] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0,
];

/// The methods that are counted by name. Clients can make up others, without end.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// The metrics of one server; cheap to clone, and clones share their values.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabel, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    refusals: Family<CodeLabel, Counter>,
    time_stamps: Family<OutcomeLabel, Counter>,
    image_seconds: Family<JobLabels, Histogram, fn() -> Histogram>,
    verdicts: Family<VerdictLabel, Counter>,
    protected: Family<LevelLabel, Counter>,
    votes: Family<SourceLabel, Counter>,
    checks: Family<AnswerLabel, Counter>,
    resolutions: Family<ResolutionLabels, Counter>,
    stored: StoredCounters,
    db_wait: Histogram,
    /// Locked while a scrape sets them and reads them.
    gauges: Arc<Mutex<Gauges>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabel {
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabels {
    operation: &'static str,
    format: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerdictLabel {
    verdict: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LevelLabel {
    level: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabel {
    source: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabel {
    answer: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResolutionLabels {
    query: &'static str,
    found: &'static str,
}

/// What becomes of manifests that clients store.
#[derive(Debug, Clone)]
struct StoredCounters {
    manifests: Counter,
    receipts: Counter,
}

impl StoredCounters {
    fn new(registry: &mut Registry) -> Self {
        Self {
            manifests: add(
                registry,
                "lumatrace_manifests_stored",
                "Manifests that clients stored",
                Counter::default(),
            ),
            receipts: add(
                registry,
                "lumatrace_manifest_receipts",
                "Receipts that were signed for stored manifests",
                Counter::default(),
            ),
        }
    }
}

impl Metrics {
    /// Metrics that have counted nothing yet.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(process::Process));
        // The format appends `_total` to the names of counters.
        Self {
            requests: add(
                &mut registry,
                "lumatrace_http_requests",
                "Requests answered",
                Family::default(),
            ),
            request_seconds: add(
                &mut registry,
                "lumatrace_http_request_duration_seconds",
                "Time from a request's head to the head of its answer",
                Family::new_with_constructor(|| Histogram::new(SECONDS)),
            ),
            in_flight: add(
                &mut registry,
                "lumatrace_http_requests_in_flight",
                "Requests being worked on",
                Gauge::default(),
            ),
            refusals: add(
                &mut registry,
                "lumatrace_refusals",
                "Requests refused or failed, by the code of the error catalogue",
                Family::default(),
            ),
            image_seconds: add(
                &mut registry,
                "lumatrace_image_job_duration_seconds",
                "Time that work on an image took, once it had its worker",
                Family::new_with_constructor(|| Histogram::new(IMAGE_SECONDS)),
            ),
            verdicts: add(
                &mut registry,
                "lumatrace_verdicts",
                "Verdicts that verify gave",
                Family::default(),
            ),
            time_stamps: add(
                &mut registry,
                "lumatrace_time_stamps",
                "Signatures for which a time stamp was wanted, by what came of it",
                Family::default(),
            ),
            protected: add(
                &mut registry,
                "lumatrace_photos_protected",
                "Photos that were protected, by how strong the mark is",
                Family::default(),
            ),
            votes: add(
                &mut registry,
                "lumatrace_identify_votes",
                "Votes that identify asked for, by who gave them",
                Family::default(),
            ),
            resolutions: add(
                &mut registry,
                "lumatrace_resolutions",
                "Questions for manifests, by what was asked with and whether any was found",
                Family::default(),
            ),
            checks: add(
                &mut registry,
                "lumatrace_checks",
                "Pictures that strangers asked about, by the answer",
                Family::default(),
            ),
            stored: StoredCounters::new(&mut registry),
            db_wait: add(
                &mut registry,
                "lumatrace_db_wait_seconds",
                "Time that work waited for a connection to the database, also in vain",
                Histogram::new(WAIT_SECONDS),
            ),
            gauges: Arc::new(Mutex::new(Gauges::new(&mut registry))),
            registry: Arc::new(registry),
        }
    }

    /// Takes how long a job on an image took, once it had its worker.
    pub fn image_job(&self, operation: &'static str, format: &'static str, took: Duration) {
        let labels = JobLabels { operation, format };
        let seconds = self.image_seconds.get_or_create(&labels);
        seconds.observe(took.as_secs_f64());
    }

    /// Counts a verdict of `verify`.
    pub fn count_verdict(&self, verdict: &'static str) {
        self.verdicts.get_or_create(&VerdictLabel { verdict }).inc();
    }

    /// Counts a photo that was protected, by how strong its mark is.
    pub fn count_protected(&self, level: &'static str) {
        self.protected.get_or_create(&LevelLabel { level }).inc();
    }

    /// Counts votes of `identify`, which the standby gave or the primary.
    pub fn count_votes(&self, by_standby: bool) {
        let source = if by_standby { "standby" } else { "primary" };
        self.votes.get_or_create(&SourceLabel { source }).inc();
    }

    /// Counts what a stranger was told about a picture.
    pub fn count_check(&self, answer: &'static str) {
        self.checks.get_or_create(&AnswerLabel { answer }).inc();
    }

    /// Counts a question for manifests, by `binding` or `content`.
    pub fn count_resolution(&self, query: &'static str, found: bool) {
        let labels = ResolutionLabels {
            query,
            found: if found { "yes" } else { "no" },
        };
        self.resolutions.get_or_create(&labels).inc();
    }

    /// Counts a manifest that a client stored.
    pub fn count_stored_manifest(&self) {
        self.stored.manifests.inc();
    }

    /// Counts a receipt that was signed for a stored manifest.
    pub fn count_manifest_receipt(&self) {
        self.stored.receipts.inc();
    }

    /// Takes how long work waited for a connection to the database.
    pub fn db_wait(&self, waited: Duration) {
        self.db_wait.observe(waited.as_secs_f64());
    }

    /// Counts a request as in flight until the returned value is dropped. `route` is the route's
    /// template, or one word for all paths that have none.
    pub fn begin_request(&self, method: &str, route: String) -> RequestInFlight {
        self.in_flight.inc();
        let known = METHODS.into_iter().find(|known| *known == method);
        RequestInFlight {
            metrics: self.clone(),
            method: known.unwrap_or("other"),
            route,
        }
    }

    /// Counts a request that was refused, or failed, with `code`.
    pub fn count_refusal(&self, code: &'static str) {
        self.refusals.get_or_create(&CodeLabel { code }).inc();
    }

    /// Counts a signature for which a time stamp was wanted.
    pub fn count_time_stamp(&self, granted: bool) {
        let outcome = if granted { "granted" } else { "failed" };
        let label = OutcomeLabel { outcome };
        self.time_stamps.get_or_create(&label).inc();
    }

    /// Everything in the Prometheus text format, version 0.0.4, with what `now` says of this
    /// moment.
    ///
    /// # Errors
    ///
    /// None that is known: only a label that cannot be written would be one.
    pub fn render(&self, now: Snapshot) -> Result<String, fmt::Error> {
        // One at a time: signers are taken out and put in again.
        let gauges = self.gauges.lock().unwrap_or_else(PoisonError::into_inner);
        gauges.set(now);
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Registers a metric and returns its handle.
fn add<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

/// A request that has not been answered. Dropped without [`RequestInFlight::answered`], as when its
/// client hangs up, it counts in no total.
#[derive(Debug)]
pub struct RequestInFlight {
    metrics: Metrics,
    method: &'static str,
    route: String,
}

impl RequestInFlight {
    /// Counts the answer: its HTTP status, and how long it took.
    pub fn answered(self, status: u16, duration: Duration) {
        let route = RouteLabel {
            route: self.route.clone(),
        };
        let labels = RequestLabels {
            route: self.route.clone(),
            method: self.method,
            status,
        };
        let metrics = &self.metrics;
        metrics.requests.get_or_create(&labels).inc();
        let seconds = metrics.request_seconds.get_or_create(&route);
        seconds.observe(duration.as_secs_f64());
    }
}

impl Drop for RequestInFlight {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_move_and_labels_stay_few() {
        let metrics = Metrics::new();
        let route = || "/api/v1/photos/{photoId}".to_owned();
        let first = metrics.begin_request("GET", route());
        let second = metrics.clone().begin_request("BREW", route());
        let hung_up = metrics.begin_request("GET", route());
        drop(hung_up);
        let text = metrics.render(Snapshot::default()).unwrap();
        assert!(
            text.contains("\nlumatrace_http_requests_in_flight 2\n"),
            "{text}"
        );
        first.answered(200, Duration::from_millis(3));
        second.answered(405, Duration::from_secs(61));
        metrics.count_refusal("METHOD_NOT_ALLOWED");
        metrics.count_time_stamp(true);
        metrics.count_time_stamp(false);
        metrics.count_time_stamp(false);
        metrics.image_job("protect", "png", Duration::from_millis(120));
        metrics.count_verdict("AUTHENTIC");
        metrics.count_protected("FULL");
        metrics.count_votes(true);
        metrics.count_votes(false);
        metrics.count_votes(true);
        metrics.db_wait(Duration::from_secs(3));
        let text = metrics
            .render(Snapshot {
                jobs_running: 2,
                jobs_waiting: 5,
                db_used: 3,
                db_idle: 1,
                db_max: 16,
                signer_ends: vec![("server".to_owned(), 1_900_000_000)],
                signing_key_age: 86_400.5,
                upload_bytes: 7,
                feed_age: 0.25,
                read_database_up: Some(true),
            })
            .unwrap();
        let mut found = 0;
        for line in [
            "# TYPE lumatrace_http_requests_total counter",
            "# TYPE lumatrace_http_request_duration_seconds histogram",
            r#"lumatrace_http_requests_total{route="/api/v1/photos/{photoId}",method="GET",status="200"} 1"#,
            r#"lumatrace_http_requests_total{route="/api/v1/photos/{photoId}",method="other",status="405"} 1"#,
            r#"lumatrace_http_request_duration_seconds_bucket{route="/api/v1/photos/{photoId}",le="0.0025"} 0"#,
            r#"lumatrace_http_request_duration_seconds_bucket{route="/api/v1/photos/{photoId}",le="0.005"} 1"#,
            r#"lumatrace_http_request_duration_seconds_bucket{route="/api/v1/photos/{photoId}",le="60"} 1"#,
            r#"lumatrace_http_request_duration_seconds_bucket{route="/api/v1/photos/{photoId}",le="+Inf"} 2"#,
            r#"lumatrace_http_request_duration_seconds_count{route="/api/v1/photos/{photoId}"} 2"#,
            "lumatrace_http_requests_in_flight 0",
            r#"lumatrace_refusals_total{code="METHOD_NOT_ALLOWED"} 1"#,
            r#"lumatrace_image_jobs{state="running"} 2"#,
            r#"lumatrace_image_jobs{state="waiting"} 5"#,
            r#"lumatrace_time_stamps_total{outcome="granted"} 1"#,
            r#"lumatrace_time_stamps_total{outcome="failed"} 2"#,
            r#"lumatrace_image_job_duration_seconds_bucket{operation="protect",format="png",le="0.1"} 0"#,
            r#"lumatrace_image_job_duration_seconds_bucket{operation="protect",format="png",le="0.15"} 1"#,
            r#"lumatrace_verdicts_total{verdict="AUTHENTIC"} 1"#,
            r#"lumatrace_photos_protected_total{level="FULL"} 1"#,
            r#"lumatrace_db_connections{state="used"} 3"#,
            r#"lumatrace_db_connections{state="idle"} 1"#,
            "lumatrace_db_connections_max 16",
            r#"lumatrace_db_wait_seconds_bucket{le="2.5"} 0"#,
            r#"lumatrace_db_wait_seconds_bucket{le="5"} 1"#,
            r#"lumatrace_signer_expiry_timestamp_seconds{signer="server"} 1900000000"#,
            "lumatrace_signing_key_age_seconds 86400.5",
            "lumatrace_upload_bytes_in_flight 7",
            "lumatrace_access_feed_age_seconds 0.25",
            r#"lumatrace_identify_votes_total{source="standby"} 2"#,
            r#"lumatrace_identify_votes_total{source="primary"} 1"#,
            "lumatrace_read_database_up 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
            found += 1;
        }
        assert_eq!(found, 31);
        let text = metrics.render(Snapshot::default()).unwrap();
        assert!(!text.contains(r#"signer=""#), "a removed signer is gone");
        let up = "\nlumatrace_read_database_up";
        assert!(!text.contains(up), "without a read database");
    }
}
