//! What drover says of itself: log lines, how secrets and private data are masked in them, metrics and traces.
//!
//! Log lines go to stderr, so that stdout stays for what a command answers. Everybody may use [`mask`]; [`init`] is
//! called once, by the binary.

pub mod catalogue;
pub mod mask;
mod prometheus;
mod traces;

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, Layer, Registry, layer::SubscriberExt, util::SubscriberInitExt};

pub use prometheus::Metrics;
pub use traces::Traces;

use crate::config::{Log, LogFormat};

/// Log lines cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `log.level` is no filter.
    #[error("log.level is {level:?}, which is no filter: {source}")]
    Filter {
        /// What it is.
        level: String,
        /// Why it is none.
        source: tracing_subscriber::filter::ParseError,
    },
    /// `telemetry.otlp_endpoint` leads to no collector.
    #[error(
        "telemetry.otlp_endpoint is {url:?}, to which no trace can be sent: {detail}; such as http://collector:4318"
    )]
    Collector {
        /// What it is.
        url: String,
        /// Why not.
        detail: String,
    },
    /// [`init`] was called before.
    #[error("log lines are being written already: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Writes log lines to stderr from now on, as the settings say, and hands spans to the traces.
///
/// # Errors
/// When the filter cannot be read, or log lines are being written already.
pub fn init(settings: &Log, traces: Option<&Traces>) -> Result<(), TelemetryError> {
    let filter = EnvFilter::builder()
        .parse(&settings.level)
        .map_err(|source| TelemetryError::Filter { level: settings.level.clone(), source })?;
    let is_terminal = std::io::stderr().is_terminal();
    let is_pretty = match settings.format {
        LogFormat::Auto => is_terminal,
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let lines: Box<dyn Layer<Registry> + Send + Sync> = if is_pretty {
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(is_terminal);
        lines.with_target(false).compact().with_filter(filter).boxed()
    } else {
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).json();
        lines.flatten_event(true).with_current_span(true).with_span_list(false).with_filter(filter).boxed()
    };
    let layers: Vec<_> = std::iter::once(lines).chain(traces.map(Traces::layer)).collect();
    tracing_subscriber::registry().with(layers).try_init()?;
    Ok(())
}
