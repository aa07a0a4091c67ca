//! Logs to stderr, as lines for people or as JSON, and traces to a collector.

mod json_lines;
mod traces;

use tracing_subscriber::{
    EnvFilter, Layer, Registry, fmt, layer::SubscriberExt, util::SubscriberInitExt,
};

use self::json_lines::JsonLines;
pub use self::traces::Traces;
use crate::{config::LogFormat, request_scope::TRACES};

/// Why neither logs nor traces can be written.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be parsed.
    #[error("LUMATRACE_LOG: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// There is no way to the collector.
    #[error("OTEL_EXPORTER_OTLP_ENDPOINT: {0}")]
    Traces(#[from] opentelemetry_otlp::ExporterBuildError),
    /// Somebody else has installed a subscriber.
    #[error("logs: {0}")]
    Installed(#[from] tracing_subscriber::util::TryInitError),
}

/// Sets up logging for the whole process, and traces if `collector` is the address of one, to which
/// nothing is sent before there is something. `filter` is in the syntax of `RUST_LOG`.
///
/// # Errors
///
/// The filter cannot be parsed, or a subscriber is installed already.
pub fn init(
    filter: &str,
    format: LogFormat,
    collector: Option<&str>,
) -> Result<Traces, TelemetryError> {
    // What is exported is not logged, whatever the filter says, nor made where nobody takes it. One
    // filter for all, and not one for each layer: those go wrong where a library asks whether it
    // would be heard and then says nothing, as sqlx does (tests/it/signers.rs lost a warning).
    let wanted = if collector.is_some() { "info" } else { "off" };
    let traces = format!("{TRACES}={wanted}").parse()?;
    let filter = EnvFilter::try_new(filter)?.add_directive(traces);
    let logs: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Text => fmt::layer()
            .with_ansi(false)
            .with_writer(std::io::stderr)
            .boxed(),
        LogFormat::Json => JsonLines::new(std::io::stderr).boxed(),
    };
    let logs = tracing_subscriber::registry().with(logs).with(filter);
    let Some(collector) = collector else {
        logs.try_init()?;
        return Ok(Traces::default());
    };
    let (traces, exporting) = Traces::export(collector)?;
    logs.with(exporting).try_init()?;
    Ok(traces)
}
