//! Logs to stderr, as lines for people or as JSON.

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::LogFormat;

/// Sets up logging for the whole process. `filter` is in the syntax of `RUST_LOG`.
///
/// # Errors
///
/// The filter cannot be parsed, or a subscriber is installed already.
pub fn init(filter: &str, format: LogFormat) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| error.to_string())?;
    let logs = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => logs.with_ansi(false).try_init(),
        LogFormat::Json => logs.json().try_init(),
    }
    .map_err(|error| error.to_string())
}
