//! The metrics of one server, in the text format of Prometheus.
//!
//! To add a metric, add a field to [`Metrics`], its line to [`Metrics::new`], and a method that
//! moves it. A label has few values, all known from the program: never the name or id of a tenant,
//! an account or a photo.

use std::{fmt, sync::Arc, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, prometheus_text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Metric, Registry},
};

/// Upper bounds of the durations' buckets, in seconds: from a health check (1 ms) to a large image
/// that had to wait (60 s).
const SECONDS: [f64; 15] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
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
    image_jobs: Family<StateLabel, Gauge>,
    time_stamps: Family<OutcomeLabel, Counter>,
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
struct StateLabel {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

impl Metrics {
    /// Metrics that have counted nothing yet.
    pub fn new() -> Self {
        let mut registry = Registry::default();
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
            image_jobs: add(
                &mut registry,
                "lumatrace_image_jobs",
                "Images being worked on, and images waiting for a worker",
                Family::default(),
            ),
            time_stamps: add(
                &mut registry,
                "lumatrace_time_stamps",
                "Signatures for which a time stamp was wanted, by what came of it",
                Family::default(),
            ),
            registry: Arc::new(registry),
        }
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

    /// Takes how many image jobs run and how many wait at this moment.
    pub fn set_image_jobs(&self, running: usize, waiting: usize) {
        for (state, jobs) in [("running", running), ("waiting", waiting)] {
            let jobs = i64::try_from(jobs).unwrap_or(i64::MAX);
            self.image_jobs
                .get_or_create(&StateLabel { state })
                .set(jobs);
        }
    }

    /// Counts a signature for which a time stamp was wanted.
    pub fn count_time_stamp(&self, granted: bool) {
        let outcome = if granted { "granted" } else { "failed" };
        let label = OutcomeLabel { outcome };
        self.time_stamps.get_or_create(&label).inc();
    }

    /// Everything in the Prometheus text format, version 0.0.4.
    ///
    /// # Errors
    ///
    /// None that is known: only a label that cannot be written would be one.
    pub fn render(&self) -> Result<String, fmt::Error> {
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
        let text = metrics.render().unwrap();
        assert!(
            text.contains("\nlumatrace_http_requests_in_flight 2\n"),
            "{text}"
        );
        first.answered(200, Duration::from_millis(3));
        second.answered(405, Duration::from_secs(61));
        metrics.count_refusal("METHOD_NOT_ALLOWED");
        metrics.set_image_jobs(2, 5);
        metrics.count_time_stamp(true);
        metrics.count_time_stamp(false);
        metrics.count_time_stamp(false);
        let text = metrics.render().unwrap();
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
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
            found += 1;
        }
        assert_eq!(found, 15);
    }
}
