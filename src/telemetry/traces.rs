//! Traces for a collector: OTLP over HTTP, as protobuf
//! (<https://opentelemetry.io/docs/specs/otlp/>).
//!
//! A thread of its own sends what requests put into a bounded queue. When the collector is slow or
//! down the queue fills up and spans are dropped: no request waits for it.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{ExporterBuildError, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    resource::EnvResourceDetector,
    trace::{SdkTracerProvider, SpanData, SpanExporter},
};
use tracing_subscriber::{Layer, filter::dynamic_filter_fn, registry::LookupSpan};

use crate::request_scope::TRACES;

/// Where traces go below the address of a collector (OTLP 1.0, "OTLP/HTTP request").
const PATH: &str = "/v1/traces";

/// Longest time that a batch may take to be sent.
const SEND_LIMIT: Duration = Duration::from_secs(5);

/// How long the stop of the program waits for the last batch.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// The export of traces, or none.
#[derive(Debug, Default)]
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Starts to export, and makes the layer that takes spans.
    pub(super) fn export<S>(
        collector: &str,
    ) -> Result<(Self, impl Layer<S> + Send + Sync + use<S>), ExporterBuildError>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_endpoint(format!("{}{PATH}", collector.trim_end_matches('/')))
            .with_timeout(SEND_LIMIT)
            .build()?;
        let resource = Resource::builder_empty()
            .with_service_name("lumatrace")
            // OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME say otherwise.
            .with_detector(Box::new(EnvResourceDetector::new()))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(Telling {
                exporter,
                failing: AtomicBool::new(false),
            })
            .with_resource(resource)
            .build();
        let layer = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("lumatrace"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_level(false)
            .with_tracked_inactivity(false)
            // Events are the log's, which names more than a collector needs to know. Asked each
            // time: an answer that was kept would be mixed up with that to another question.
            .with_filter(dynamic_filter_fn(|metadata, _| {
                metadata.is_span() && metadata.target() == TRACES
            }));
        Ok((Self(Some(provider)), layer))
    }

    /// Sends what has not been sent, within a limit.
    pub fn stop(self) {
        let stopped = self.0.map_or(Ok(()), |provider| {
            provider.shutdown_with_timeout(STOP_LIMIT)
        });
        if let Err(error) = stopped {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// An exporter that says when it stops working.
struct Telling<E> {
    exporter: E,
    failing: AtomicBool,
}

impl<E> fmt::Debug for Telling<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telling").finish_non_exhaustive()
    }
}

impl<E: SpanExporter> SpanExporter for Telling<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.exporter.export(batch).await;
        let failed_before = self.failing.swap(sent.is_err(), Ordering::Relaxed);
        if let Err(error) = &sent
            && !failed_before
        {
            // Once for each time that it stops working.
            tracing::warn!(%error, "cannot send traces to the collector: they are dropped");
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
